"""The endpoint of metrics."""

import asyncio
import socket
import ssl

import aiohttp
import pytest
from tests.servers.process import free_port

from tiphys.controller.exposing import MetricsEndpoint
from tiphys.settings import OwnConfiguration, parse_configuration
from tiphys.telemetry.metrics import ControllerMetrics


def unverified(*, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if newest is not None:
        context.maximum_version = newest
    return context


async def scrape(url: str, context: ssl.SSLContext | bool = True) -> str:
    """What is shown; waits for the endpoint to come."""
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.get(url, ssl=context) as answer:
                    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                    return await answer.text() if answer.status == 200 else str(answer.status)
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
    raise AssertionError(f"nothing at {url}")


async def served(endpoint: MetricsEndpoint, text: str) -> None:
    endpoint.configure(parse_configuration({"metricsConfig": text}), OwnConfiguration())
    await asyncio.sleep(0.2)


async def test_metrics_are_served_with_tls_unless_the_configuration_says_otherwise_and_move_with_it() -> None:
    port, other = free_port(), free_port()
    endpoint = MetricsEndpoint(ControllerMetrics(), 9090)
    task = asyncio.get_running_loop().create_task(endpoint.run())
    try:
        await served(endpoint, f"port: {port}")
        assert "argo_workflows_is_leader 1.0" in await scrape(f"https://127.0.0.1:{port}/metrics", unverified())
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            async with aiohttp.ClientSession() as session, session.get(f"https://127.0.0.1:{port}/metrics"):
                pass
        await served(endpoint, f"{{port: {other}, secure: false, path: /numbers}}")
        assert "argo_workflows_is_leader 1.0" in await scrape(f"http://127.0.0.1:{other}/numbers")
        with pytest.raises(aiohttp.ClientConnectorError):
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics"):
                pass
        await served(endpoint, "enabled: false")
        with pytest.raises(aiohttp.ClientConnectorError):
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{other}/numbers"):
                pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_command_lines_port_wins_and_old_tls_can_be_refused() -> None:
    port = free_port()
    endpoint = MetricsEndpoint(ControllerMetrics(), port, "VersionTLS13")
    task = asyncio.get_running_loop().create_task(endpoint.run())
    try:
        await served(endpoint, "port: 1")
        url = f"https://127.0.0.1:{port}/metrics"
        assert "is_leader" in await scrape(url, unverified())
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(url, ssl=unverified(newest=ssl.TLSVersion.TLSv1_2)):
                pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_port_that_is_taken_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 the endpoint binds all
        taken.listen()
        endpoint = MetricsEndpoint(ControllerMetrics(), 9090)
        task = asyncio.get_running_loop().create_task(endpoint.run())
        await served(endpoint, f"{{port: {taken.getsockname()[1]}, secure: false}}")
        await asyncio.sleep(0.5)
        assert not task.done()
        assert "metrics cannot be served on port" in caplog.text
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
