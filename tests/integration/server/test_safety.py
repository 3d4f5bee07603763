"""The server as a process serves it: TLS, limits, headers, numbers, and a quiet end."""

import asyncio
import contextlib
import io
import json
import logging
import ssl
import webbrowser
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.servers.certificates import certificates
from tests.servers.process import listening

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.errors import SpecError
from tiphys.local.objects import Place
from tiphys.server.around import Safety
from tiphys.server.serve import Listening, make_server, safety_from, tls_of
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.rights import User

TOKEN = {"Authorization": "Bearer good"}


@contextlib.asynccontextmanager
async def running(
    cluster: APIServer, safety: Safety, context: ssl.SSLContext | None = None, **more: Any
) -> AsyncIterator[aiohttp.ClientSession]:
    cluster.users.add("good", User("somebody", lambda *_: True))
    listener = listening()
    gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
    program = make_server(gate, Listening(host="127.0.0.1", port=0), safety, context)
    task = asyncio.create_task(program.serve([listener]))
    while not program.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    scheme = "http" if context is None else "https"
    try:
        async with aiohttp.ClientSession(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", **more) as session:
            session.end = lambda: setattr(program, "should_exit", True)  # type: ignore[attr-defined]
            yield session
    finally:
        program.should_exit = True
        await task
        listener.close()


@pytest.fixture
async def cluster() -> AsyncIterator[APIServer]:
    async with APIServer() as one:
        yield one


async def test_answers_carry_a_number_limits_and_safe_headers(cluster: APIServer) -> None:
    async with running(cluster, Safety(rate=1000)) as session, session.get("/api/v1/workflows/ns", headers=TOKEN) as answer:
        assert answer.status == 200
        said = answer.headers
        assert said["X-RateLimit-Limit"] == "1000"
        assert 0 <= int(said["X-RateLimit-Remaining"]) < 1000
        assert "X-RateLimit-Reset" in said
        assert "Retry-After" not in said
        assert len(said["X-Request-Id"]) == 32
        assert said["X-Frame-Options"] == "DENY"
        assert said["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in said["Content-Security-Policy"]
        assert said["Content-Security-Policy"].startswith("default-src 'self';")
        assert "Strict-Transport-Security" not in said
        assert "Server" not in said


async def test_a_proxys_number_is_kept_and_one_that_would_break_the_log_is_not(
    cluster: APIServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "tiphys.server.around")
    async with running(cluster, Safety()) as session:
        for given, is_kept in (("abc-1", True), ('x" level="', False)):
            async with session.get("/api/v1/version", headers={**TOKEN, "X-Request-Id": given}) as answer:
                assert (answer.headers["X-Request-Id"] == given) is is_kept
    fields = [record.fields for record in caplog.records if hasattr(record, "fields")]
    assert [(one["method"], one["path"], one["code"]) for one in fields] == [("GET", "/api/v1/version", 200)] * 2


async def test_who_asks_too_often_is_answered_429(cluster: APIServer) -> None:
    async with running(cluster, Safety(rate=3)) as session:

        async def ask() -> int:
            async with session.get("/healthz") as answer:
                return answer.status

        # three in each second pass: of so many at once some do not, however slow the machine is
        codes = await asyncio.gather(*(ask() for _ in range(64)))
        assert set(codes) == {200, 429}


async def test_below_a_prefix_the_same_is_served_with_and_without_it(cluster: APIServer) -> None:
    async with running(cluster, Safety(base_href="/argo/")) as session:
        for path in ("/argo/api/v1/version", "/api/v1/version", "/argo/healthz"):
            async with session.get(path, headers=TOKEN) as answer:
                assert answer.status == 200, path


async def test_numbers_are_shown_to_whom_the_cluster_knows(cluster: APIServer) -> None:
    async with running(cluster, Safety()) as session:
        async with session.get("/api/v1/workflows/ns/some-name", headers=TOKEN) as answer:
            assert answer.status == 404
        for headers, code in (
            ({}, 403),
            ({"Authorization": "Bearer fake"}, 403),
            (TOKEN, 200),
            ({"Cookie": "authorization=Bearer good"}, 200),
        ):
            async with session.get("/metrics", headers=headers) as answer:
                assert answer.status == code
                text = await answer.text()
                assert ("tiphys_server_requests_total" in text) is (code == 200)
        line = 'tiphys_server_requests_total{code="404",method="GET",route="/api/v1/workflows/{namespace}/{name}"} 1.0'
        assert line in text
        assert "some-name" not in text


async def test_numbers_may_be_shown_to_anybody(cluster: APIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGO_SERVER_METRICS_AUTH", "false")
    async with running(cluster, Safety()) as session, session.get("/metrics") as answer:
        assert answer.status == 200


async def test_a_body_that_is_too_long_is_refused_unread(cluster: APIServer) -> None:
    body = b" " * (2**21 + 1)
    async with running(cluster, Safety()) as session, session.post("/api/v1/workflows/ns", data=io.BytesIO(body), headers=TOKEN) as answer:
        assert answer.status in (400, 413)
        assert "longer than" in (await answer.json())["message"]


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_streams_end_well_when_the_server_ends(cluster: APIServer, accept: str) -> None:
    async with running(cluster, Safety()) as session:
        answer = await session.get("/api/v1/workflow-events/ns", headers={**TOKEN, "Accept": accept})
        place = Place("apis/argoproj.io/v1alpha1", "workflows", "ns", "w")
        cluster.store.create(place, {"metadata": {"name": "w"}})
        while b"ADDED" not in await answer.content.readline():
            pass
        session.end()  # type: ignore[attr-defined]
        # a broken connection would raise here
        await asyncio.wait_for(answer.content.read(), 5)


async def test_a_given_certificate_is_served_and_browsers_are_told_to_stay(cluster: APIServer, tmp_path: Path) -> None:
    certificates(tmp_path, "127.0.0.1")
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    async with Api(Access(server=cluster.address)) as api:
        context = await tls_of(api, Listening(host="", port=0, is_secure=True, certificate=str(certificate), key=str(key)))
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with running(cluster, Safety(is_strict=True), context, connector=connector) as session, session.get("/healthz") as answer:
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            assert answer.status == 200


async def test_without_one_the_server_makes_its_own_and_a_bad_secret_is_told(cluster: APIServer) -> None:
    async with Api(Access(server=cluster.address, namespace="ns")) as api:
        context = await tls_of(api, Listening(host="", port=0, is_secure=True))
        async with running(cluster, Safety(), context, connector=aiohttp.TCPConnector(ssl=False)) as session, session.get("/healthz") as answer:
            assert answer.status == 200
        cluster.users = type(cluster.users)()
        cluster.store.create(Place("api/v1", "secrets", "ns", "tls"), {"metadata": {"name": "tls"}, "data": {"tls.crt": "eA=="}})
        with pytest.raises(SpecError, match=r"tls has no tls\.key"):
            await tls_of(api, Listening(host="", port=0, is_secure=True, secret="tls"))  # noqa: S106 a name


def test_headers_that_name_an_address_come_from_the_environment() -> None:
    assert safety_from({"IP_KEY_FUNC_HEADERS": "X-Forwarded-For, X-Real-IP"}, Safety()).address_headers == (
        "X-Forwarded-For",
        "X-Real-IP",
    )
    assert json.dumps(safety_from({}, Safety()).address_headers) == "[]"


async def test_the_page_is_opened_in_a_browser_once_it_is_served(cluster: APIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
    for shown in ("", "http://localhost:1/base/"):
        program = make_server(gate, Listening(host="127.0.0.1", port=0), Safety())
        program.shown = shown
        with listening() as listener:
            task = asyncio.create_task(program.serve([listener]))
            while not program.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            program.should_exit = True
            await task
    assert opened == ["http://localhost:1/base/"]
