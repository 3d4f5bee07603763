"""Who asks, and the connection that has exactly his rights. Nothing of the cluster is read without one.

Source: rest-and-clients 1.2, "Auth".
"""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access, ConnectionPool
from tiphys.errors import Forbidden, Unauthorized
from tiphys.model.base import Json
from tiphys.server.accounts import Accounts
from tiphys.server.cache import Cache
from tiphys.server.rights import who
from tiphys.server.session import PREFIX, Sessions
from tiphys.server.webhooks import REFUSAL as REFUSED_EVENT
from tiphys.server.webhooks import Webhooks

Mode = Literal["client", "server", "sso"]
SESSION = "session"
"""What tokens of who signed in are sealed for."""
REFUSAL = "token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says about who sends it.

    Attributes:
        authorization: The header.
        cookies: The values of all cookies called `authorization`, in order.
        is_read: Whether it changes nothing.
        is_own_page: Whether a browser says that a page of this server sends it.
        namespace: What it is about; empty for all namespaces or none.
    """

    authorization: str = ""
    cookies: tuple[str, ...] = ()
    is_read: bool = True
    is_own_page: bool = False
    namespace: str = ""

    @classmethod
    def of(cls, method: str, headers: Mapping[str, str], namespace: str = "") -> "Asked":
        """What the headers say; names in any case.

        Raises:
            Forbidden: A page of another site would change something.
        """
        is_read = method in ("GET", "HEAD")
        site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
        hosts = {headers.get("host", ""), headers.get("x-forwarded-host", "")} - {""}
        is_own = site == "same-origin" or (not site and urlsplit(origin).netloc in hosts)
        if not is_read and not is_own and (origin or site not in ("", "none")):
            # browsers say where a page is from, other clients say nothing
            raise Forbidden(f"a page of {origin or 'another site'!r} may change nothing here")
        cookies = tuple(_cookies(headers.get("cookie", "")))
        authorization = headers.get("authorization", "")
        return cls(authorization=authorization, cookies=cookies, is_read=is_read, is_own_page=is_own, namespace=namespace)

    def candidates(self) -> tuple[str, ...]:
        """Authorizations to try, best first. A cookie counts for reads and our own pages: no foreign page changes anything."""
        if self.authorization:
            return (self.authorization,)
        return self.cookies if self.is_read or self.is_own_page else ()


def _cookies(header: str) -> list[str]:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return [unquote(value.strip('"')) for name, _, value in pairs if name == "authorization" and value]


class CallersApi(Api):
    """A caller's connection.

    Attributes:
        claims: What is said of him by who signed him in; empty for a bare token.
    """

    claims: Json


class Caller:
    """Who was let in.

    Attributes:
        api: His connection.
        claims: What is said of him by who signed him in; empty for a bare token.
    """

    def __init__(self, access: Access, claims: Json | None = None, pool: ConnectionPool | None = None) -> None:
        self.api = CallersApi(access, observe=self._observe, pool=pool)
        self.claims: Json = claims or {}
        self.api.claims = self.claims
        self._is_known = False

    def _observe(self, _verb: str, _kind: str, status: int, _seconds: float) -> None:
        self._is_known = self._is_known or status not in (0, 401)

    async def prove(self) -> None:
        """Have the cluster know him, unless it has answered him already: no answer leaves the server without that.

        Raises:
            Unauthorized: The cluster does not know him.
        """
        if not self._is_known:
            await who(self.api)


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Lets requests in.

    Attributes:
        access: The server's own way to the cluster.
        modes: Whose rights count: the caller's (`client`), those of the service account whose rule takes who signed in (`sso`),
            or the server's own (`server`) for who shows no token.
        namespace: The only one that may be asked about; empty for all.
        sessions: Opens the tokens of who signed in.
        accounts: Service accounts with rules; None where who signed in has the server's own rights.
        webhooks: Knows who signs events; None takes no signed ones.
        pool: Open connections to the cluster, which all callers use.
        cache: Summaries of workflows, for who may list them; None has lists read from the cluster.
    """

    access: Access
    modes: frozenset[Mode]
    namespace: str = ""
    sessions: Sessions | None = None
    accounts: Accounts | None = None
    webhooks: Webhooks | None = None
    pool: ConnectionPool = msgspec.field(default_factory=ConnectionPool)
    cache: Cache | None = None

    async def admit(self, asked: Asked) -> Caller:
        """The caller behind a request; the first of his authorizations that a mode takes counts.

        Raises:
            Unauthorized: There is none, and the server lends its rights to nobody.
        """
        for text in asked.candidates():
            scheme, _, token = text.partition(" ")
            if "sso" in self.modes and token.startswith(PREFIX):
                claims = self.sessions.open(SESSION, token.removeprefix(PREFIX)) if self.sessions else None
                if claims is None:
                    continue
                return await self._signed_in(claims, asked.namespace)
            if "client" in self.modes and scheme.lower() == "bearer" and token.strip():
                return Caller(self.bearing(token.strip()), pool=self.pool)
        if "server" in self.modes:
            return Caller(self.access, pool=self.pool)
        raise Unauthorized(REFUSAL)

    async def admit_signed(self, namespace: str, headers: Mapping[str, str], body: bytes) -> Caller:
        """The caller behind an event that is signed.

        Raises:
            Forbidden: Nobody's signature fits.
        """
        if self.webhooks is None:
            raise Forbidden(REFUSED_EVENT)
        return Caller(self.bearing(await self.webhooks.token(self.place(namespace), headers, body)), pool=self.pool)

    async def _signed_in(self, claims: Json, namespace: str) -> Caller:
        if self.accounts is None:
            return Caller(self.access, claims, self.pool)
        account = await self.accounts.chosen(claims, namespace or self.namespace)
        known = {"service_account_name": account.name, "service_account_namespace": account.namespace}
        access = self.bearing(await self.accounts.token(account.namespace, account.name))
        return Caller(access, {**claims, **known}, self.pool)

    def bearing(self, token: str) -> Access:
        """The way to the cluster of who bears a token: the server's own identity stays behind."""
        own = self.access
        return Access(
            server=own.server, namespace=own.namespace, token=lambda: token, ca=own.ca, is_insecure=own.is_insecure,
            tls_server_name=own.tls_server_name, proxy=own.proxy, timeout=own.timeout,
        )  # fmt: skip

    def place(self, namespace: str) -> str:
        """The namespace that a request is about.

        Raises:
            Forbidden: This server does not serve it.
        """
        if self.namespace and namespace not in ("", self.namespace):
            raise Forbidden(f"this server serves namespace {self.namespace!r} only")
        return namespace or self.namespace
