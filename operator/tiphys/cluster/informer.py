"""All objects of one kind, kept up to date by a watch: list, watch, and both again when the world says so.

The server is asked to end each watch after less than a minute, and to say before that how far it is; one that does not end has
gone silent. A watch that breaks goes on from where it was; a list, after 410, tells of what was deleted meanwhile. An object is
the same only if its uid is.

Source: Kubernetes' API concepts (watch, bookmarks, 410).
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import aiohttp
import msgspec

from tiphys.cluster.api import Api, as_error, path_of, retry_after
from tiphys.cluster.versions import is_older
from tiphys.errors import Gone, OutsideError, RefusedError, TiphysError, Unauthorized, Unavailable, UserError
from tiphys.model.base import UNREADABLE, ObjectMeta

T = TypeVar("T")
log = logging.getLogger(__name__)
_WATCH_SECONDS = 50
_GRACE_SECONDS = 8
_LINE_LIMIT = 64 * 2**20
_LONGEST_DELAY = 30.0
_RARELY = 600.0
_STALE_LISTS = 5


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class _Known(NamedTuple):
    uid: str
    version: str


_EVENTS = msgspec.json.Decoder(_Event)
_METAS = msgspec.json.Decoder(_Meta)


class Informer(Generic[T]):
    """One kind's objects, parsed by `parse`; what cannot be parsed is logged and left out.

    Args:
        watch_seconds: When the server shall end a watch; one that lasts longer counts as silent.
        is_optional: Who may not see the kind does without it: that is said once, and asked for more and more rarely.

    Attributes:
        items: `namespace/name` -> object.
        synced: All objects are known.
        settled: They are known, or refused.
        is_current: They are as a watch that goes on tells them; False from where one breaks until the next one.
        on_fault: Told why they cannot be read, and an empty text when they can.
    """

    def __init__(  # noqa: PLR0913 as many ways to choose objects
        self, api: Api, kind: str, *, parse: Callable[[msgspec.Raw], T], namespace: str = "", labels: str = "", fields: str = "",
        watch_seconds: int = _WATCH_SECONDS, is_optional: bool = False,
    ) -> None:  # fmt: skip
        self.items: dict[str, T] = {}
        self.synced = asyncio.Event()
        self.settled = asyncio.Event()
        self.is_current = False
        self.on_fault: Callable[[str], None] = lambda _message: None
        self.on_change: Callable[[str, T], None] = lambda _key, _item: None
        self.on_delete: Callable[[str, T], None] = lambda _key, _item: None
        self._api = api
        self._kind = kind
        self._parse = parse
        self._namespace = namespace
        self._labels = labels
        self._fields = fields
        self._watch_seconds = watch_seconds
        self._is_optional = is_optional
        self._refusal = ""
        self._version = ""
        self._newest = ""
        self._known: dict[str, _Known] = {}
        self._failures = 0
        self._stale_lists = 0

    @property
    def version(self) -> str:
        """Up to where changes are known; what is watched from there misses nothing."""
        return self._version

    async def run(self) -> None:
        """Keep the objects up to date until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                    self.synced.set()
                    self._may_see()
                await self._watch()
            except (OutsideError, RefusedError) as e:
                self.is_current = False
                if isinstance(e, RefusedError):
                    self.on_fault(e.message)
                    self.settled.set()
                if isinstance(e, Gone):
                    self._version = ""
                if isinstance(e, Unauthorized) and self._api.access.renew is not None:
                    self._api.access.renew()
                await self._back_off(e)

    async def _back_off(self, error: TiphysError) -> None:
        self._failures += 1
        if isinstance(error, Gone) and self._failures == 1:
            return
        does_without = self._is_optional and isinstance(error, RefusedError)
        longest = _RARELY if does_without else _LONGEST_DELAY
        delay = min(longest, 0.2 * 2 ** min(self._failures - 1, 16)) * random.uniform(0.5, 1.0)  # noqa: S311 jitter
        delay = max(delay, error.retry_after if isinstance(error, OutsideError) else 0.0)
        if not does_without:
            log.warning("watch of %s broke, again in %.1f s: %s", self._kind, delay, error)
        elif self._refusal != str(error):
            self._refusal = str(error)
            log.warning("%s may not be seen, asked for again now and then: %s", self._kind, error)
        await asyncio.sleep(delay)

    def _may_see(self) -> None:
        self.on_fault("")
        self.settled.set()
        if self._refusal:
            self._refusal, self._failures = "", 0
            log.info("%s may be seen now", self._kind)

    # --- listing

    async def _list(self) -> None:
        seen: set[str] = set()
        version = ""
        async for page in self._api.list(self._kind, self._namespace, labels=self._labels, fields=self._fields):
            if not version:
                version = page.metadata.resource_version
                self._refuse_the_past(version)
            for raw in page.items:
                key = self._store(raw)
                if key:
                    seen.add(key)
        for key in [key for key in self.items if key not in seen]:
            self._drop(key)
        self._version = self._newest = version

    def _refuse_the_past(self, version: str) -> None:
        """A server that lags behind what we know is asked again; one that stays there has lost what came after."""
        if is_older(version, self._newest) and self._stale_lists < _STALE_LISTS:
            self._stale_lists += 1
            raise Unavailable(f"the list of {self._kind} is as of {version}, older than {self._newest}")
        self._stale_lists = 0

    def _store(self, raw: msgspec.Raw) -> str:
        """Know an object; its key, empty for what cannot be read."""
        try:
            meta = _METAS.decode(raw).metadata
            item = self._parse(raw)
        except (msgspec.DecodeError, RecursionError, ValueError, UserError) as e:
            log.warning("left out a %s that cannot be read: %s", self._kind, e)
            return ""
        key = f"{meta.namespace}/{meta.name}"
        known = self._known.get(key)
        if known is not None and known.uid != meta.uid:
            self._drop(key)
        elif known is not None and known.version == meta.resource_version:
            return key
        self._known[key] = _Known(meta.uid, meta.resource_version)
        self.items[key] = item
        self._tell(self.on_change, key, item)
        return key

    def _drop(self, key: str, last: T | None = None) -> None:
        self._known.pop(key, None)
        known = self.items.pop(key, None)
        if known is not None:
            self._tell(self.on_delete, key, known if last is None else last)

    def _tell(self, listener: Callable[[str, T], None], key: str, item: T) -> None:
        """Whatever one object does to who listens, the others are heard of."""
        try:
            listener(key, item)
        except Exception:
            log.exception("%s %s broke who listens", self._kind, key)

    # --- watching

    async def _watch(self) -> None:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(self._watch_seconds),
            **({"labelSelector": self._labels} if self._labels else {}),
            **({"fieldSelector": self._fields} if self._fields else {}),
        }
        path = path_of(self._kind, self._namespace)
        no_limit = aiohttp.ClientTimeout(total=None, sock_connect=_GRACE_SECONDS)
        try:
            async with (
                asyncio.timeout(self._watch_seconds + _GRACE_SECONDS),
                self._api.session.get(path, params=query, headers=self._api.headers(), timeout=no_limit) as answer,
            ):
                if answer.status >= 400:
                    raise as_error(answer.status, await answer.read(), retry_after(answer.headers))
                self.is_current = True
                await self._read(answer.content)
        except TimeoutError as e:
            raise Unavailable(f"silent for {self._watch_seconds + _GRACE_SECONDS} s") from e
        except (aiohttp.ClientError, OSError) as e:
            raise Unavailable(f"{e or type(e).__name__}") from e
        self._failures = 0

    async def _read(self, stream: aiohttp.StreamReader) -> None:
        rest = b""
        async for chunk in stream.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LINE_LIMIT:
                raise Unavailable("an event is too large")
            for line in lines:
                if line:
                    self._apply(line)

    def _apply(self, line: bytes) -> None:
        try:
            event = _EVENTS.decode(line)
            if event.type == "ERROR":
                raise as_error(int(msgspec.json.decode(event.object).get("code", 500)), bytes(event.object))
        except UNREADABLE as e:
            raise Unavailable(f"no event: {e}") from e
        try:
            meta = _METAS.decode(event.object).metadata
        except UNREADABLE as e:
            # the watch cannot go on from an object whose version is not known: a list leaves it out
            raise Gone(f"an object without readable metadata: {e}") from e
        self._failures = 0
        if event.type == "DELETED":
            self._deleted(f"{meta.namespace}/{meta.name}", meta.uid, event.object)
        elif event.type != "BOOKMARK" and not self._is_past(f"{meta.namespace}/{meta.name}", meta):
            self._store(event.object)
        self._version = self._newest = meta.resource_version

    def _is_past(self, key: str, meta: ObjectMeta) -> bool:
        """Whether an event tells of what is long known."""
        known = self._known.get(key)
        return known is not None and known.uid == meta.uid and is_older(meta.resource_version, known.version)

    def _deleted(self, key: str, uid: str, raw: msgspec.Raw) -> None:
        if key not in self.items or self._known[key].uid != uid:
            return
        try:
            last = self._parse(raw)
        except (msgspec.DecodeError, RecursionError, ValueError, UserError):
            last = self.items[key]
        self._drop(key, last)
