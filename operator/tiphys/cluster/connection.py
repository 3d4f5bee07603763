"""How to reach an API server, and as whom: from a kubeconfig, or from inside a pod.

Plain kubeconfigs (certificates, tokens) are read here, since the official loader costs a third of a second to import; it is
used for old identity providers.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from tiphys.cluster.choice import Choice, checked_proxy, content
from tiphys.cluster.credentials import FileToken, PluginToken
from tiphys.errors import NotFound

if TYPE_CHECKING:
    import aiohttp

_NOTHING = Choice()
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Where the API server is and how it knows us.

    Attributes:
        server: Its address.
        namespace: The default one.
        token: Gives the bearer token of the moment; None where a certificate says who we are.
        renew: Forgets what is known of the token, since the server did not take it.
        username: Of basic authentication; empty for none.
        headers: What every request says besides.
        tls_server_name: Whose certificate the server shows; empty for its host's.
        proxy: Who is asked to reach the server; empty for nobody.
        timeout: So many seconds a request may take; 0 for any.
    """

    server: str
    namespace: str = "default"
    token: Callable[[], str] | None = None
    renew: Callable[[], None] | None = None
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    username: str = ""
    password: str = ""
    is_insecure: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    tls_server_name: str = ""
    proxy: str = ""
    timeout: float = 60.0

    @property
    def credentials(self) -> dict[str, str]:
        """The header that says who we are, at this moment."""
        if self.token is not None:
            token = self.token()
            return {"Authorization": f"Bearer {token}"} if token else {}
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"} if self.username else {}


def find_access(kubeconfig: str = "", choice: Choice = _NOTHING) -> Access:
    """The access that a kubeconfig describes: the one named, KUBECONFIG's, the pod's own, or `~/.kube/config`.

    Args:
        kubeconfig: Path; empty for the others.
        choice: What counts instead of what it says; a server needs no kubeconfig.

    Raises:
        NotFound: There is none.
    """
    named = kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    if not named and (_ACCOUNT / "token").exists():
        return _chosen(_in_cluster(), choice)
    path = Path(named or "~/.kube/config").expanduser()
    if path.exists():
        return _chosen(_from_file(path, choice), choice)
    if choice.server and not named:
        return _chosen(Access(server=choice.server), choice)
    raise NotFound(f"no kubeconfig at {path}", hint="set KUBECONFIG or pass --kubeconfig")


def _chosen(found: Access, choice: Choice) -> Access:
    """The access with what was chosen instead."""
    if choice == _NOTHING:
        return found
    said: dict[str, Any] = {"headers": choice.headers}
    if choice.server:
        said["server"] = choice.server.rstrip("/")
    if choice.certificate_authority:
        said["ca"] = content(choice.certificate_authority)
    if choice.tls_server_name:
        said["tls_server_name"] = choice.tls_server_name
    if choice.proxy_url:
        said["proxy"] = checked_proxy(choice.proxy_url)
    if choice.timeout is not None:
        said["timeout"] = choice.timeout
    if choice.is_insecure is not None:
        said["is_insecure"] = choice.is_insecure
    return msgspec.structs.replace(found, **said, **_identity(choice))


def _identity(choice: Choice) -> dict[str, Any]:
    """Who we are instead."""
    said: dict[str, Any] = {}
    if choice.client_certificate:
        said |= {"certificate": content(choice.client_certificate), "key": content(choice.client_key)}
    if choice.token:
        said |= {"token": lambda: choice.token, "renew": None}
    elif choice.username:
        said |= {"username": choice.username, "password": choice.password, "token": None, "renew": None}
    return said


def _in_cluster() -> Access:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    token = FileToken(_ACCOUNT / "token")
    return Access(
        server=f"https://{host}:{port}",
        namespace=(_ACCOUNT / "namespace").read_text().strip() or "default",
        token=token,
        renew=token.renew,
        ca=(_ACCOUNT / "ca.crt").read_bytes(),
    )


def _named(document: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    for entry in document.get(f"{kind}s") or ():
        if entry.get("name") == name:
            found: dict[str, Any] = entry.get(kind) or {}
            return found
    raise NotFound(f"the kubeconfig has no {kind} {name!r}")


def _content(section: dict[str, Any], name: str, folder: Path) -> bytes:
    if section.get(f"{name}-data"):
        return base64.b64decode(section[f"{name}-data"])
    return (folder / section[name]).read_bytes() if section.get(name) else b""


def _from_file(path: Path, choice: Choice) -> Access:
    document = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 or {}
    context = choice.context or document.get("current-context", "")
    is_told = not context and bool(choice.server or choice.cluster)
    current = {} if is_told else _named(document, "context", context)
    name = choice.cluster or current.get("cluster", "")
    cluster = {"server": choice.server} if is_told and not name else _named(document, "cluster", name)
    user = _named(document, "user", name) if (name := choice.user or current.get("user", "")) else {}
    token = _token(user, path, choice.context)
    certificate, key = _content(user, "client-certificate", path.parent), _content(user, "client-key", path.parent)
    if isinstance(token, PluginToken) and not certificate:
        certificate, key = token.certificate
    return Access(
        server=cluster["server"].rstrip("/"),
        namespace=current.get("namespace") or "default",
        token=token,
        renew=token.renew if isinstance(token, FileToken | PluginToken) else None,
        ca=_content(cluster, "certificate-authority", path.parent),
        certificate=certificate,
        key=key,
        username=str(user.get("username") or "") if token is None else "",
        password=str(user.get("password") or ""),
        is_insecure=bool(cluster.get("insecure-skip-tls-verify")),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        proxy=checked_proxy(str(cluster.get("proxy-url") or "")),
    )


def _token(user: dict[str, Any], path: Path, context: str) -> Callable[[], str] | None:
    if user.get("token"):
        return lambda: str(user["token"])
    if user.get("tokenFile"):
        return FileToken(path.parent / user["tokenFile"])
    if user.get("exec"):
        return PluginToken(user["exec"], path.parent)
    if user.get("auth-provider"):
        return _official_token(path, context)
    return None


def _official_token(path: Path, context: str) -> Callable[[], str]:
    from kubernetes import client, config

    settings = client.Configuration()
    config.load_kube_config(  # type: ignore[no-untyped-call]
        str(path), context=context or None, client_configuration=settings
    )
    return lambda: str(settings.get_api_key_with_prefix("authorization") or "").removeprefix("Bearer ")


class _Renamed(ssl.SSLContext):
    """Asks for, and checks, the certificate of `name`, whatever host is connected to."""

    name = ""

    def wrap_bio(self, *rest: Any, **more: Any) -> ssl.SSLObject:
        return super().wrap_bio(*rest, **{**more, "server_hostname": self.name})


def ssl_context(access: Access) -> ssl.SSLContext | bool:
    """The TLS settings of an access; False for plain HTTP."""
    if not access.server.startswith("https"):
        return False
    context = _renamed(access) if access.tls_server_name else ssl.create_default_context(cadata=access.ca.decode() or None)
    if access.is_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.certificate:
        # the standard library loads certificates from files only
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(access.certificate + b"\n" + access.key)
            pair.flush()
            context.load_cert_chain(pair.name)
    return context


def _renamed(access: Access) -> ssl.SSLContext:
    context = _Renamed(ssl.PROTOCOL_TLS_CLIENT)
    context.name = access.tls_server_name
    if access.ca:
        context.load_verify_locations(cadata=access.ca.decode())
    else:
        context.load_default_certs()
    return context


def open_session(access: Access, pool: "ConnectionPool | None" = None) -> "aiohttp.ClientSession":
    """A session; with connections of its own, or with those of a pool, which stay open when it is closed."""
    import aiohttp

    connector = pool.connector(access) if pool is not None else _connector(access)
    return aiohttp.ClientSession(
        access.server, connector=connector, connector_owner=pool is None, auto_decompress=True, headers=access.headers,
        proxy=access.proxy or None,
    )  # fmt: skip


def _connector(access: Access) -> "aiohttp.TCPConnector":
    import aiohttp

    return aiohttp.TCPConnector(ssl=ssl_context(access), limit=0, keepalive_timeout=60)


class ConnectionPool:
    """Open connections that several users share: who asks is said in each request, by its token.

    A client certificate speaks for the connection itself, so whoever has another certificate has other connections.
    """

    def __init__(self) -> None:
        self._connectors: dict[tuple[object, ...], aiohttp.TCPConnector] = {}

    def connector(self, access: Access) -> "aiohttp.TCPConnector":
        """The connections for an access."""
        key = (access.server, access.ca, access.certificate, access.key, access.is_insecure, access.tls_server_name)
        if key not in self._connectors:
            self._connectors[key] = _connector(access)
        return self._connectors[key]

    async def close(self) -> None:
        """Close all of them."""
        while self._connectors:
            _, connector = self._connectors.popitem()
            await connector.close()
