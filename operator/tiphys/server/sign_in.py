"""Signing in: to the provider, and back with a session.

What must be remembered on the way stays in a sealed cookie of the browser that began it: no other browser can end it, and any
replica of the server can.

Source: features, "Auth mode sso"; RFC 9700 (state, nonce and PKCE together).
"""

import logging
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tiphys.errors import SpecError, TiphysError, Unauthorized
from tiphys.server.answers import codes_of
from tiphys.server.provider import Provider
from tiphys.server.session import PREFIX, Sessions
from tiphys.server.subject import SESSION, Asked

log = logging.getLogger(__name__)
_WAY = "way"
_WAY_LASTS = timedelta(minutes=10)
_COOKIE = "tiphys-sign-in-"


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints.

    Attributes:
        provider: Where people sign in.
        sessions: Seals what browsers keep.
        redirect_url: Our address there; empty for that of the request.
        lasts: How long a session lasts.
        base: The path below which browsers see the server.
    """

    provider: Provider
    sessions: Sessions
    redirect_url: str
    lasts: timedelta
    base: str = "/"

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route("/oauth2/redirect", self._begin),
            Route("/oauth2/callback", self._finish),
            Route("/oauth2/logout", self._leave, methods=["POST"]),
        ]

    async def _begin(self, request: Request) -> Response:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        back = safe_path(request.query_params.get("redirect", ""), self.base)
        try:
            redirect = self._callback(request)
            address = await self.provider.address(redirect=redirect, state=state, nonce=nonce, verifier=verifier)
        except TiphysError as e:
            return _refused(e)
        answer = RedirectResponse(address, 302)
        way = {"state": state, "nonce": nonce, "verifier": verifier, "back": back, "redirect": redirect}
        sealed = self.sessions.seal(_WAY, way, _WAY_LASTS)
        # lax: the browser comes back from another site
        answer.set_cookie(
            _COOKIE + state[:8], sealed, max_age=int(_WAY_LASTS.total_seconds()), path=f"{self.base}oauth2/", httponly=True,
            secure=_is_secure(request), samesite="lax",
        )  # fmt: skip
        return answer

    async def _finish(self, request: Request) -> Response:
        said = request.query_params
        state = said.get("state", "")
        way = self.sessions.open(_WAY, request.cookies.get(_COOKIE + state[:8], "")) if state else None
        try:
            if way is None or not secrets.compare_digest(str(way["state"]), state):
                raise Unauthorized("this browser has not begun to sign in, or too long ago")
            if "error" in said:
                raise Unauthorized(f"the provider refused: {said['error'][:100]} {said.get('error_description', '')[:300]}")
            claims = await self.provider.claims(
                code=said.get("code", ""), redirect=way["redirect"], nonce=way["nonce"], verifier=way["verifier"]
            )
            sealed = self.sessions.seal(SESSION, claims, self.lasts)
        except TiphysError as e:
            return _refused(e)
        log.info("signed in", extra={"fields": {"subject": claims.get("sub", ""), "groups": claims["groups"]}})
        answer = RedirectResponse(way["back"], 302)
        answer.set_cookie(
            "authorization", f"Bearer {PREFIX}{sealed}", max_age=int(self.lasts.total_seconds()), path=self.base, httponly=True,
            secure=_is_secure(request), samesite="strict",
        )  # fmt: skip
        answer.delete_cookie(_COOKIE + state[:8], path=f"{self.base}oauth2/", httponly=True, samesite="lax")
        return answer

    async def _leave(self, request: Request) -> Response:
        """Take the session back from the browser, which keeps it where no script comes."""
        try:
            Asked.of(request.method, request.headers)
        except TiphysError as e:
            return _refused(e)
        answer = JSONResponse({})
        answer.delete_cookie("authorization", path=self.base, httponly=True, secure=_is_secure(request), samesite="strict")
        return answer

    def _callback(self, request: Request) -> str:
        if self.redirect_url:
            return self.redirect_url
        scheme = "https" if _is_secure(request) else "http"
        host = request.headers.get("host", "")
        if not host:
            raise SpecError("the request names no host", hint="set sso.redirectUrl")
        return f"{scheme}://{host}{self.base}oauth2/callback"


def safe_path(text: str, base: str) -> str:
    """Where to go after signing in: a path of this server, else its start. An address of another site is never one."""
    parts = urlsplit(text)
    is_path = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    is_clean = not any(ord(letter) < 32 or letter == "\\" for letter in text)
    return text if is_path and is_clean and text.startswith(base) else base


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "").split(",")[0].strip() == "https"


def _refused(error: TiphysError) -> Response:
    log.warning("signing in: %s", error.message)
    return PlainTextResponse(f"{error.message}\n", codes_of(error)[0])


def sign_in_routes(sign_in: SignIn | None) -> list[Route]:
    """The endpoints; where nobody signs in they say so."""
    if sign_in is not None:
        return sign_in.routes()
    off = [Route(path, _off) for path in ("/oauth2/redirect", "/oauth2/callback")]
    return [*off, Route("/oauth2/logout", _off, methods=["POST"])]


async def _off(_request: Request) -> Response:
    return PlainTextResponse("SSO is not enabled\n", 501)
