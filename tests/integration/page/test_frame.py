"""The frame itself: a page that is broken cannot pass."""

import asyncio

import pytest
from playwright.async_api import Browser
from tests.integration.page.conftest import World
from tests.servers.browser import visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _break(browser: Browser, address: str, script: str) -> None:
    async with visit(browser, address) as one:
        await one.open("/healthz")
        await one.page.evaluate(f"() => {{ {script} }}")
        async with asyncio.timeout(60):
            while not one.complaints:
                await one.page.wait_for_timeout(20)


async def test_what_the_browser_complains_of_fails_the_visit(world: World, browser: Browser) -> None:
    for script, said in (
        ("console.error('oh')", "error: oh"),
        ("setTimeout(() => { throw new Error('no') })", "error: no"),
        ("fetch('/api/nonsense')", "/api/nonsense: 501"),
        ("new Image().src = '/assets/no-such.png'", "no-such.png: 404"),
        ("new Image().src = 'http://127.0.0.1:9/x'", "Content Security Policy"),
    ):
        with pytest.raises(AssertionError, match=said):
            await _break(browser, world.address, script)


async def test_what_keeps_somebody_out_and_what_is_too_wide_fails(world: World, browser: Browser) -> None:
    async with visit(browser, world.address, phone=True) as one:
        await one.open("/healthz")
        await one.page.set_content("<html lang=en><title>t</title><main><h1>t</h1><img src='data:,'><p style='width: 900px'>wide</p></main></html>")
        assert "alternative text" in await one.violations()
        assert "pixels too wide" in await one.excess()
