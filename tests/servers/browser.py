"""Debian's Chromium, driven by Playwright. What the page says on its console and what it cannot load are faults of the page."""

import pathlib
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    async_playwright,
    expect,
)
from tests.servers.network import Network

ROOT = pathlib.Path(__file__).parents[2]
PICTURES = ROOT / "build/screenshots"
PHONE = {"width": 375, "height": 667}
DESK = {"width": 1280, "height": 800}
_PATIENCE = 30_000
expect.set_options(timeout=_PATIENCE)
# as root, Chromium runs without its sandbox only; small machines have a small /dev/shm
_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def install_browser() -> None:
    """Install it where it is missing."""
    subprocess.run([ROOT / "tests/servers/browser-packages"], check=True, capture_output=True)


@asynccontextmanager
async def chromium(network: Network, folder: pathlib.Path) -> AsyncIterator[Browser]:
    """The browser, in its network; one is enough for all tests."""
    program = network.program("/usr/bin/chromium", folder)
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Visit:
    """One tab on the page at an address.

    Attributes:
        page: The tab.
        address: Where the page is, without the last slash.
        complaints: What the browser had against it, so far.
        expected: Parts of complaints that the test brings about itself.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        self.expected: list[str] = []
        page.set_default_timeout(_PATIENCE)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _console(self, message: ConsoleMessage) -> None:
        # what the browser says of an answer is known from the answer
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _failed(self, request: Request) -> None:
        # whoever leaves a page ends its streams and what is on its way
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.request.method} {response.url}: {response.status}")
        if not response.url.startswith((self.address, "data:", "blob:")):
            self.complaints.append(f"not from here: {response.url}")

    async def open(self, path: str) -> None:
        """Go to a path below the address."""
        await self.page.goto(self.address + path, wait_until="domcontentloaded")

    @property
    def place(self) -> str:
        """Path and query of where the tab is now, below the address."""
        url = urlsplit(self.page.url)
        path = url.path.removeprefix(urlsplit(self.address).path)
        return path + (f"?{url.query}" if url.query else "")

    def button(self, name: str) -> Locator:
        """The button of that name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        """The link of that name."""
        return self.page.get_by_role("link", name=name, exact=True)

    async def see(self, text: str) -> None:
        """Wait until a text is to be seen."""
        await self.page.get_by_text(text).first.wait_for()

    async def picture(self, name: str) -> None:
        """Keep how it looks now."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")

    async def violations(self, *rules: str) -> str:
        """What axe finds that keeps somebody out, by all rules or some; empty where nothing does."""
        options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
        found = await Axe().run(self.page, options=options)
        return found.generate_report() if found.violations_count else ""

    async def excess(self) -> str:
        """How far one has to scroll sideways; empty where one has not."""
        over = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return f"{over} pixels too wide" if over > 0 else ""

    async def faults(self, name: str) -> list[str]:
        """What keeps somebody out of what is seen now: by day, by night and at a phone's width; each is kept as a picture."""
        await self.picture(name)
        found = [await self.violations()]
        # by night only the colours differ, on a phone only what is how large
        await self.page.emulate_media(color_scheme="dark")
        await self.picture(f"{name}-night")
        found.append(await self.violations("color-contrast"))
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await self.picture(f"{name}-phone")
        found += [await self.violations("target-size", "scrollable-region-focusable", "page-has-heading-one"), await self.excess()]
        await self.page.set_viewport_size(DESK)  # type: ignore[arg-type]
        return [f"{name}: {one}" for one in found if one]

    def check_quiet(self) -> None:
        """Fail where the browser complained."""
        left = [one for one in self.complaints if not any(part in one for part in self.expected)]
        assert not left, "\n".join(left)


@asynccontextmanager
async def visit(
    browser: Browser, address: str, *, dark: bool = False, phone: bool = False, trusting: bool = False
) -> AsyncIterator[Visit]:
    """A new tab of somebody who was never here; who is trusting takes certificates that nobody signed."""
    context: BrowserContext = await browser.new_context(
        viewport=PHONE if phone else DESK,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        has_touch=phone,
        ignore_https_errors=trusting,
    )  # type: ignore[arg-type]
    try:
        one = Visit(await context.new_page(), address)
        yield one
        one.check_quiet()
    finally:
        await context.close()
