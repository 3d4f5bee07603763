"""All objects of one kind, kept up to date by a watch: list, watch, and both again when the world says so.

Source: Kubernetes' API concepts (watch, bookmarks, 410).
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Generic, TypeVar

import aiohttp
import msgspec

from tiphys.cluster.api import Api, as_error, path_of
from tiphys.errors import Gone, OutsideError, RefusedError, Unavailable
from tiphys.model.base import ObjectMeta

T = TypeVar("T")
log = logging.getLogger(__name__)
_TIMEOUT = 290
_LINE_LIMIT = 64 * 2**20


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


_EVENTS = msgspec.json.Decoder(_Event)
_METAS = msgspec.json.Decoder(_Meta)


class Informer(Generic[T]):
    """One kind's objects, parsed by `parse`; what cannot be parsed is logged and left out.

    Attributes:
        items: `namespace/name` -> object.
    """

    def __init__(self, api: Api, kind: str, *, parse: Callable[[msgspec.Raw], T], namespace: str = "", labels: str = "") -> None:
        self.items: dict[str, T] = {}
        self.synced = asyncio.Event()
        self.on_change: Callable[[str, T], None] = lambda _key, _item: None
        self.on_delete: Callable[[str, T], None] = lambda _key, _item: None
        self._api = api
        self._kind = kind
        self._parse = parse
        self._namespace = namespace
        self._labels = labels
        self._version = ""

    async def run(self) -> None:
        """Keep the objects up to date until cancelled."""
        failures = 0
        while True:
            try:
                if not self._version:
                    await self._list()
                    self.synced.set()
                await self._watch()
                failures = 0
            except Gone:
                self._version = ""
            except (OutsideError, RefusedError) as e:
                failures += 1
                delay = min(30.0, 0.2 * 2 ** min(failures, 8)) * random.uniform(0.5, 1.0)  # noqa: S311 jitter
                log.warning("watch of %s broke, again in %.1f s: %s", self._kind, delay, e)
                await asyncio.sleep(delay)

    async def _list(self) -> None:
        seen: set[str] = set()
        version = ""
        async for page in self._api.list(self._kind, self._namespace, labels=self._labels):
            version = page.metadata.resource_version
            for raw in page.items:
                key = self._store(raw)
                if key:
                    seen.add(key)
        for key in [key for key in self.items if key not in seen]:
            self.on_delete(key, self.items.pop(key))
        self._version = version

    def _store(self, raw: msgspec.Raw) -> str:
        try:
            meta = _METAS.decode(raw).metadata
            key = f"{meta.namespace}/{meta.name}"
            item = self._parse(raw)
        except msgspec.DecodeError as e:
            log.warning("left out a %s that cannot be read: %s", self._kind, e)
            return ""
        self.items[key] = item
        self.on_change(key, item)
        return key

    async def _watch(self) -> None:
        query = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": self._version, "timeoutSeconds": str(_TIMEOUT)}
        if self._labels:
            query["labelSelector"] = self._labels
        timeout = aiohttp.ClientTimeout(total=None, sock_read=_TIMEOUT + 30)
        path = path_of(self._kind, self._namespace)
        try:
            async with self._api.session.get(path, params=query, headers=self._api.headers(), timeout=timeout) as answer:
                if answer.status >= 400:
                    raise as_error(answer.status, await answer.read())
                await self._read(answer.content)
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            raise Unavailable(f"watch ended: {e or type(e).__name__}") from e

    async def _read(self, stream: aiohttp.StreamReader) -> None:
        rest = b""
        async for chunk in stream.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LINE_LIMIT:
                raise Unavailable("watch event is too large")
            for line in lines:
                if line:
                    self._apply(line)

    def _apply(self, line: bytes) -> None:
        try:
            event = _EVENTS.decode(line)
        except msgspec.DecodeError as e:
            raise Unavailable(f"watch sent no JSON: {e}") from e
        if event.type == "ERROR":
            raise as_error(msgspec.json.decode(event.object).get("code", 500), bytes(event.object))
        if event.type == "DELETED":
            meta = _METAS.decode(event.object).metadata
            gone = self.items.pop(f"{meta.namespace}/{meta.name}", None)
            if gone is not None:
                self.on_delete(f"{meta.namespace}/{meta.name}", self._last(event.object, gone))
        elif event.type != "BOOKMARK":
            self._store(event.object)
        self._version = _METAS.decode(event.object).metadata.resource_version

    def _last(self, raw: msgspec.Raw, known: T) -> T:
        try:
            return self._parse(raw)
        except msgspec.DecodeError:
            return known
