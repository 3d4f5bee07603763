"""Logs of a workflow: of its pods as they print, of the archive where a pod is gone. Line by line, nothing is gathered.

Source: rest-and-clients 1.1, 1.2 "Streams"; argo-semantics 20.4.
What is not followed comes in the order in which it was printed; archived logs have no times, so they come where their pods began.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import re2
from starlette.responses import Response

from tiphys.cluster.logs import PodLogs, Window
from tiphys.errors import InvalidManifest, NotFound, SpecError
from tiphys.model.base import Json
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import COMPLETED, POD
from tiphys.model.record import MARK
from tiphys.model.workflow import Workflow, pod_name
from tiphys.server.answers import checked_name
from tiphys.server.call import Call
from tiphys.server.choosing import count_of, time_of
from tiphys.server.finding import Wanted, find
from tiphys.server.interleaving import Log, Moment, beginning, interleaved, moment_of
from tiphys.server.printed import kept_lines, pods_of
from tiphys.server.rights import require
from tiphys.server.streams import opened, queued

_QUEUED_LINES = 64
_POLL_SECONDS = 0.5
_NOT_YET = ("ContainerCreating", "PodInitializing", "is waiting to start")


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted.

    Attributes:
        pod: Of one pod; empty for all.
        follow: Those to come, too, until the workflow ends.
        grep: A regular expression (RE2) that is found in them.
        labels: Only of pods with these.
        window: Which the API server gives.
    """

    pod: str = ""
    container: str = "main"
    follow: bool = False
    grep: str = ""
    labels: str = ""
    window: Window = Window()


def window_of(call: Call, options: str = "logOptions") -> Window:
    """Which lines a request asks for, in options of that name.

    Raises:
        SpecError: A value cannot be read.
    """

    def say(name: str) -> str:
        return call.query(f"{options}.{name}")

    tail, seconds = say("tailLines"), say("sinceTime.seconds")
    since = datetime.fromtimestamp(count_of(seconds, f"{options}.sinceTime"), UTC) if seconds else None
    return Window(
        tail=count_of(tail, f"{options}.tailLines") if tail else None,
        since=since or time_of(say("sinceTime"), f"{options}.sinceTime"),
        since_seconds=count_of(say("sinceSeconds"), f"{options}.sinceSeconds"),
        previous=say("previous") == "true", timestamps=say("timestamps") == "true",
        limit_bytes=count_of(say("limitBytes"), f"{options}.limitBytes"),
    )  # fmt: skip


def pattern_of(text: str) -> "re2._Regexp[str]":
    """What lines are looked for with.

    Raises:
        SpecError: It is no regular expression.
    """
    options = re2.Options()
    # who asks is told; the server's own log is not for that
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as e:
        raise SpecError(f"no pattern: {e}", path="grep") from e


def query_of(call: Call) -> LogQuery:
    """What a request asks for.

    Raises:
        SpecError: A value cannot be read.
    """
    pod, container = call.part("pod") or call.query("podName"), call.query("logOptions.container") or "main"
    return LogQuery(
        pod=checked_name(pod, "pod") if pod else "", container=checked_name(container, "container"),
        follow=call.query("logOptions.follow") == "true", grep=call.query("grep"), labels=call.query("selector"),
        window=window_of(call),
    )  # fmt: skip


async def log(call: Call) -> Response:
    """Lines, as they are printed."""
    await require(call.api, "get", "Workflow", call.namespace, call.name)
    asked = query_of(call)
    pattern = pattern_of(asked.grep)
    reader = _Reader(call, asked)
    # whether there is such a workflow is told by the answer's status
    await reader.workflow()
    return await opened(call.api, _matching(reader, pattern), call.accept)


async def _matching(reader: "_Reader", pattern: "re2._Regexp[str]") -> AsyncIterator[Json]:
    async for pod, line in reader.lines():
        said = line.partition(" ")[2] if reader.asked.window.timestamps else line
        if not said.startswith(MARK) and pattern.search(said):
            yield {"content": line, "podName": pod}


class _Reader:
    """Reads for one request."""

    def __init__(self, call: Call, asked: LogQuery) -> None:
        self._call, self.asked = call, asked
        self._wanted = Wanted(namespace=call.namespace, name=call.name, uid=call.query("uid"))

    async def workflow(self) -> Workflow:
        """As it is now, live or archived."""
        return parse_workflow(await find(self._call.storage, self._call.kept, self._wanted))

    async def _pods(self, workflow: Workflow) -> list[str]:
        found = await pods_of(self._call.api, workflow, self.asked.labels)
        return [pod for pod in found if self.asked.pod in ("", pod)]

    async def lines(self) -> AsyncIterator[tuple[str, str]]:
        """Each line with its pod."""
        if not self.asked.follow:
            async for told in self._there():
                yield told
            return
        async for told in queued(self._follow, _QUEUED_LINES):
            yield told

    async def _there(self) -> AsyncIterator[tuple[str, str]]:
        """What has been printed until now, in order."""
        workflow = await self.workflow()
        pods = await self._pods(workflow)
        if len(pods) == 1:
            async for line in self._told(workflow, pods[0]):
                yield pods[0], line
            return
        begun = {pod_name(workflow, node): node.started_at for node in workflow.status.nodes.values() if node.type == POD}
        logs = (Log(pod, beginning(begun.get(pod)), self._timed(workflow, pod)) for pod in pods)
        async for pod, line in interleaved(logs):
            yield pod, line

    async def _timed(self, workflow: Workflow, pod: str) -> AsyncIterator[tuple[Moment | None, str]]:
        """The lines of a pod with their times; the bytes that are wanted of them are counted here, without times nobody wants."""
        asked = self.asked.window
        window = msgspec.structs.replace(asked, timestamps=True, limit_bytes=0)
        left = asked.limit_bytes
        async for line in self._told(workflow, pod, window):
            stamp, _, text = line.partition(" ")
            moment = moment_of(stamp)
            shown = line if moment is None or asked.timestamps else text
            yield moment, shown[:left] if left else shown
            if left and (left := left - len(shown.encode()) - 1) <= 0:
                return

    async def _follow(self, queue: "asyncio.Queue[tuple[str, str] | None]") -> None:
        known: set[str] = set()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    workflow = await self.workflow()
                    for pod in await self._pods(workflow):
                        if pod not in known:
                            known.add(pod)
                            group.create_task(self._hand_over(workflow, pod, queue))
                    if workflow.status.phase in COMPLETED:
                        break
                    await asyncio.sleep(_POLL_SECONDS)
        except BaseExceptionGroup as e:
            raise e.exceptions[0] from e

    async def _hand_over(self, workflow: Workflow, pod: str, queue: "asyncio.Queue[tuple[str, str] | None]") -> None:
        async for line in self._told(workflow, pod):
            await queue.put((pod, line))

    async def _told(self, workflow: Workflow, pod: str, window: Window | None = None) -> AsyncIterator[str]:
        """The lines of a pod, or why there are none."""
        try:
            async for raw in self._raw(workflow, pod, window or self.asked.window):
                yield raw.decode(errors="replace").removesuffix("\n")
        except (NotFound, InvalidManifest) as e:
            yield f"no logs: {e.message}"

    async def _raw(self, workflow: Workflow, pod: str, window: Window) -> AsyncIterator[bytes]:
        while True:
            try:
                async for line in self._printed(workflow.metadata.namespace, pod, window):
                    yield line
            except InvalidManifest as e:
                if not self.asked.follow or not any(word in e.message for word in _NOT_YET):
                    raise
                await asyncio.sleep(_POLL_SECONDS)
            except NotFound as gone:
                async for line in self._kept(pod, gone):
                    yield line
                return
            else:
                return

    def _printed(self, namespace: str, pod: str, window: Window) -> AsyncIterator[bytes]:
        asked = self.asked
        return PodLogs(self._call.api).follow(namespace, pod, asked.container, follow=asked.follow, window=window)

    async def _kept(self, pod: str, gone: NotFound) -> AsyncIterator[bytes]:
        """The archived log of a pod that is gone: what it has stored may be newer than what was known of it."""
        newest, left = await self.workflow(), self.asked.window.limit_bytes
        found = await kept_lines(self._call.api, newest, pod, self.asked.container, self.asked.window.tail)
        if found is None:
            raise gone
        async for line in found:
            yield line[:left] if left else line
            if left and (left := left - len(line)) <= 0:
                return


_ONE = "/api/v1/workflows/{namespace}/{name}"
ROUTES = (("GET", _ONE + "/log", log), ("GET", _ONE + "/{pod}/log", log))
STREAMS = frozenset({log})
