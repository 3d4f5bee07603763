"""What goes around every request: its number, the limit of its sender, safe headers, a line in the log.

ASGI, not a framework's wrapper: streams pass untouched.

Source: rest-and-clients 1.2, "Headers"; features, "Server tuning flags".
"""

import logging
import re
import time
import uuid
from collections.abc import Mapping

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tiphys.server.limits import Allowance, RateLimit, address_of
from tiphys.server.measures import ServerMetrics
from tiphys.telemetry.logs import REQUEST

log = logging.getLogger(__name__)
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"/healthz"})
_ANCESTORS = {"DENY": "'none'", "SAMEORIGIN": "'self'"}
_PAGE = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; worker-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'"
)


class Safety(msgspec.Struct, frozen=True, kw_only=True):
    """How careful the server is.

    Attributes:
        rate: Requests that one address may make in a second; 0 for any number.
        address_headers: Headers in which a proxy names the address of who asks.
        frame_options: X-Frame-Options of pages: who may show them in a frame; empty for anybody.
        allowed_origin: Access-Control-Allow-Origin of pages; empty for none.
        is_strict: Whether browsers are told to come by HTTPS only.
        base_href: The path below which the server is seen, with a slash at both ends.
    """

    rate: int = 1000
    address_headers: tuple[str, ...] = ()
    frame_options: str = "DENY"
    allowed_origin: str = ""
    is_strict: bool = False
    base_href: str = "/"

    def headers(self) -> dict[str, str]:
        """Headers of every answer that has none of its own."""
        ancestors = _ANCESTORS.get(self.frame_options.upper(), "")
        said = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "X-Frame-Options": self.frame_options,
            "Content-Security-Policy": f"{_PAGE}; frame-ancestors {ancestors}" if ancestors else _PAGE,
            "Strict-Transport-Security": "max-age=31536000" if self.is_strict else "",
            "Access-Control-Allow-Origin": self.allowed_origin,
        }
        return {name: value for name, value in said.items() if value}


class Around:
    """Wraps the application.

    Args:
        app: What answers.
        safety: How careful to be.
        metrics: What counts the requests.
    """

    def __init__(self, app: ASGIApp, safety: Safety, metrics: ServerMetrics) -> None:
        self._app, self._safety, self._metrics = app, safety, metrics
        self._limit = RateLimit(safety.rate)
        self._headers = safety.headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        named = _given(scope) or uuid.uuid4().hex
        mark = REQUEST.set(named)
        peer = (scope.get("client") or ("", 0))[0]
        allowance = self._limit.take(address_of(peer, scope["headers"], self._safety.address_headers))
        answer = _Answer(send, {**self._headers, "X-Request-Id": named}, allowance)
        self._metrics.begin()
        try:
            if allowance is not None and allowance.is_exceeded:
                self._metrics.limited()
                await PlainTextResponse("Too Many Requests\n", 429)(scope, receive, answer.send)
            else:
                await self._app(scope, receive, answer.send)
        finally:
            self._metrics.end()
            self._tell(scope, answer, peer)
            REQUEST.reset(mark)

    def _tell(self, scope: Scope, answer: "_Answer", peer: str) -> None:
        if answer.code:
            self._metrics.answered(scope["method"], _route(scope), answer.code, answer.seconds)
        level = logging.DEBUG if scope["path"] in _QUIET else logging.INFO
        seconds = round(answer.elapsed(), 4)
        said = {"method": scope["method"], "path": scope["path"], "code": answer.code, "seconds": seconds, "peer": peer}
        log.log(level, "%s %s %s", scope["method"], scope["path"], answer.code, extra={"fields": said})


class _Answer:
    """Adds headers to an answer, and remembers how it began."""

    def __init__(self, send: Send, headers: Mapping[str, str], allowance: Allowance | None) -> None:
        self._send, self._headers = send, {**headers, **(allowance.headers() if allowance else {})}
        self._started = time.monotonic()
        self.code = 0
        self.seconds = 0.0

    def elapsed(self) -> float:
        """Seconds since the request came."""
        return time.monotonic() - self._started

    async def send(self, message: Message) -> None:
        """Pass a part on."""
        if message["type"] == "http.response.start":
            self.code, self.seconds = message["status"], self.elapsed()
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
        await self._send(message)


def _given(scope: Scope) -> str:
    """The number that a proxy has given the request, when it is one that may stand in a log."""
    said = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return said if _GIVEN.fullmatch(said) else ""


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "")) or "unknown"
