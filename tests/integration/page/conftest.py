"""The page in a real browser, on the server over a small cluster in which a whole controller runs workflows.

What is not observed here: pods of a real cluster; that is tests/e2e/page.
"""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
import pytest_asyncio
import uvicorn
import yaml
from playwright.async_api import Browser, expect
from starlette.types import ASGIApp
from tests.servers.browser import Visit, chromium, install_browser, visit
from tests.servers.feed import WatchedWorkflows
from tests.servers.network import Network

from tiphys.archive.database import Database
from tiphys.archive.migrate import migrate
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.cluster.announcements import EventQueue
from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.cluster.logs import PodLogs
from tiphys.cluster.task_sets import watch_task_sets
from tiphys.controller.clock import SystemClock
from tiphys.controller.controller import Controller, Surroundings
from tiphys.controller.following import Following
from tiphys.local.objects import Place
from tiphys.model.archived import to_archive
from tiphys.model.base import Json
from tiphys.pods.settings import PodSettings
from tiphys.server.app import make_app
from tiphys.server.around import Around, Safety
from tiphys.server.kept import Kept, Settled
from tiphys.server.measures import ServerMetrics
from tiphys.server.subject import Gate, Mode
from tiphys.settings.configuration import Configuration
from tiphys.settings.database import Persistence
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.testing.apiserver import APIServer, Ending

ARGO = "apis/argoproj.io/v1alpha1"
WORLD = pathlib.Path(__file__).parent / "world.yaml"
PLURALS = {
    "Workflow": "workflows", "WorkflowTemplate": "workflowtemplates", "ClusterWorkflowTemplate": "clusterworkflowtemplates",
    "CronWorkflow": "cronworkflows",
}  # fmt: skip
expect.set_options(timeout=30_000)
TOKEN = "secret"  # noqa: S105


def behave(pod: Json) -> Ending:
    """A pod does what its image says: `fails`, `hangs`, `missing`; any other prints its arguments and ends well."""
    image = pod["spec"]["containers"][0]["image"]
    said = " ".join(str(part) for one in pod["spec"]["containers"] if one["name"] == "main" for part in one.get("args") or [])
    log = f"\x1b[32mstarted\x1b[0m\n{said or 'nothing to say'}\nended\n".encode()
    endings = {
        "fails": Ending(exit_code=1, log=log, message="exit 1"), "hangs": Ending(hangs=True), "missing": Ending(waits="ErrImagePull"),
    }  # fmt: skip
    return endings.get(image, Ending(log=log))


class World:
    """A small cluster with a controller, and servers over it.

    Attributes:
        cluster: The API server.
        archive: What has ended long ago.
        address: A server that asks for no token.
    """

    def __init__(self, cluster: APIServer, archive: SqlArchive, address: str) -> None:
        self.cluster = cluster
        self.archive = archive
        self.address = address

    def apply(self, manifest: Json) -> str:
        """Store an object in namespace `ns`, if it has no other."""
        meta = manifest["metadata"]
        namespace = "" if manifest["kind"].startswith("Cluster") else meta.get("namespace", "ns")
        place = Place(ARGO, PLURALS[manifest["kind"]], namespace, meta["name"])
        made = self.cluster.store.create(place, manifest)
        return str(made["metadata"]["name"])

    async def keep(self, *documents: Json) -> None:
        """Put workflows into the archive."""
        for one in documents:
            await self.archive.save(to_archive(one))

    def stored(self, name: str, plural: str = "workflows", namespace: str = "ns") -> Json:
        return self.cluster.store.read(Place(ARGO, plural, namespace, name))

    def patch(self, name: str, patch: Json, plural: str = "workflows") -> None:
        """Change it, as somebody else does."""
        self.cluster.store.patch(Place(ARGO, plural, "ns", name), patch)

    def phase(self, name: str) -> str:
        return str(self.stored(name).get("status", {}).get("phase", ""))

    async def until(self, reached: Callable[[], bool], seconds: float = 30) -> None:
        """Wait for what the controller does."""
        async with asyncio.timeout(seconds):
            while not reached():
                await self.cluster.store.changed.wait()


@contextlib.asynccontextmanager
async def controlled(cluster: APIServer) -> AsyncIterator[None]:
    """A controller at work."""
    metrics, clock = ControllerMetrics(), SystemClock()
    async with Api(Access(server=cluster.address), observe=metrics.observe_request) as api:
        announcements = EventQueue(api, clock)
        around = Surroundings(
            api, PodLogs(api), announcements, clock, metrics, PodSettings(), task_sets=partial(watch_task_sets, api, "")
        )
        controller = Controller(around)
        following = Following(api, controller, announcements, [WatchedWorkflows(api, controller)])
        following.start()
        yield
        await following.stop()


@contextlib.asynccontextmanager
async def served(
    cluster: APIServer, network: Network, mode: Mode = "server", base: str = "/", kept: Kept | None = None, port: int = 0
) -> AsyncIterator[str]:
    """The address of a server over a cluster, and an archive."""
    gate = Gate(access=Access(server=cluster.address), modes=frozenset({mode}))
    async with serving(make_app(gate, base, kept=kept), network, port) as address:
        yield address


@contextlib.asynccontextmanager
async def serving(made: ASGIApp, network: Network, port: int = 0) -> AsyncIterator[str]:
    """The address at which an application is reached by the browser."""
    listener = network.listener(port)
    app = Around(made, Safety(rate=0), ServerMetrics())
    program = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    running = asyncio.create_task(program.serve([listener]))
    while not program.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    program.should_exit = True
    await running
    listener.close()


@contextlib.asynccontextmanager
async def archived(file: pathlib.Path) -> AsyncIterator[tuple[SqlArchive, Kept]]:
    """An archive in a file, and how the server comes to it."""
    target = Target(kind="sqlite", name=str(file))
    settled = Settled(Configuration(persistence=Persistence(archive=True)), target)

    async def ask() -> Settled:
        return settled

    database = Database(target)
    await migrate(database)
    yield SqlArchive(database), Kept(ask)
    await database.close()


def ended(number: int) -> Json:
    """A workflow that ended on a day in January; each tenth badly."""
    name, phase = f"kept-{number:02}", "Failed" if number % 10 == 9 else "Succeeded"
    start = f"2026-01-{number // 2 + 1:02}T10:00:{number:02}Z"
    labels = {"crew": f"c{number % 3}", "workflows.argoproj.io/phase": phase}
    node = {"id": name, "name": name, "displayName": name, "type": "Pod", "phase": phase, "templateName": "main"}
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": f"uid-{number}", "creationTimestamp": start, "labels": labels},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "works", "command": ["a"]}}]},
        "status": {"phase": phase, "startedAt": start, "finishedAt": start.replace("T10", "T11"), "nodes": {name: node}},
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def network() -> AsyncIterator[Network]:
    made = Network()
    yield made
    made.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(network: Network, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """All of it, filled with workflows of every phase."""
    async with (
        archived(tmp_path_factory.mktemp("archive") / "archive.db") as (archive, kept),
        APIServer(behave) as cluster,
        controlled(cluster),
        served(cluster, network, kept=kept) as address,
    ):
        made = World(cluster, archive, address)
        await made.keep(*(ended(number) for number in range(60)))
        names = [(made.apply(one), one) for one in yaml.safe_load_all(WORLD.read_text())]
        expected = {name: one["metadata"]["annotations"]["ends"] for name, one in names if one["kind"] == "Workflow"}
        await made.until(lambda: all(made.phase(name) == phase for name, phase in expected.items()))
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(network: Network, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    await asyncio.to_thread(install_browser)
    async with chromium(network, tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def desk(world: World, browser: Browser) -> AsyncIterator[Visit]:
    """Somebody at a desk, by day."""
    async with visit(browser, world.address) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def night(world: World, browser: Browser) -> AsyncIterator[Visit]:
    """Somebody at a desk, by night."""
    async with visit(browser, world.address, dark=True) as one:
        yield one
