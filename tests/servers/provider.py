"""An OpenID Connect provider: Authlib's, behind HTTP on the loopback interface. Whoever is asked to sign in is `user` at once."""

# ruff: noqa: ARG002 the library gives more than is needed
import json
import time
from typing import Any, Self
from urllib.parse import urlencode

from aiohttp import web
from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request, grants
from authlib.oauth2.rfc6749.models import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from joserfc.jwk import KeySet, RSAKey


class _Client(ClientMixin):
    def __init__(self, identity: str, secret: str) -> None:
        self.client_id, self.secret = identity, secret

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.endswith("/oauth2/callback")

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class _Code(AuthorizationCodeMixin):
    def __init__(self, request: OAuth2Request) -> None:
        said = request.payload
        self.redirect_uri, self.scope = said.redirect_uri, said.scope
        self.nonce, self.user = said.data.get("nonce"), request.user
        self.code_challenge, self.code_challenge_method = said.data["code_challenge"], said.data["code_challenge_method"]

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())  # noqa: TID251 a provider's clock

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class _Payload(OAuth2Payload):
    def __init__(self, said: dict[str, str]) -> None:
        self.said = said

    @property
    def data(self) -> dict[str, str]:
        return self.said

    @property
    def datalist(self) -> dict[str, list[str]]:
        return {name: [value] for name, value in self.said.items()}


class _Request(OAuth2Request):
    def __init__(self, method: str, address: str, headers: dict[str, str], said: dict[str, str]) -> None:
        super().__init__(method, address, headers=headers)
        self.payload = _Payload(said)
        self.said = said

    @property
    def args(self) -> dict[str, str]:
        return self.said

    @property
    def form(self) -> dict[str, str]:
        return self.said if self.method == "POST" else {}


class _Server(AuthorizationServer):
    def __init__(self, provider: "Provider") -> None:
        super().__init__()
        self.provider = provider
        self.register_token_generator("default", BearerTokenGenerator(lambda **_: provider.token()))

    def query_client(self, client_id: str) -> _Client | None:
        return self.provider.client if client_id == self.provider.client.client_id else None

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        pass

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass

    def create_oauth2_request(self, request: _Request) -> _Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> web.Response:
        return web.Response(text=json.dumps(body) if isinstance(body, dict) else body or "", status=status, headers=dict(headers))


class _Grant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        self.server.provider.codes[code] = _Code(request)

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
        return self.server.provider.codes.get(code)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        codes = self.server.provider.codes
        codes.pop(next(code for code, one in codes.items() if one is authorization_code))

    def authenticate_user(self, authorization_code: _Code) -> Any:
        return authorization_code.user


class _OpenID(OpenIDCode):
    def __init__(self, provider: "Provider") -> None:
        super().__init__(require_nonce=True)
        self.provider = provider

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return False

    def resolve_client_private_key(self, client: _Client) -> RSAKey:
        return self.provider.key

    def get_client_algorithm(self, client: _Client) -> str:
        return "RS256"

    def get_encode_header(self, client: _Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": str(self.provider.key.kid)}

    def get_client_claims(self, client: _Client) -> dict[str, Any]:
        now = int(time.time())  # noqa: TID251 a provider's clock
        return {"iss": self.provider.issuer, "aud": [client.client_id], "iat": now, "exp": now + 600, **self.provider.claims}

    def generate_user_info(self, user: dict[str, Any], scope: str) -> dict[str, Any]:
        return dict(user)


class Provider:
    """Use it as a context manager.

    Attributes:
        user: What is said of who signs in.
        more: What the user info endpoint says besides.
        claims: Claims of tokens that replace the right ones.
        issuer: Its address.
        calls: What was asked of discovery.
    """

    def __init__(self, identity: str, secret: str, user: dict[str, Any]) -> None:
        self.client = _Client(identity, secret)
        self.user = user
        self.more: dict[str, Any] = {}
        self.issuer = ""
        self.claims: dict[str, Any] = {}
        self.calls: list[str] = []
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.codes: dict[str, _Code] = {}
        self._tokens: set[str] = set()
        self._runner: web.AppRunner | None = None

    def token(self) -> str:
        made = f"access-{len(self._tokens)}"
        self._tokens.add(made)
        return made

    def change_key(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig", "alg": "RS256"})

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._give)
        app.router.add_get("/userinfo", self._tell)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.issuer = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._server = self._made()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _made(self) -> _Server:
        server = _Server(self)
        server.register_grant(_Grant, [_OpenID(self), CodeChallenge(required=True)])
        return server

    async def _discovery(self, _request: web.Request) -> web.Response:
        self.calls.append("discovery")
        return web.json_response({
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/userinfo", "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
        })  # fmt: skip

    async def _keys(self, _request: web.Request) -> web.Response:
        self.calls.append("keys")
        return web.json_response(KeySet([self.key]).as_dict(private=False))

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = _Request("GET", f"{self.issuer}{request.path_qs}", dict(request.headers), dict(request.query))
        grant = self._server.get_consent_grant(asked, end_user=self.user)
        return self._server.create_authorization_response(asked, grant_user=self.user, grant=grant)

    async def _give(self, request: web.Request) -> web.Response:
        said = {name: str(value) for name, value in (await request.post()).items()}
        asked = _Request("POST", f"{self.issuer}/token?{urlencode(said)}", dict(request.headers), said)
        return self._server.create_token_response(asked)

    async def _tell(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
            return web.Response(status=401)
        return web.json_response({"sub": self.user["sub"], **self.more})
