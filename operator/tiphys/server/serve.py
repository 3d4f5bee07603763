"""The process: from the cluster's configuration to an open port, and to a quiet end.

Source: features, "Server flags".
"""

import asyncio
import base64
import contextlib
import logging
import os
import socket
import ssl
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import uvicorn
from starlette.routing import Route

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.errors import NotFound, SpecError
from tiphys.server.app import make_app
from tiphys.server.around import Around, Safety
from tiphys.server.cache import MOST, Cache
from tiphys.server.doors import open_gate
from tiphys.server.draining import Draining
from tiphys.server.exposing import metrics_of
from tiphys.server.kept import Kept, configured
from tiphys.server.measures import ServerMetrics
from tiphys.server.patience import Patient
from tiphys.server.queueing import Dispatching
from tiphys.server.sign_in import SignIn, sign_in_routes
from tiphys.server.subject import Gate, Mode
from tiphys.settings import Configuration, parse_configuration
from tiphys.telemetry.self_signed import self_signed, server_context

log = logging.getLogger(__name__)
_GRACE_SECONDS = 10
_LINE_BYTES = 64 * 1024


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server listens.

    Attributes:
        is_secure: Over TLS; with a certificate of its own when none is given.
        certificate: File with the certificate.
        key: File with its key.
        secret: Name of a Secret beside the server that holds both, as `tls.crt` and `tls.key`.
        min_version: `VersionTLS12` or `VersionTLS13`; empty for the first.
    """

    host: str
    port: int
    is_secure: bool = False
    certificate: str = ""
    key: str = ""
    secret: str = ""
    min_version: str = ""


async def read_configuration(api: Api, name: str) -> Configuration:
    """The configuration that the controller has, too; the defaults where there is none."""
    try:
        found = msgspec.json.decode(await api.read("ConfigMap", api.access.namespace, name))
    except NotFound:
        return Configuration()
    return parse_configuration(found.get("data") or {})


async def tls_of(api: Api, listening: Listening) -> ssl.SSLContext | None:
    """The TLS settings; None for plain HTTP.

    Raises:
        SpecError: The Secret holds no certificate, or one that cannot be read.
    """
    if not listening.is_secure:
        return None
    if listening.secret:
        found = msgspec.json.decode(await api.read("Secret", api.access.namespace, listening.secret))
        pair = {name: base64.b64decode(text) for name, text in (found.get("data") or {}).items()}
        return _context(pair, listening.secret, listening.min_version)
    if listening.certificate:
        files = {"tls.crt": Path(listening.certificate), "tls.key": Path(listening.key)}
        pair = {name: path.read_bytes() for name, path in files.items()}
        return _context(pair, listening.certificate, listening.min_version)
    return self_signed(listening.min_version)


def _context(pair: Mapping[str, bytes], said: str, min_version: str) -> ssl.SSLContext:
    missing = [name for name in ("tls.crt", "tls.key") if not pair.get(name)]
    if missing:
        raise SpecError(f"{said} has no {missing[0]}")
    try:
        return server_context(pair["tls.crt"], pair["tls.key"], min_version)
    except (ssl.SSLError, OSError) as e:
        raise SpecError(f"{said} holds no certificate with its key: {e}") from e


class _Server(uvicorn.Server):
    """Ends its streams first, when it is asked to end.

    Attributes:
        shown: The address that is opened in a browser once it serves; empty for none.
    """

    shown = ""

    def __init__(self, config: uvicorn.Config, draining: Draining) -> None:
        super().__init__(config)
        self._draining = draining

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        if self.shown and self.started:
            await asyncio.to_thread(webbrowser.open, self.shown)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the server well: they are not raised again afterwards, so that the process ends with 0."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._draining.close()
        await super().shutdown(sockets)


def make_server(
    gate: Gate, listening: Listening, safety: Safety, context: ssl.SSLContext | None = None, sign_in: SignIn | None = None, *,
    kept: Kept | None = None,
) -> _Server:  # fmt: skip
    """A server that is ready to run."""
    metrics = ServerMetrics()
    numbers = metrics_of(gate, metrics, is_open=os.environ.get("ARGO_SERVER_METRICS_AUTH") == "false")
    more = [Route("/metrics", numbers), *sign_in_routes(sign_in)]
    draining = Draining(make_app(gate, safety.base_href, more=more, kept=kept))
    config = uvicorn.Config(
        Around(draining, safety, metrics), http=Patient, host=listening.host, port=listening.port, log_config=None,
        access_log=False, server_header=False, timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=_LINE_BYTES,
        ssl_context_factory=(lambda _config, _default: context) if context is not None else None,
    )  # fmt: skip
    return _Server(config, draining)


def safety_from(environment: Mapping[str, str], flags: Safety) -> Safety:
    """The flags, with what only the environment says."""
    named = tuple(name.strip() for name in environment.get("IP_KEY_FUNC_HEADERS", "").split(",") if name.strip())
    return msgspec.structs.replace(flags, address_headers=named)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to serve, and to whom.

    Attributes:
        access: The server's own way to the cluster.
        modes: Whose rights count.
        namespace: The only one to serve; empty for all.
        config_map: Name of the ConfigMap with the configuration.
        listening: Where.
        flags: How careful to be.
        dispatching: How events are dispatched.
        links: Protocols of links that the page may lead to.
        is_shown: Whether a browser is opened.
        cached: Up to how many workflows are known by summaries, so that lists need not be read from the cluster; 0 for none.
    """

    access: Access
    modes: frozenset[Mode]
    namespace: str
    config_map: str
    listening: Listening
    flags: Safety
    dispatching: Dispatching = Dispatching()
    links: tuple[str, ...] = ("http", "https")
    is_shown: bool = False
    cached: int = MOST


async def serve(order: Order) -> None:
    """Serve until asked to end."""
    listening, flags = order.listening, order.flags
    async with Api(order.access) as api:
        context = await tls_of(api, listening)
        # client and server mode need no configuration, and perhaps no right to read it
        sso = (await read_configuration(api, order.config_map)).sso if "sso" in order.modes else None
        gate, sign_in = await open_gate(api, order.modes, order.namespace, sso, os.environ, flags.base_href)
    if order.cached:
        cache = Cache(order.access, namespace=order.namespace, most=order.cached, pool=gate.pool)
        gate = msgspec.structs.replace(gate, cache=cache)
    safety = msgspec.structs.replace(safety_from(os.environ, flags), is_strict=flags.is_strict and context is not None)
    scheme = "http" if context is None else "https"
    log.info("listening on %s://%s:%s%s", scheme, listening.host, listening.port, safety.base_href)
    kept = Kept(configured(gate.access, order.config_map), order.dispatching, protocols=order.links)
    server = make_server(gate, listening, safety, context, sign_in, kept=kept)
    # an address that means all or this machine is this machine; another one is reached by what it is called
    host = "localhost" if listening.host in ("0.0.0.0", "::", "127.0.0.1", "::1") else listening.host  # noqa: S104 compared only
    server.shown = f"{scheme}://{host}:{listening.port}{safety.base_href}" if order.is_shown else ""
    await server.serve()


def run_server(order: Order) -> None:
    """Serve until asked to end, on a loop of its own."""
    import uvloop

    uvloop.run(serve(order))
