"""The routes, and what one request goes through: its size, who asks, the work, errors in Argo's shape.

Source: rest-and-clients 1.1, 1.2.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tiphys.errors import SpecError, TiphysError
from tiphys.server import fixed, objects, workflows
from tiphys.server.answers import answer, failure
from tiphys.server.call import Call
from tiphys.server.subject import Gate
from tiphys.server.web import Page, below

log = logging.getLogger(__name__)
Handler = Callable[[Call], Awaitable[Any]]
_MAX_BODY = 2 * 1024 * 1024


async def _body(request: Request) -> Any:
    """The decoded body, read no further than it may be long.

    Raises:
        SpecError: It is too long, or no JSON object.
    """
    read = b""
    async for chunk in request.stream():
        read += chunk
        if len(read) > _MAX_BODY:
            raise SpecError(f"the body is longer than {_MAX_BODY} bytes")
    try:
        return msgspec.json.decode(read) if read.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise SpecError(f"the body is no JSON: {e}") from e


def _endpoint(gate: Gate, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            is_read = request.method == "GET"
            if not is_read:
                gate.refuse_foreign_page(request.headers.get("origin", ""), request.headers.get("host", ""))
            body = await _body(request)
            api = gate.connect(
                request.headers.get("authorization", ""), request.cookies.get("authorization", ""), is_read=is_read
            )
            call = Call(request, body, api, gate)
            if handler in workflows.STREAMS:
                made: Response = await handler(call)
                return made
            async with api:
                return answer(await handler(call))
        except TiphysError as e:
            return failure(e)

    return serve


def _not_implemented(_request: Request, _error: Exception | None = None) -> Response:
    return answer({"code": 12, "message": "Not Implemented"}, 501)


def _broken(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer({"code": 13, "message": "internal error"}, 500)


async def _health(_request: Request) -> Response:
    return PlainTextResponse("ok")


def make_app(gate: Gate, base: str = "/") -> ASGIApp:
    """The server as an ASGI application, below a base path; what the API has no route for is answered with 501."""
    page = Page(base)

    async def document(request: Request) -> Response:
        return await page.serve(request) if page.has(request.path_params["path"]) else _not_implemented(request)

    routes = [Route("/healthz", _health)]
    for verb, path, handler in (*fixed.ROUTES, *workflows.ROUTES, *objects.ROUTES):
        routes.append(Route(path, _endpoint(gate, handler), methods=[verb]))
    routes.append(Route("/{path:path}", document, methods=["GET"]))
    unknown = {404: _not_implemented, 405: _not_implemented}
    return below(base, Starlette(routes=routes, exception_handlers={**unknown, Exception: _broken}))
