"""What stands beside workflows: Kubernetes events about them, Argo Events' objects, and what a page tells of its use.

Argo Events' objects are stored as they are given: what they may hold is its controllers' affair.

Source: rest-and-clients 1.1, ranks 3 and 5.
Differs from Argo: where Argo Events is not installed its operations are answered with 501.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.responses import Response

from tiphys.errors import NotFound
from tiphys.model.base import Json
from tiphys.server.answers import NotYet, listing
from tiphys.server.call import Call
from tiphys.server.foreign_logs import ForeignLogs
from tiphys.server.rights import require
from tiphys.server.streams import changes, opened

Handler = Callable[[Call], Awaitable[Any]]
Route = tuple[str, str, Handler]


async def events(call: Call) -> Response:
    """Kubernetes events of a namespace, as they come."""
    await require(call.api, "watch", "Event", call.namespace)
    return await opened(call.api, _objects(call), call.accept)


async def _objects(call: Call) -> AsyncIterator[Json]:
    async for told in changes(call.api, "Event", call.namespace, call.selection(), call.fields()):
        yield told.get("object") or {}


async def track(_call: Call) -> Json:
    """Nobody is told of what users do."""
    return {}


# a cluster that has other kinds of the group says the second
_NO_KIND = ("could not find the requested resource", "page not found")


class Foreign:
    """The operations on a kind of Argo Events."""

    def __init__(self, kind: str, key: str) -> None:
        self._kind, self._key = kind, key

    async def _may(self, call: Call, verb: str) -> None:
        await require(call.api, verb, self._kind, call.namespace, call.part("name"))

    async def _do(self, work: Awaitable[Json]) -> Json:
        try:
            return await work
        except NotFound as e:
            if any(words in e.message for words in _NO_KIND):
                raise NotYet(f"Argo Events is not installed here: the cluster knows no {self._kind}") from e
            raise

    async def create(self, call: Call) -> Json:
        """Store a new one."""
        await self._may(call, "create")
        return await self._do(call.storage.create(self._kind, call.namespace, call.sent(self._key)))

    async def list_(self, call: Call) -> Json:
        """All."""
        await self._may(call, "list")

        async def work() -> Json:
            found, version = await call.storage.all(self._kind, call.namespace, call.selection())
            return listing(found, f"{self._kind}List", version=version)

        return await self._do(work())

    async def read(self, call: Call) -> Json:
        """One."""
        await self._may(call, "get")
        return await self._do(call.storage.read(self._kind, call.namespace, call.name))

    async def replace(self, call: Call) -> Json:
        """Store one in place of that of its name."""
        await self._may(call, "update")
        return await self._do(call.storage.replace(self._kind, call.namespace, call.name, call.sent(self._key)))

    async def delete(self, call: Call) -> Json:
        """Delete one."""
        await self._may(call, "delete")

        async def work() -> Json:
            await call.storage.delete(self._kind, call.namespace, call.name, options=call.delete_options())
            return {}

        return await self._do(work())

    async def watch(self, call: Call) -> Response:
        """Changes, as they come."""
        await self._may(call, "watch")
        return await opened(call.api, changes(call.api, self._kind, call.namespace, call.selection(), call.fields()), call.accept)

    async def logs(self, call: Call) -> Response:
        """What its pods print."""
        await self._may(call, "get")
        await require(call.api, "get", "Pod", call.namespace, part="log")
        return await opened(call.api, ForeignLogs(call, self._kind).lines(), call.accept)

    def routes(self, word: str) -> tuple[Route, ...]:
        """Its routes."""
        every, one = f"/api/v1/{word}/{{namespace}}", f"/api/v1/{word}/{{namespace}}/{{name}}"
        stream = f"/api/v1/stream/{word}/{{namespace}}"
        return (
            ("POST", every, self.create), ("GET", every, self.list_), ("GET", one, self.read), ("PUT", one, self.replace),
            ("DELETE", one, self.delete), ("GET", stream, self.watch), ("GET", stream + "/logs", self.logs),
        )  # fmt: skip


_SOURCES, _SENSORS = Foreign("EventSource", "eventSource"), Foreign("Sensor", "sensor")
_FOREIGN = (*_SOURCES.routes("event-sources"), *_SENSORS.routes("sensors"))
ROUTES: tuple[Route, ...] = (
    ("GET", "/api/v1/stream/events/{namespace}", events),
    ("GET", "/api/v1/stream/events/", events),
    ("POST", "/api/v1/tracking/event", track),
    *_FOREIGN,
)
STREAMS: frozenset[Handler] = frozenset({events, _SOURCES.watch, _SENSORS.watch, _SOURCES.logs, _SENSORS.logs})
