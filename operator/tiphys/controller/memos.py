"""Memos in ConfigMaps of the controller's own namespace.

Source: argo-semantics 17.
"""

import logging
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Live
from tiphys.engine.actions import LookUpMemo, SaveMemo
from tiphys.engine.events import MemoAnswered, MemoSaved
from tiphys.engine.memo import MemoEntry
from tiphys.errors import AlreadyExists, Conflict, NotFound, OutsideError, SpecError, TiphysError
from tiphys.model.base import Json, ObjectMeta
from tiphys.model.names import PREFIX

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_LABEL = PREFIX + "configmap-type"
_TYPE = "Cache"
CACHES = f"{_LABEL}={_TYPE}"
"""Selects the ConfigMaps that hold memos."""


class Cache(msgspec.Struct, frozen=True):
    """A ConfigMap of memos: key -> entry, as JSON."""

    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, str] = {}


class Memos:
    """Looks up and keeps memos."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller

    def look_up(self, live: Live, action: LookUpMemo) -> None:
        """Is there one?"""
        self._controller.effects.spawn(self._look_up(live, action))

    def save(self, live: Live, action: SaveMemo) -> None:
        """Keep one."""
        self._controller.effects.spawn(self._save(live, action))

    async def _look_up(self, live: Live, action: LookUpMemo) -> None:
        backoff = Backoff()
        while True:
            try:
                event = await self._find(action)
                break
            except OutsideError as e:
                await backoff.wait(e)
            except TiphysError as e:
                event = MemoAnswered(action.node_id, error=e.message)
                break
        self._controller.send(live, event)

    async def _find(self, action: LookUpMemo) -> MemoAnswered:
        try:
            cache = await self._read(action.cache)
        except NotFound:
            return MemoAnswered(action.node_id)
        text = cache.data.get(action.key)
        if text is None:
            return MemoAnswered(action.node_id)
        now = self._controller.clock.now()
        try:
            entry = msgspec.json.decode(text, type=MemoEntry)
        except msgspec.DecodeError as e:
            raise SpecError(f"malformed cache entry: {e}") from e
        touched = msgspec.structs.replace(entry, last_hit_timestamp=now.replace(microsecond=0))
        try:
            await self._write(action.cache, {"data": {action.key: _text(touched)}}, cache.metadata.resource_version)
        except TiphysError as e:
            log.debug("hit of memo %s is not noted: %s", action.key, e.message)
        if not entry.is_hit(action.max_age_seconds, now):
            return MemoAnswered(action.node_id)
        return MemoAnswered(action.node_id, is_hit=True, outputs=entry.outputs)

    async def _read(self, name: str) -> Cache:
        cache = msgspec.json.decode(await self._controller.objects.read("ConfigMap", self._controller.home, name), type=Cache)
        kind = cache.metadata.labels.get(_LABEL)
        if kind is None:
            raise SpecError(f"memoization configmap doesn't have {_LABEL} label, refusing to use it")
        if kind != _TYPE:
            raise SpecError(f"memoization configmap doesn't have label {_LABEL} = {_TYPE}, refusing to use it")
        return cache

    async def _write(self, name: str, patch: Json, version: str = "") -> None:
        await self._controller.objects.patch("ConfigMap", self._controller.home, name, patch, resource_version=version)

    async def _save(self, live: Live, action: SaveMemo) -> None:
        now = self._controller.clock.now().replace(microsecond=0)
        entry = MemoEntry(node_id=action.node_id, outputs=action.outputs, creation_timestamp=now, last_hit_timestamp=now)
        backoff, error = Backoff(), ""
        while True:
            try:
                await self._put(action.cache, action.key, _text(entry))
                break
            except (OutsideError, Conflict) as e:
                await backoff.wait(e)
            except TiphysError as e:
                error = e.message
                break
        self._controller.send(live, MemoSaved(action.node_id, error))

    async def _put(self, cache: str, key: str, text: str) -> None:
        try:
            await self._read(cache)
        except NotFound:
            metadata = {"name": cache, "namespace": self._controller.home, "labels": {_LABEL: _TYPE}}
            manifest: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {key: text}}
            try:
                await self._controller.objects.create("ConfigMap", self._controller.home, manifest)
            except AlreadyExists:
                await self._read(cache)
            else:
                return
        await self._write(cache, {"data": {key: text}})


def _text(entry: MemoEntry) -> str:
    made = msgspec.to_builtins(entry)
    # Argo writes a null where there are no outputs
    return msgspec.json.encode({**made, "outputs": made.get("outputs")}).decode()
