"""What Argo Events prints: the logs of the pods of event sources and sensors, which it labels by the name of their object.

A line that is a JSON object is told with its own words for level, time, message and so on.

Source: rest-and-clients 1.1, rank 5; features, "REST Argo Events proxies".
Differs from Argo: without `follow` the answer ends with what has been printed until now.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec

from tiphys.cluster.logs import PodLogs, Window
from tiphys.errors import InvalidManifest, NotFound
from tiphys.model.base import Json
from tiphys.server.answers import Fields, checked_name
from tiphys.server.call import Call
from tiphys.server.logs import pattern_of, window_of
from tiphys.server.streams import changes, queued

_QUEUED = 64
_COMMON = frozenset({"namespace", "level", "time", "msg"})
_AGAIN_SECONDS = 1.0


class Shape(msgspec.Struct, frozen=True):
    """How the pods of a kind are found, and what is said of a line.

    Attributes:
        label: The label that names a pod's object.
        name: The field of a line that says its object.
        own: Fields that a line may say besides.
        wanted: Those of them that a request may choose by.
    """

    label: str
    name: str
    own: tuple[str, ...]
    wanted: tuple[str, ...]


SHAPES = {
    "EventSource": Shape(
        "eventsource-name", "eventSourceName", ("eventSourceType", "eventName"), ("eventSourceType", "eventName")
    ),
    "Sensor": Shape("sensor-name", "sensorName", ("triggerName", "dependencyName", "eventContext"), ("triggerName",)),
}


class _Pod(msgspec.Struct, frozen=True):
    name: str
    uid: str
    about: str


class ForeignLogs:
    """Reads for one request.

    Raises:
        SpecError: What it asks for cannot be read.
    """

    def __init__(self, call: Call, kind: str) -> None:
        self._call, self._shape = call, SHAPES[kind]
        self._namespace = call.namespace
        self._pattern = pattern_of(call.query("grep"))
        self._window: Window = window_of(call, "podLogOptions")
        container = call.query("podLogOptions.container")
        self._container = checked_name(container, "container") if container else ""
        self._follows = call.query("podLogOptions.follow") == "true"
        name = call.query("name")
        self._labels = f"{self._shape.label}={checked_name(name, kind)}" if name else self._shape.label
        self._wanted = {field: text for field in self._shape.wanted if (text := call.query(field))}

    async def lines(self) -> AsyncIterator[Json]:
        """The lines, as Argo tells them."""
        if not self._follows:
            for pod in await self._pods():
                try:
                    async for told in self._told(pod):
                        yield told
                except InvalidManifest as e:
                    yield self._entry(pod, f"no logs: {e.message}")
            return
        async for told in queued(self._follow, _QUEUED):
            yield told

    async def _pods(self) -> list[_Pod]:
        pages = self._call.api.list("Pod", self._namespace, labels=self._labels, metadata_only=True)
        return [self._pod(msgspec.json.decode(raw)) async for page in pages for raw in page.items]

    def _pod(self, document: Json) -> _Pod:
        meta = document["metadata"]
        return _Pod(str(meta["name"]), str(meta["uid"]), str((meta.get("labels") or {}).get(self._shape.label, "")))

    async def _follow(self, queue: "asyncio.Queue[Json | None]") -> None:
        """Of all pods, and of those to come; one that has not begun is looked at again when it changes."""
        begun: set[str] = set()

        async def hand_over(pod: _Pod) -> None:
            try:
                async for told in self._told(pod):
                    await queue.put(told)
            except InvalidManifest:
                begun.discard(pod.uid)

        try:
            async with asyncio.TaskGroup() as group:
                chosen = {"labelSelector": self._labels}
                while True:
                    async for change in changes(self._call.api, "Pod", self._namespace, chosen, Fields("")):
                        pod = self._pod(change["object"])
                        if change["type"] != "DELETED" and pod.uid not in begun:
                            begun.add(pod.uid)
                            group.create_task(hand_over(pod))
                    await asyncio.sleep(_AGAIN_SECONDS)
        except BaseExceptionGroup as e:
            raise e.exceptions[0] from e

    async def _told(self, pod: _Pod) -> AsyncIterator[Json]:
        follows, window = self._follows, self._window
        try:
            logs = PodLogs(self._call.api).follow(self._namespace, pod.name, self._container, follow=follows, window=window)
            async for raw in logs:
                line = raw.decode(errors="replace").removesuffix("\n")
                said = self._entry(pod, line)
                if self._pattern.search(line) and all(said.get(field) == text for field, text in self._wanted.items()):
                    yield said
        except NotFound:
            # it went meanwhile
            return

    def _entry(self, pod: _Pod, line: str) -> Json:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 the time at which a line is read
        entry: Json = {"namespace": self._namespace, self._shape.name: pod.about, "level": "info", "time": now, "msg": line}
        try:
            said = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return entry
        known = _COMMON | {self._shape.name, *self._shape.own}
        own = said.items() if isinstance(said, dict) else ()
        return entry | {key: text for key, text in own if key in known and isinstance(text, str)}
