"""One watch: what has changed since a version, bookmarks while nothing does, and the faults that strike it."""

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from tiphys.local.objects import Change, Refusal
from tiphys.local.paths import Target, shown
from tiphys.local.selectors import Matches
from tiphys.model.base import Json
from tiphys.testing.apiserver.faults import Call

if TYPE_CHECKING:
    from tiphys.testing.apiserver.server import APIServer


class Watch:
    """Serves one watch until its time is over, it breaks, or its client goes away."""

    def __init__(self, server: "APIServer", request: web.Request, call: Call, target: Target, matches: Matches) -> None:
        self._server = server
        self._request = request
        self._call = call
        self._target = target
        self._matches = matches
        self._wants_bookmarks = request.query.get("allowWatchBookmarks") in ("1", "true")
        self._response = web.StreamResponse(headers={"Content-Type": "application/json"})

    async def serve(self) -> web.StreamResponse:
        """Answer the request."""
        loop = asyncio.get_running_loop()
        end = loop.time() + float(self._request.query.get("timeoutSeconds", "1800"))
        await self._response.prepare(self._request)
        position = await self._begin()
        while loop.time() < end:
            changed = self._server.store.changed
            fault = self._server.strike(self._call, "expire", "silence", "fail")
            if fault is not None and fault.does == "silence":
                await self._be_silent()
                break
            if fault is not None and fault.does == "fail":
                await self._send("ERROR", Refusal(fault.status, "InternalError", "on demand").status())
                break
            try:
                changes = list(self._server.store.since(position)) if fault is None else _gone(position)
            except Refusal as e:
                await self._send("ERROR", e.status())
                break
            position = self._server.store.version
            if not await self._send_all(changes):
                break
            await self._wait(changed, min(end - loop.time(), self._server.bookmark_seconds), position)
        return self._response

    async def _begin(self) -> int:
        version = self._request.query.get("resourceVersion", "")
        if version not in ("", "0"):
            return int(version)
        position = self._server.store.version
        for one in self._server.store.find(*self._target.place[:3]):
            if self._matches(one):
                await self._send("ADDED", self._shown(one))
        return position

    async def _wait(self, changed: asyncio.Event, seconds: float, position: int) -> None:
        """Return when something may have changed; after a quiet time, with a bookmark."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await changed.wait()
        except TimeoutError:
            if self._wants_bookmarks:
                bookmark: Json = {"metadata": {"resourceVersion": str(position), "creationTimestamp": None}}
                await self._send("BOOKMARK", self._shown(bookmark))

    async def _be_silent(self) -> None:
        while self._request.transport is not None and not self._request.transport.is_closing():  # noqa: ASYNC110 it tells nobody
            await asyncio.sleep(0.05)

    async def _send_all(self, changes: list[Change]) -> bool:
        """Whether the watch goes on."""
        for change in changes:
            kind = self._kind_of(change)
            if not kind:
                continue
            fault = self._server.strike(self._call, "cut", "end")
            line = msgspec.json.encode({"type": kind, "object": self._shown(change.now)}) + b"\n"
            if fault is not None and fault.does == "cut":
                await self._response.write(line[: len(line) // 2])
                await asyncio.sleep(0)
                if self._request.transport is not None:
                    self._request.transport.close()
                return False
            await self._response.write(line)
            if fault is not None:
                return False
        return True

    def _kind_of(self, change: Change) -> str:
        """What the change is for who watches a selection: what no longer matches is deleted for him. Empty for nothing."""
        place, wanted = change.place, self._target.place
        is_named = wanted.name in ("", place.name) and wanted.namespace in ("", place.namespace)
        if (place.group, place.plural) != (wanted.group, wanted.plural) or not is_named:
            return ""
        was = change.before is not None and self._matches(change.before)
        matches = change.type != "DELETED" and self._matches(change.now)
        if was and matches:
            return "MODIFIED"
        return "ADDED" if matches else "DELETED" if was else ""

    def _shown(self, one: Json) -> Json:
        return shown(one, self._target, self._request.headers.get("Accept", ""))

    async def _send(self, kind: str, what: Json) -> None:
        await self._response.write(msgspec.json.encode({"type": kind, "object": what}) + b"\n")


def _gone(position: int) -> list[Change]:
    raise Refusal(410, "Expired", f"too old resource version: {position}")
