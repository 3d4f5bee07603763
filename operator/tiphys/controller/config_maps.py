"""ConfigMaps that hold parameters, read when a workflow asks for a key.

Source: argo-semantics 10.1.
"""

from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Live
from tiphys.engine.actions import ReadConfigMap
from tiphys.engine.events import ConfigMapRead
from tiphys.errors import NotFound, OutsideError, TiphysError
from tiphys.model.base import UNREADABLE, ObjectMeta
from tiphys.model.names import PREFIX

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

LABEL_CONFIG_MAP_TYPE = PREFIX + "configmap-type"
_PARAMETER = "Parameter"
_LABEL = f"the label {LABEL_CONFIG_MAP_TYPE}: {_PARAMETER}"


class _ConfigMap(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, str] | None = None


class ConfigMapReader:
    """Answers what runs ask."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller

    def read(self, live: Live, action: ReadConfigMap) -> None:
        """Read it, however long the API server is away."""
        self._controller.effects.spawn(self._read(live, action))

    async def _read(self, live: Live, action: ReadConfigMap) -> None:
        controller, backoff = self._controller, Backoff(longest=15.0)
        while not controller.is_stopping and controller.lives.get(live.uid) is live:
            try:
                raw = await controller.objects.read("ConfigMap", live.namespace, action.name)
                answer = answer_of(action, raw)
            except NotFound:
                answer = answer_of(action, None)
            except OutsideError as e:
                await backoff.wait(e)
                continue
            except TiphysError as e:
                answer = ConfigMapRead(action.name, action.key, error=e.message)
            controller.send(live, answer)
            return


def answer_of(action: ReadConfigMap, raw: bytes | None) -> ConfigMapRead:
    """What a ConfigMap says about the key that is asked for.

    Args:
        action: What is asked for.
        raw: The object's JSON; None when it does not exist.
    """
    name, key = action.name, action.key
    if raw is None:
        says = f"ConfigMap '{name}' does not exist. Please make sure it has {_LABEL} to be detectable by the controller"
        return ConfigMapRead(name, key, error=says, is_missing=True)
    try:
        found = msgspec.json.decode(raw, type=_ConfigMap)
    except UNREADABLE as e:
        return ConfigMapRead(name, key, error=f"ConfigMap '{name}' cannot be read: {e}")
    if found.metadata.labels.get(LABEL_CONFIG_MAP_TYPE) != _PARAMETER:
        return ConfigMapRead(name, key, error=f"ConfigMap '{name}' needs to have {_LABEL} to load parameters")
    value = (found.data or {}).get(key)
    if value is None:
        return ConfigMapRead(name, key, error=f"ConfigMap '{name}' does not have the key '{key}'", is_missing=True)
    return ConfigMapRead(name, key, value=value)
