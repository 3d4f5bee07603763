"""The page's files: one document for all addresses, assets for ever, below any path."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
import uvicorn
from tests.servers.process import listening

from tiphys.cluster.connection import Access
from tiphys.errors import SpecError
from tiphys.server.app import make_app
from tiphys.server.around import Around, Safety
from tiphys.server.measures import ServerMetrics
from tiphys.server.subject import Gate
from tiphys.server.web import checked_base


@contextlib.asynccontextmanager
async def client(base: str = "/") -> AsyncIterator[aiohttp.ClientSession]:
    gate = Gate(access=Access(server="http://127.0.0.1:1", token=lambda: ""), modes=frozenset({"client"}))
    with listening() as listener:
        program = uvicorn.Server(uvicorn.Config(Around(make_app(gate, base), Safety(), ServerMetrics()), log_config=None))
        running = asyncio.create_task(program.serve([listener]))
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.getsockname()[1]}") as session:
            while not program.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            yield session
        program.should_exit = True
        await running


async def text_of(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(path) as answer:
        return await answer.text()


async def test_every_address_of_the_page_is_the_same_document_and_needs_no_token() -> None:
    async with client() as session, session.get("/") as answer:
        first = await answer.text()
        assert '<base href="/"' in first
        assert await text_of(session, "/workflows/ns/name") == first
        assert answer.headers["cache-control"] == "no-cache"
        assert "script-src" not in answer.headers["content-security-policy"], "scripts are the page's own, by default-src"
        assert "<script>" not in first


async def test_assets_are_kept_for_ever_and_packed() -> None:
    async with client() as session:
        script = (await text_of(session, "/")).partition('src="./')[2].partition('"')[0]
        async with session.get(f"/{script}", headers={"accept-encoding": "gzip"}) as found:
            assert found.headers["cache-control"].endswith("immutable")
            assert found.headers["content-encoding"] == "gzip"
            assert found.headers["content-type"].startswith("text/javascript")
        async with session.get("/assets/gone.js") as gone:
            assert gone.status == 404


async def test_what_the_api_does_not_know_is_not_the_page() -> None:
    async with client() as session:
        for path in ("/api/v1/nonsense", "/artifact-files/ns/nonsense", "/oauth2/nonsense"):
            async with session.get(path) as answer:
                assert answer.status == 501


@pytest.mark.parametrize("path", ["/argo/workflows", "/workflows"], ids=["path left", "path taken off"])
async def test_below_a_path_the_page_and_the_api_are_found_whether_the_proxy_takes_it_off_or_not(path: str) -> None:
    async with client("/argo/") as session:
        assert '<base href="/argo/"' in await text_of(session, path)
        assert await text_of(session, path.replace("workflows", "healthz")) == "ok"


def test_a_base_path_has_slashes_at_both_ends_and_nothing_strange_between() -> None:
    assert [checked_base(text) for text in ("", "/", "argo", "/argo/x/")] == ["/", "/", "/argo/", "/argo/x/"]
    with pytest.raises(SpecError, match="no path"):
        checked_base('"><script>')
