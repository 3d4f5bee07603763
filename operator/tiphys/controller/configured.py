"""The configuration in force: read at the start and taken anew whenever its ConfigMap changes; a bad edit is told, not taken.

Source: argo-semantics 27. Differs from Argo: a bad edit does not end the process, and metrics settings are reloaded, too.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from tiphys.cluster.premises import OWN_CONFIG_MAP
from tiphys.errors import NotFound, SpecError
from tiphys.model.base import ObjectMeta
from tiphys.ports import Announcements, Objects
from tiphys.settings import Configuration, OwnConfiguration, parse_configuration, parse_own_configuration

log = logging.getLogger(__name__)
Listener = Callable[[Configuration, OwnConfiguration], None]


class ConfigMap(msgspec.Struct, frozen=True):
    """What we read of a ConfigMap."""

    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, str] = {}


class Verdicts(Protocol):
    """Counts good and bad configurations."""

    def configuration_read(self, config_map: str, *, is_good: bool) -> None:
        """One was read."""


class Configured:
    """Both ConfigMaps of a controller: Argo's and our own.

    Args:
        check: Raises `SpecError` for settings that can be read, but not be put in force.

    Attributes:
        argo: Argo's settings, the last good ones.
        own: Our own, the last good ones.
    """

    def __init__(
        self, name: str, namespace: str, announcements: Announcements, verdicts: Verdicts,
        check: Callable[[Configuration], None] = lambda _argo: None,
    ) -> None:  # fmt: skip
        self.argo = Configuration()
        self.own = OwnConfiguration()
        self.namespace = namespace
        self._name = name
        self._announcements = announcements
        self._verdicts = verdicts
        self._check = check
        self._listeners: list[Listener] = []
        self._seen: dict[str, Mapping[str, str]] = {}

    @property
    def names(self) -> tuple[str, str]:
        """The names of the ConfigMaps."""
        return self._name, OWN_CONFIG_MAP

    def subscribe(self, listener: Listener) -> None:
        """Tell of every change, and of what is in force now."""
        self._listeners.append(listener)
        listener(self.argo, self.own)

    async def read(self, objects: Objects) -> None:
        """Take what is there at the start; ConfigMaps that are not there leave the defaults.

        Raises:
            SpecError: One cannot be understood: a controller must not start with settings that nobody wanted.
            OutsideError: The API server does not answer.
        """
        for name in self.names:
            try:
                found = msgspec.json.decode(await objects.read("ConfigMap", self.namespace, name), type=ConfigMap)
            except NotFound:
                continue
            try:
                self._take(name, found.data)
            except SpecError as e:
                raise SpecError(f"ConfigMap {self.namespace}/{name}: {e}", hint=e.hint) from e
            self._verdicts.configuration_read(name, is_good=True)

    def heard(self, _key: str, config_map: ConfigMap) -> None:
        """A ConfigMap was added or changed."""
        meta = config_map.metadata
        if meta.name not in self.names or self._seen.get(meta.name, {}) == config_map.data:
            return
        try:
            self._take(meta.name, config_map.data)
        except SpecError as e:
            self._seen[meta.name] = config_map.data
            says = f"{e}{f' ({e.hint})' if e.hint else ''}; the last good configuration stays in force"
            log.error("configuration %s is not taken: %s", meta.name, says)  # noqa: TRY400 the place in the code says nothing
            self._tell(meta, "Warning", "ConfigurationRejected", says)
            self._verdicts.configuration_read(meta.name, is_good=False)
            return
        log.info("configuration %s is in force", meta.name)
        self._tell(meta, "Normal", "ConfigurationApplied", "the configuration is in force")
        self._verdicts.configuration_read(meta.name, is_good=True)
        for listener in self._listeners:
            listener(self.argo, self.own)

    def gone(self, key: str, config_map: ConfigMap) -> None:
        """A ConfigMap was deleted: the defaults are in force."""
        self.heard(key, msgspec.structs.replace(config_map, data={}))

    def _take(self, name: str, entries: Mapping[str, str]) -> None:
        if name == self._name:
            argo = parse_configuration(entries)
            self._check(argo)
            self.argo = argo
        else:
            self.own = parse_own_configuration(entries)
        self._seen[name] = entries

    def _tell(self, meta: ObjectMeta, type_: str, reason: str, message: str) -> None:
        regarding: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        }
        self._announcements.announce(regarding, type_=type_, reason=reason, message=message)
