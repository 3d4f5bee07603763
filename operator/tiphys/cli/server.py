"""`server`: Argo's REST API."""

import ipaddress
import logging
import os
from dataclasses import dataclass, fields
from typing import Annotated

from cyclopts import Parameter

from tiphys.cli.reach import Reach
from tiphys.cluster.connection import find_access
from tiphys.errors import SpecError
from tiphys.server.around import Safety
from tiphys.server.queueing import Dispatching
from tiphys.server.subject import Mode
from tiphys.settings import parse_environment
from tiphys.telemetry.logs import set_up_logs

log = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@Parameter(name="*")
@dataclass(kw_only=True)
class Encryption:
    """HTTPS.

    Attributes:
        secure: Serve HTTPS; as it is unless said otherwise where others reach the server.
        tls_certificate: File with the certificate; without one the server makes its own.
        tls_key: File with its key.
        tls_certificate_secret_name: A Secret in the server's namespace with tls.crt and tls.key, instead of files.
        hsts: Tell browsers to come by HTTPS only.
    """

    secure: bool | None = None
    tls_certificate: str = ""
    tls_key: str = ""
    tls_certificate_secret_name: str = ""
    hsts: bool = True

    def is_on(self, host: str) -> bool:
        """Whether HTTPS is served on an address.

        Raises:
            SpecError: The flags contradict each other.
        """
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise SpecError("--tls-certificate and --tls-key belong together")
        if self.tls_certificate and self.tls_certificate_secret_name:
            raise SpecError("--tls-certificate and --tls-certificate-secret-name are both given")
        has_own = bool(self.tls_certificate or self.tls_certificate_secret_name)
        if self.secure is False and has_own:
            raise SpecError("a certificate is given, and --no-secure")
        return has_own or (not is_loopback(host) if self.secure is None else self.secure)


@Parameter(name="*")
@dataclass(kw_only=True)
class Care:
    """What browsers and many requests are told.

    Attributes:
        base_href: The path below which a proxy shows the server.
        x_frame_options: Who may show pages in a frame: DENY, SAMEORIGIN, or empty for anybody.
        access_control_allow_origin: Another site whose pages may read ours.
        api_rate_limit: Requests that one address may make in a second; 0 for any number.
        allowed_link_protocol: What links of the configuration may begin with; the page follows http and https only.
    """

    base_href: Annotated[str, Parameter(env_var=["BASE_HREF", "ARGO_BASE_HREF"])] = "/"
    x_frame_options: str = "DENY"
    access_control_allow_origin: str = ""
    api_rate_limit: int = 1000
    allowed_link_protocol: Annotated[
        tuple[str, ...], Parameter(name="--allowed-link-protocol", env_var="ALLOWED_LINK_PROTOCOL")
    ] = ("http", "https")

    def protocols(self) -> tuple[str, ...]:
        """What links may begin with, each said for itself or several with commas between them."""
        return tuple(one.strip().lower() for said in self.allowed_link_protocol for one in said.split(",") if one.strip())

    def safety(self, *, is_strict: bool) -> Safety:
        """As the server takes it.

        Raises:
            SpecError: A flag has a value that means nothing.
        """
        from tiphys.server.web import checked_base

        if self.x_frame_options.upper() not in ("", "DENY", "SAMEORIGIN"):
            raise SpecError(f"{self.x_frame_options!r} is neither DENY nor SAMEORIGIN", path="--x-frame-options")
        if self.api_rate_limit < 0:
            raise SpecError("a limit is 0 or more", path="--api-rate-limit")
        return Safety(
            rate=self.api_rate_limit, frame_options=self.x_frame_options.upper(), allowed_origin=self.access_control_allow_origin,
            base_href=checked_base(self.base_href), is_strict=is_strict,
        )  # fmt: skip


@Parameter(name="*")
@dataclass(kw_only=True)
class Events:
    """What becomes of posted events.

    Attributes:
        event_async_dispatch: Answer before the workflows that an event wants are submitted.
        event_operation_queue_size: So many events wait for that at most; further ones are refused.
        event_worker_count: So many are dispatched at once.
    """

    event_async_dispatch: bool = False
    event_operation_queue_size: int = 16
    event_worker_count: int = 4

    def dispatching(self) -> Dispatching:
        """As the server takes it.

        Raises:
            SpecError: A number means nothing.
        """
        size, workers = self.event_operation_queue_size, self.event_worker_count
        for flag, number in (("--event-operation-queue-size", size), ("--event-worker-count", workers)):
            if number < 1:
                raise SpecError("a number is 1 or more", path=flag)
        return Dispatching(is_later=self.event_async_dispatch, queue_size=size, workers=workers)


@Parameter(name="*")
@dataclass(kw_only=True)
class Unused:
    """Flags of Argo's server that change nothing here.

    Attributes:
        kube_api_qps: No effect: requests to the cluster are as many as it takes.
        kube_api_burst: No effect, as --kube-api-qps.
        gloglevel: No effect: there is one log.
    """

    kube_api_qps: float = 0
    kube_api_burst: int = 0
    gloglevel: int = 0

    def sentences(self) -> list[str]:
        """What to tell of those that were given."""
        why = {"gloglevel": "there is one log"}
        taken = "requests are as many as the API server takes"
        given = [field.name for field in fields(self) if getattr(self, field.name)]
        return [f"--{name.replace('_', '-')} has no effect: {why.get(name, taken)}" for name in given]


def server(  # noqa: PLR0913 as many options as there are
    *,
    auth_mode: Annotated[tuple[Mode, ...], Parameter(name=["--auth-mode"])] = (),
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(name=["--port", "-p"])] = 2746,
    namespaced: bool = False,
    managed_namespace: str = "",
    configmap: Annotated[str, Parameter(name="--configmap")] = "workflow-controller-configmap",
    encryption: Encryption | None = None,
    care: Care | None = None,
    events: Events | None = None,
    loglevel: str = "info",
    log_format: str = "text",
    kubeconfig: str = "",
    list_cache: int = 20_000,
    browser: Annotated[bool, Parameter(name=["--browser", "-b"], negative="")] = False,
    unused: Unused | None = None,
    reach: Reach | None = None,
) -> int:
    """Serve the REST API and the web page. Without --auth-mode only on this machine, each caller with the own token.

    Args:
        auth_mode: `client`: callers act with their own token; `server`: callers without one act with the server's rights;
            `sso`: callers sign in, as the configuration's block `sso` says.
        host: The address to listen on; one that others reach needs --auth-mode.
        port: The port.
        namespaced: Serve one namespace only, the server's own unless --managed-namespace names another.
        managed_namespace: The only namespace to serve.
        configmap: Name of the ConfigMap with the configuration, in the server's namespace.
        encryption: HTTPS.
        care: What browsers and many requests are told.
        events: What becomes of posted events.
        loglevel: How much is logged.
        log_format: `text` or `json`.
        kubeconfig: The way to the cluster.
        list_cache: Keep summaries of up to so many workflows by a watch with the server's own rights, so that lists are quick;
            0 keeps none. Who asks sees what he may list, as without.
        browser: Open the page in a browser of this machine.
        unused: Flags of Argo's server that change nothing here.
        reach: How the API server is reached, and as whom.
    """
    if list_cache < 0:
        raise SpecError("a number of workflows is 0 or more", path="--list-cache")
    if not auth_mode and not is_loopback(host):
        raise SpecError(f"--host {host} is reached by others", hint="choose --auth-mode: client, server or sso")
    tls = encryption or Encryption()
    is_secure = tls.is_on(host)
    safety = (care or Care()).safety(is_strict=tls.hsts and is_secure)
    dispatching = (events or Events()).dispatching()
    set_up_logs(loglevel, log_format)
    for sentence in (unused or Unused()).sentences():
        log.warning("%s", sentence)
    choice = (reach or Reach()).choice
    if choice.is_for_another:
        raise SpecError("the server acts for itself and its callers: --as, --as-group and --as-uid are for users' commands")
    access = find_access(kubeconfig, choice)
    own = managed_namespace or (access.namespace if namespaced else "")

    from tiphys.server.serve import Listening, Order, run_server

    listening = Listening(
        host=host, port=port, is_secure=is_secure, certificate=tls.tls_certificate, key=tls.tls_key,
        secret=tls.tls_certificate_secret_name, min_version=parse_environment(os.environ).tls_min_version,
    )  # fmt: skip
    modes = frozenset(auth_mode or ("client",))
    order = Order(
        access=access, modes=modes, namespace=own, config_map=configmap, listening=listening, flags=safety, cached=list_cache,
        dispatching=dispatching, links=(care or Care()).protocols(), is_shown=browser,
    )  # fmt: skip
    run_server(order)
    return 0
