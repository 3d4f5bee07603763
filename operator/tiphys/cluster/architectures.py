"""Which architectures a cluster's nodes have, so that each pod gets the shim that runs there."""

import logging
import platform

import msgspec

from tiphys.cluster.api import Api
from tiphys.errors import TiphysError
from tiphys.model.base import ObjectMeta
from tiphys.shim import ARCHITECTURES, MACHINES

log = logging.getLogger(__name__)
_LABEL = "kubernetes.io/arch"


class _Node(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


def own_architecture() -> str:
    """This machine's, as Kubernetes calls it."""
    return MACHINES.get(platform.machine().lower(), ARCHITECTURES[0])


async def architectures_of(api: Api) -> tuple[str, ...]:
    """Those of the nodes that the shim runs on; this machine's where nodes may not be seen."""
    found: set[str] = set()
    try:
        async for page in api.list("Node"):
            found |= {msgspec.json.decode(raw, type=_Node).metadata.labels.get(_LABEL, "") for raw in page.items}
    except (TiphysError, msgspec.DecodeError) as e:
        log.info("nodes cannot be listed, %s is assumed: %s", own_architecture(), e)
    known = tuple(sorted(found & set(ARCHITECTURES)))
    return known or (own_architecture(),)
