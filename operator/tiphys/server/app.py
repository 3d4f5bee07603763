"""The routes, and what one request goes through: its size, who asks, the work, errors in Argo's shape.

Source: rest-and-clients 1.1, 1.2.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tiphys.errors import SpecError, TiphysError
from tiphys.model.base import UNREADABLE
from tiphys.server import openapi, schemas, upcoming
from tiphys.server.answers import answer, as_response, checked_name, failure
from tiphys.server.call import Call
from tiphys.server.kept import Kept, configured
from tiphys.server.routes import HELD, OPERATIONS, RAW, STREAMS, Handler
from tiphys.server.sign_in import sign_in_routes
from tiphys.server.subject import Asked, Caller, Gate
from tiphys.server.web import Page, below
from tiphys.server.webhooks import is_signed

log = logging.getLogger(__name__)
_MAX_BODY = 2 * 1024 * 1024
_BODY_SECONDS = 60.0


async def _read(request: Request) -> bytes:
    """The body, read no further than it may be long, and for no longer than it may take.

    Raises:
        SpecError: It is too long, too slow, or ends before its end.
    """
    read = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                read += chunk
                if len(read) > _MAX_BODY:
                    raise SpecError(f"the body is longer than {_MAX_BODY} bytes")
    except TimeoutError:
        raise SpecError(f"the body was not there after {_BODY_SECONDS:.0f} s") from None
    except ClientDisconnect:
        raise SpecError("the body has no end") from None
    return bytes(read)


def _decoded(read: bytes) -> Any:
    """What a body says; an empty one says nothing.

    Raises:
        SpecError: It is no JSON.
    """
    try:
        return msgspec.json.decode(read) if read.strip() else {}
    except (*UNREADABLE, RecursionError) as e:
        raise SpecError(f"the body is no JSON: {e}") from e


async def _admitted(gate: Gate, request: Request, *, is_raw: bool) -> tuple[Caller, bytes]:
    """Who asks, and the body; of somebody who is not known nothing is read, but for the signature of an event."""
    said = str(request.path_params.get("namespace", ""))
    # it becomes part of what is asked of the cluster with the server's own rights
    namespace = checked_name(said, "namespace") if said else ""
    if is_signed(request.url.path, request.headers):
        read = await _read(request)
        return await gate.admit_signed(namespace, request.headers, read), read
    caller = await gate.admit(Asked.of(request.method, request.headers, namespace))
    # a file is read by who stores it
    return caller, b"" if is_raw else await _read(request)


def _endpoint(gate: Gate, kept: Kept, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            caller, read = await _admitted(gate, request, is_raw=handler in RAW)
            call = Call(request, _decoded(read), caller, gate, kept)
            if handler in STREAMS | HELD:
                return await _stream(handler, call, caller)
            async with caller.api:
                made = await handler(call)
                await caller.prove()
                return as_response(made)
        except TiphysError as e:
            return failure(e)

    return serve


class _Held(Response):
    """An answer that is made as it is sent, and its caller's connection open until then."""

    def __init__(self, made: Response, caller: Caller) -> None:
        super().__init__()
        self._made, self._caller = made, caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with self._caller.api:
            await self._made(scope, receive, send)


async def _stream(handler: Handler, call: Call, caller: Caller) -> Response:
    """A stream keeps its caller's connection open; who is not known gets none."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(caller.api)
        made: Response = await handler(call)
        await caller.prove()
        stack.pop_all()
        return _Held(made, caller)


def _not_implemented(_request: Request, _error: Exception | None = None) -> Response:
    return answer({"code": 12, "message": "Not Implemented"}, 501)


def _broken(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer({"code": 13, "message": "internal error"}, 500)


async def _health(_request: Request) -> Response:
    return PlainTextResponse("ok")


def make_app(gate: Gate, base: str = "/", *, more: Sequence[Route] = (), kept: Kept | None = None) -> ASGIApp:
    """The server as an ASGI application, below a base path; what the API has no route for is answered with 501.

    Args:
        gate: Lets requests in.
        base: The path that browsers see before every address, with slashes at both ends.
        more: Routes that are nobody's operations: numbers, signing in.
        kept: What stays open between requests; by itself as the cluster's configuration says.
    """
    page = Page(base, modes=gate.modes)

    async def document(request: Request) -> Response:
        return await page.serve(request) if page.has(request.path_params["path"]) else _not_implemented(request)

    behind = kept or Kept(configured(gate.access))
    routes = [Route("/healthz", _health), *more, *sign_in_routes(None), *schemas.ROUTES, *openapi.ROUTES, *upcoming.ROUTES]
    for verb, path, handler in OPERATIONS:
        route = Route(path, _endpoint(gate, behind, handler), methods=[verb])
        if handler in STREAMS and path.startswith("/api/") and route.methods is not None:
            # no file: the head alone of an answer without end would have no end either
            route.methods.discard("HEAD")
        routes.append(route)
    routes.append(Route("/{path:path}", document, methods=["GET"]))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with gate.cache.running() if gate.cache is not None else contextlib.nullcontext(), behind.dispatcher.running():
            yield
        await behind.close()
        await gate.pool.close()

    handlers: dict[Any, Any] = {404: _not_implemented, 405: _not_implemented, Exception: _broken}
    return below(base, Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan))
