"""`server`: Argo's REST API."""

import ipaddress
from typing import Annotated

from cyclopts import Parameter

from tiphys.cluster.connection import find_access
from tiphys.errors import SpecError
from tiphys.server.subject import Gate, Mode
from tiphys.telemetry.logs import set_up_logs


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server(  # noqa: PLR0913 as many options as there are
    *,
    auth_mode: Annotated[tuple[Mode, ...], Parameter(name=["--auth-mode"])] = (),
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(name=["--port", "-p"])] = 2746,
    namespaced: bool = False,
    managed_namespace: str = "",
    base_href: Annotated[str, Parameter(env_var=["BASE_HREF", "ARGO_BASE_HREF"])] = "/",
    tls_certificate: str = "",
    tls_key: str = "",
    loglevel: str = "info",
    log_format: str = "text",
    kubeconfig: str = "",
) -> int:
    """Serve the REST API and the web page. Without --auth-mode only on this machine, each caller with the own token.

    Args:
        auth_mode: `client`: callers act with their own token; `server`: callers without one act with the server's rights.
        host: The address to listen on; one that others reach needs --auth-mode.
        port: The port.
        namespaced: Serve one namespace only, the server's own unless --managed-namespace names another.
        managed_namespace: The only namespace to serve.
        base_href: The path that browsers see before every address, behind a proxy.
        tls_certificate: File with the certificate, for HTTPS.
        tls_key: File with its key.
        loglevel: How much is logged.
        log_format: `text` or `json`.
        kubeconfig: The way to the cluster.
    """
    if not auth_mode and not is_loopback(host):
        raise SpecError(f"--host {host} is reached by others", hint="choose whose rights count: --auth-mode client or server")
    if bool(tls_certificate) != bool(tls_key):
        raise SpecError("--tls-certificate and --tls-key belong together")
    set_up_logs(loglevel, log_format)
    access = find_access(kubeconfig)
    own = managed_namespace or (access.namespace if namespaced else "")
    import uvicorn

    from tiphys.server.app import make_app
    from tiphys.server.web import checked_base

    gate = Gate(access=access, modes=frozenset(auth_mode or ("client",)), namespace=own)
    app = make_app(gate, checked_base(base_href))
    uvicorn.run(
        app, host=host, port=port, log_config=None, server_header=False, timeout_graceful_shutdown=5,
        ssl_certfile=tls_certificate or None, ssl_keyfile=tls_key or None,
    )  # fmt: skip
    return 0
