"""What a cluster left out of a pod that asked for it: an API server that does not know a field drops it without a word.

Source: features 2 (podResources, resourceClaims), 16 (Kubernetes events).
"""

import logging
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.live import Live
from tiphys.errors import TiphysError
from tiphys.model.base import Json

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_FIELDS = {
    "resources": ("PodLevelResourcesDropped", "podResources"),
    "resourceClaims": ("ResourceClaimsDropped", "resourceClaims"),
}
"""Field of a pod -> reason of the Event, and the field of the template that asked for it."""


class _Stored(msgspec.Struct, frozen=True):
    spec: Json = {}


def dropped(asked: Json, stored: Json) -> list[tuple[str, str]]:
    """Reason and message for each field that was asked for and is not there, by the specs of a pod."""
    lost = [words for field, words in _FIELDS.items() if asked.get(field) and not stored.get(field)]
    return [(reason, f"the cluster dropped the {field} of pod {{name}}: it does not know them") for reason, field in lost]


def may_be_dropped(pod: Json) -> bool:
    """Whether a pod asks for what a cluster may not know."""
    return any(pod["spec"].get(field) for field in _FIELDS)


async def tell_dropped(controller: "Controller", live: Live, pod: Json) -> None:
    """Look at a pod that was created, and warn of what is not there."""
    name = pod["metadata"]["name"]
    try:
        stored = msgspec.json.decode(await controller.objects.read("Pod", live.namespace, name), type=_Stored).spec
    except (TiphysError, msgspec.DecodeError) as e:
        log.info("what the cluster left out of pod %s/%s is not known: %s", live.namespace, name, e)
        return
    for reason, message in dropped(pod["spec"], stored):
        controller.announcements.announce(live.regarding, type_="Warning", reason=reason, message=message.format(name=name))
