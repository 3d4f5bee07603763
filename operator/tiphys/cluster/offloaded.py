"""Which workflows have their nodes in a database."""

from collections.abc import AsyncIterator

import msgspec

from tiphys.cluster.api import Api
from tiphys.model.base import UNREADABLE, ObjectMeta


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    offload_node_status_version: str = ""


class _Workflow(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    status: _Status = _Status()


async def offloaded_versions(api: Api, namespace: str = "") -> AsyncIterator[tuple[str, str]]:
    """Uid and version of every workflow of a namespace, of all for an empty one, that has offloaded nodes."""
    async for page in api.list("Workflow", namespace):
        for raw in page.items:
            try:
                found = msgspec.json.decode(raw, type=_Workflow)
            except UNREADABLE:
                continue
            if found.status.offload_node_status_version:
                yield found.metadata.uid, found.status.offload_node_status_version
