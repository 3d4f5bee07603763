"""What tutorials teach once the one file is applied: submit with a parameter and watch, open the page at localhost:2746, read the logs of each step."""

import asyncio
import contextlib
import pathlib
import tempfile
from collections.abc import AsyncIterator

from tests.e2e.conftest import ROOT, TIPHYS, Cluster
from tests.e2e.page.steps import read_as_it_runs
from tests.e2e.server.client import forwarded
from tests.servers.browser import Visit, chromium, install_browser, visit
from tests.servers.network import Network

PORT = 2746
WORKFLOW = ROOT / "tests/e2e/chart/greeting.yaml"


@contextlib.asynccontextmanager
async def _page(cluster: Cluster) -> AsyncIterator[Visit]:
    install_browser()
    network = Network()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(network.close)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(forwarded(cluster.kubeconfig, cluster.namespace, "service/tiphys-server", PORT, PORT))
        await stack.enter_async_context(network.reached(PORT))
        browser = await stack.enter_async_context(chromium(network, pathlib.Path(folder)))
        # the server made its certificate itself
        yield await stack.enter_async_context(visit(browser, f"https://localhost:{PORT}", trusting=True))


async def follow(cluster: Cluster) -> None:
    """All of it, in a namespace where the quick start is."""
    async with _page(cluster) as desk:
        await desk.open(f"/workflows/{cluster.namespace}")
        # it watches till the end, while the page follows it, too
        command = [*TIPHYS, "submit", str(WORKFLOW), "-p", "whom=Ada", "--watch", "-n", cluster.namespace, "--kubeconfig", cluster.kubeconfig]
        watching = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        try:
            await desk.link("hello").click(timeout=90_000)
            await desk.page.locator('[data-id][aria-label^="first, Running"]').wait_for(timeout=90_000)
            assert watching.returncode is None, "it stays while the workflow runs"
            await read_as_it_runs(desk, cluster, "hello", ("first", "second"), "tutorial")
            said, _ = await asyncio.wait_for(watching.communicate(), 60)
        finally:
            if watching.returncode is None:
                watching.kill()
                await watching.wait()
    assert watching.returncode == 0, said
    # where nobody sits before a screen, the end alone is printed
    for words in ("Succeeded", "first", "second"):
        assert words in said.decode(), said
