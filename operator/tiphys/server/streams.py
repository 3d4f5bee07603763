"""Answers without end: what changes, and what containers print. As lines of JSON, or as server-sent events.

Source: rest-and-clients 1.2, "Streams".
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from starlette.responses import StreamingResponse

from tiphys.cluster.api import Api, as_error, path_of
from tiphys.errors import TiphysError
from tiphys.model.base import Json
from tiphys.server.answers import HEADERS, Fields, codes_of

_EVENTS = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
Prepare = Callable[[Json], Awaitable[Json]]
T = TypeVar("T")
_ALIVE = b":\n"


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
        yield _ALIVE if is_events else b""
        try:
            async for message in with_pauses(messages, KEEP_ALIVE_SECONDS):
                if message is not None:
                    yield _line({"result": message}, is_events=is_events)
                elif is_events:
                    yield _ALIVE
        except TiphysError as e:
            status, code = codes_of(e)
            said = {"grpc_code": code, "http_code": status, "message": e.message, "http_status": ""}
            yield _line({"error": said}, is_events=is_events)


async def with_pauses(messages: AsyncIterator[Json], seconds: float) -> AsyncIterator[Json | None]:
    """The messages, and None each time that none has come for so long."""
    source = aiter(messages)
    waiting: asyncio.Task[Json] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(_next(source))
            done, _ = await asyncio.wait({waiting}, timeout=seconds)
            if not done:
                yield None
                continue
            ended, waiting = waiting, None
            try:
                message = ended.result()
            except StopAsyncIteration:
                return
            yield message
    finally:
        if waiting is not None:
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, TiphysError):
                await waiting


async def queued(fill: Callable[["asyncio.Queue[T | None]"], Awaitable[None]], most: int) -> AsyncIterator[T]:
    """What is put into a queue of so many places, until whoever fills it ends; he is stopped when nobody takes any more."""
    queue: asyncio.Queue[T | None] = asyncio.Queue(most)

    async def filled() -> None:
        try:
            await fill(queue)
        except asyncio.CancelledError:
            # nobody takes what would be put now
            raise
        except Exception:
            await queue.put(None)
            raise
        await queue.put(None)

    work = asyncio.create_task(filled())
    try:
        while (one := await queue.get()) is not None:
            yield one
        await work
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError, TiphysError):
            await work


async def _next(source: AsyncIterator[Json]) -> Json:
    return await anext(source)


def _line(message: Json, *, is_events: bool) -> bytes:
    encoded = msgspec.json.encode(message)
    return b"data: " + encoded + b" \n\n\n" if is_events else encoded + b"\n"


async def changes(
    api: Api, kind: str, namespace: str, query: Mapping[str, str], fields: Fields, prepare: Prepare | None = None
) -> AsyncIterator[Json]:  # fmt: skip
    """Changes of objects as the cluster tells them, until it ends the watch; `prepare` makes of an object what is told of it."""
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
                if prepare is not None:
                    told["object"] = await prepare(told["object"])
                yield dict(fields.cut({"result": told}).get("result") or {})
