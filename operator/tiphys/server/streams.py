"""Answers without end: what changes, and what containers print. As lines of JSON, or as server-sent events.

Source: rest-and-clients 1.2, "Streams".
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import re2
from starlette.responses import StreamingResponse

from tiphys.cluster.api import Api, as_error, path_of
from tiphys.cluster.logs import PodLogs
from tiphys.errors import InvalidManifest, NotFound, SpecError, TiphysError
from tiphys.model.base import Json
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import COMPLETED, POD
from tiphys.model.record import MARK
from tiphys.model.workflow import pod_name
from tiphys.server.answers import HEADERS, Fields, codes_of
from tiphys.server.storage import Storage

_EVENTS = "text/event-stream"
_QUEUED_LINES = 1000


async def opened(api: Api, messages: AsyncIterator[Json], accept: str) -> StreamingResponse:
    """The answer that brings messages; it ends the connection of its caller when it ends."""
    is_events = accept == _EVENTS
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _written(api, messages, is_events=is_events), 200, headers, _EVENTS if is_events else "application/json"
    )


async def _written(api: Api, messages: AsyncIterator[Json], *, is_events: bool) -> AsyncIterator[bytes]:
    async with api:
        # so that the headers go out before the first message
        yield b":\n" if is_events else b""
        try:
            async for message in messages:
                yield _line({"result": message}, is_events=is_events)
        except TiphysError as e:
            status, code = codes_of(e)
            said = {"grpc_code": code, "http_code": status, "message": e.message, "http_status": ""}
            yield _line({"error": said}, is_events=is_events)


def _line(message: Json, *, is_events: bool) -> bytes:
    encoded = msgspec.json.encode(message)
    return b"data: " + encoded + b" \n\n\n" if is_events else encoded + b"\n"


async def changes(api: Api, kind: str, namespace: str, query: Mapping[str, str], fields: Fields) -> AsyncIterator[Json]:
    """Changes of objects as the cluster tells them, until it ends the watch."""
    rest = b""
    async for chunk in api.stream(path_of(kind, namespace), {"watch": "true", **query}):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if not line:
                continue
            told: dict[str, Any] = msgspec.json.decode(line)
            if told.get("type") == "ERROR":
                raise as_error(int(told["object"].get("code") or 500), msgspec.json.encode(told["object"]))
            if told.get("type") != "BOOKMARK":
                yield dict(fields.cut({"result": told}).get("result") or {})


class LogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted."""

    pod: str = ""
    container: str = "main"
    follow: bool = False
    grep: str = ""


async def log_lines(storage: Storage, namespace: str, name: str, asked: LogQuery) -> AsyncIterator[Json]:
    """What the pods of a workflow print, as it comes; with `follow`, until the workflow has ended.

    Raises:
        NotFound: There is no such workflow.
        SpecError: `grep` is no pattern.
    """
    try:
        pattern = re2.compile(asked.grep)
    except re2.error as e:
        raise SpecError(f"no pattern: {e}", path="grep") from e
    lines: asyncio.Queue[Json | None] = asyncio.Queue(_QUEUED_LINES)
    reader = asyncio.create_task(_read_all(storage, namespace, name, asked, lines))
    try:
        while (line := await lines.get()) is not None:
            if pattern.search(line["content"]):
                yield line
        await reader
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, TiphysError):
            await reader


async def _read_all(storage: Storage, namespace: str, name: str, asked: LogQuery, lines: asyncio.Queue[Json | None]) -> None:
    known: set[str] = set()
    try:
        async with asyncio.TaskGroup() as group:
            while True:
                workflow = parse_workflow(await storage.read("Workflow", namespace, name))
                nodes = [node for node in workflow.status.nodes.values() if node.type == POD and node.phase != "Pending"]
                for pod in (pod_name(workflow, node) for node in nodes):
                    if pod not in known and asked.pod in ("", pod):
                        known.add(pod)
                        group.create_task(_read(storage.api, namespace, pod, asked, lines))
                if not asked.follow or workflow.status.phase in COMPLETED:
                    break
                await asyncio.sleep(0.5)
    except BaseExceptionGroup as e:
        raise e.exceptions[0] from e
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await lines.put(None)


async def _read(api: Api, namespace: str, pod: str, asked: LogQuery, lines: asyncio.Queue[Json | None]) -> None:
    try:
        async for raw in PodLogs(api).follow(namespace, pod, asked.container, follow=asked.follow):
            line = raw.decode(errors="replace").removesuffix("\n")
            if not line.startswith(MARK):
                await lines.put({"content": line, "podName": pod})
    except (NotFound, InvalidManifest) as e:
        await lines.put({"content": f"no logs: {e.message}", "podName": pod})
