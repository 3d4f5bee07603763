"""An OpenID Connect provider: where it is, and what it says of who signed in there.

Authlib makes the requests and checks the claims, joserfc the signatures. Nothing is asked before somebody signs in: a provider
that is away keeps nobody out who is in.

Source: OpenID Connect Core 1.0, Discovery 1.0; features, "sso".
"""

import base64
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import re2
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tiphys.errors import SpecError, Unauthorized, Unavailable
from tiphys.model.base import UNREADABLE, Json
from tiphys.settings.sign_in import SSO

if TYPE_CHECKING:
    import aiohttp

_SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that only the provider can make; never one with our own secret, and never none."""
_LEEWAY_SECONDS = 60
_KEPT = ("iss", "sub", "email", "email_verified", "name", "preferred_username")
_MAX_BYTES = 1 << 20


class Client(msgspec.Struct, frozen=True):
    """As the provider knows us."""

    id: str
    secret: str


class Provider:
    """One provider.

    Args:
        sso: The configuration.
        client: Who we are to it.
        clock: Gives Unix seconds.
    """

    def __init__(self, sso: SSO, client: Client, clock: Callable[[], float]) -> None:
        self._sso, self._client, self._clock = sso, client, clock
        self._known: Json = {}
        self._keys: KeySet | None = None
        self._groups = tuple(_pattern(text) for text in sso.filter_groups_regex)

    async def address(self, *, redirect: str, state: str, nonce: str, verifier: str) -> str:
        """Where a browser goes to sign in."""
        known = await self._discover()
        scopes = dict.fromkeys((*self._sso.scopes, "openid"))
        return str(
            prepare_grant_uri(
                known["authorization_endpoint"], client_id=self._client.id, response_type="code", redirect_uri=redirect,
                scope=" ".join(scopes), state=state, nonce=nonce,
                code_challenge=create_s256_code_challenge(verifier), code_challenge_method="S256",
            )
        )  # fmt: skip

    async def claims(self, *, code: str, redirect: str, nonce: str, verifier: str) -> Json:
        """What the provider says of who came back with a code.

        Raises:
            Unauthorized: The code or what it gives is not good.
            Unavailable: The provider does not answer.
        """
        known = await self._discover()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        headers = {"Accept": "application/json"}
        methods = known.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" in methods:
            pair = f"{quote(self._client.id, safe='')}:{quote(self._client.secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self._client.id, "client_secret": self._client.secret}
        said = await self._fetch("POST", known["token_endpoint"], data=form, headers=headers)
        token, access = said.get("id_token"), said.get("access_token")
        if not isinstance(token, str) or not isinstance(access, str):
            raise Unauthorized("the provider gave no id_token")
        claims = await self._verified(token, nonce=nonce, access=access)
        return await self._about(claims, access)

    async def _verified(self, token: str, *, nonce: str, access: str) -> Json:
        known = await self._discover()
        try:
            found = await self._decoded(token)
            params = {"nonce": nonce, "client_id": self._client.id, "access_token": access}
            issuer = self._sso.issuer_alias or known["issuer"]
            options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": self._client.id}}
            CodeIDToken(found.claims, found.header, options, params).validate(now=int(self._clock()), leeway=_LEEWAY_SECONDS)
        except (JoseError, ValueError) as e:
            raise Unauthorized(f"the provider's id_token is not good: {e}") from e
        return dict(found.claims)

    async def _decoded(self, token: str) -> jwt.Token:
        """The token, its signature checked; keys are fetched again once, since a provider changes them."""
        if self._keys is not None:
            try:
                return jwt.decode(token, self._keys, algorithms=list(_SIGNED_BY))
            except (JoseError, ValueError):
                pass
        known = await self._discover()
        self._keys = KeySet.import_key_set(await self._fetch("GET", known["jwks_uri"]))  # type: ignore[arg-type]
        return jwt.decode(token, self._keys, algorithms=list(_SIGNED_BY))

    async def _about(self, claims: Json, access: str) -> Json:
        """The claims that a session keeps, with the groups of who signed in."""
        groups = claims.get(self._sso.custom_group_claim_name or "groups")
        if self._sso.user_info_path:
            address = self._sso.issuer.rstrip("/") + "/" + self._sso.user_info_path.lstrip("/")
            said = await self._fetch("GET", address, headers={"Authorization": f"Bearer {access}"})
            if said.get("sub") not in (None, claims.get("sub")):
                raise Unauthorized("the provider's user info is about somebody else")
            groups = said.get(self._sso.custom_group_claim_name or "groups", groups)
        named = [str(one) for one in (groups if isinstance(groups, list) else [groups] if groups else [])]
        if self._groups:
            named = [one for one in named if any(pattern.search(one) for pattern in self._groups)]
        return {**{name: claims[name] for name in _KEPT if name in claims}, "groups": named}

    async def _discover(self) -> Json:
        if not self._known:
            issuer = self._sso.issuer.rstrip("/")
            found = await self._fetch("GET", f"{issuer}/.well-known/openid-configuration")
            expected = self._sso.issuer_alias or self._sso.issuer
            if str(found.get("issuer", "")).rstrip("/") != expected.rstrip("/"):
                raise Unauthorized(f"the provider calls itself {found.get('issuer')!r}, not {expected!r}")
            missing = [name for name in ("authorization_endpoint", "token_endpoint", "jwks_uri") if not found.get(name)]
            if missing:
                raise Unavailable(f"the provider does not say its {missing[0]}")
            self._known = found
        return self._known

    async def _fetch(self, verb: str, address: str, **request: Any) -> Json:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with (
                aiohttp.ClientSession(connector=_connector(self._sso), timeout=timeout) as session,
                # not to where it is sent on: the code and the token are for this address alone
                session.request(verb, address, allow_redirects=False, **request) as answer,
            ):
                if answer.status != 200:
                    kind = Unavailable if answer.status >= 500 else Unauthorized
                    raise kind(f"the provider answers {answer.status}")
                return msgspec.json.decode(await _read(answer), type=dict[str, Any])
        except (TimeoutError, aiohttp.ClientError, OSError) as e:
            raise Unavailable(f"no answer from the provider: {e or type(e).__name__}") from e
        except UNREADABLE as e:
            raise Unavailable(f"the provider's answer is no JSON object: {e}") from e


async def _read(answer: "aiohttp.ClientResponse") -> bytes:
    content = b""
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > _MAX_BYTES:
            raise Unavailable(f"the provider's answer is longer than {_MAX_BYTES} bytes")
    return content


def _connector(sso: SSO) -> "aiohttp.TCPConnector":
    import aiohttp

    if sso.insecure_skip_verify:
        return aiohttp.TCPConnector(ssl=False)
    return aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=sso.root_ca or None))


def _pattern(text: str) -> Any:
    try:
        return re2.compile(text)
    except re2.error as e:
        raise SpecError(f"no pattern: {e}", path="sso.filterGroupsRegex") from e
