"""The endpoint of metrics: where the configuration says, over TLS unless it says otherwise, moved when the configuration changes.

Source: argo-semantics 26.1.
"""

import asyncio
import logging
import ssl
from typing import NamedTuple

from aiohttp import web

from tiphys.settings import Configuration, OwnConfiguration
from tiphys.telemetry.exposition import CONTENT_TYPE
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.telemetry.self_signed import self_signed

log = logging.getLogger(__name__)
_DEFAULT_PORT = 9090


class _Place(NamedTuple):
    port: int
    path: str
    is_secure: bool


class MetricsEndpoint:
    """Serves metrics.

    Args:
        metrics: What is shown.
        port: The command line's; 0 for none at all, the default one for what the configuration says.
        tls_min_version: `VersionTLS12` or `VersionTLS13`; empty for the first.
    """

    def __init__(self, metrics: ControllerMetrics, port: int, tls_min_version: str = "") -> None:
        self._metrics = metrics
        self._port = port
        self._tls_min_version = tls_min_version
        self._wanted: _Place | None = None
        self._place: _Place | None = None
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Event()

    def configure(self, argo: Configuration, _own: OwnConfiguration) -> None:
        """Take the configuration."""
        said = argo.metrics_config
        port = said.port if self._port == _DEFAULT_PORT else self._port
        self._wanted = _Place(port, said.path, said.secure) if said.enabled and port else None
        self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                if self._wanted != self._place:
                    await self._close()
                    self._place = self._wanted
                    if self._place is not None:
                        await self._open(self._place)
        finally:
            await self._close()

    async def _open(self, place: _Place) -> None:
        app = web.Application()
        app.router.add_get(place.path, self._show)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            context = self_signed(self._tls_min_version) if place.is_secure else None
            await web.TCPSite(runner, None, place.port, ssl_context=context).start()
        except (OSError, ssl.SSLError) as e:
            log.error("metrics cannot be served on port %d: %s", place.port, e)  # noqa: TRY400 the place in the code says nothing
            await runner.cleanup()
            return
        self._runner = runner
        log.info("metrics are served on port %d, %s", place.port, "with TLS" if place.is_secure else "without TLS")

    async def _close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _show(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})
