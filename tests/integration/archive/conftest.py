"""A controller on a small API server in this process, with a real database that can be killed and comes back.

What archives and offload tables do is tested in tests/contract/archive; a real cluster is in tests/e2e/archive.
"""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.databases.servers import PASSWORD, Server, running

from tiphys.archive.database import Database
from tiphys.archive.migrate import migrate
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.cluster.announcements import EventQueue
from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.cluster.informer import Informer
from tiphys.cluster.logs import PodLogs
from tiphys.cluster.offloaded import offloaded_versions
from tiphys.cluster.secret_values import secret_reader
from tiphys.controller.clock import SystemClock
from tiphys.controller.controller import Controller, Surroundings
from tiphys.controller.persisting import Persisting
from tiphys.controller.sharing import SharedLocks
from tiphys.errors import NotFound, Unavailable
from tiphys.local.objects import Place
from tiphys.model.archived import ArchiveQuery
from tiphys.pods.settings import PodSettings
from tiphys.settings.configuration import Configuration
from tiphys.settings.environment import Environment
from tiphys.settings.read import parse_configuration
from tiphys.telemetry.archive import ArchiveMetrics
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.testing.apiserver import APIServer

NAMESPACE = "team"
ARGO = "apis/argoproj.io/v1alpha1"


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    with running() as known:
        yield known


@pytest.fixture(params=("postgresql", "mysql"))
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    return servers[request.param]


@pytest.fixture
def name(server: Server) -> str:
    """A database of the test's own."""
    one = f"t{uuid.uuid4().hex[:12]}"
    server.make_database(one)
    return one


class Opened:
    """Databases that a test opens, and that are closed when it ends."""

    def __init__(self) -> None:
        self.all: list[Database] = []

    def __call__(self, target: Target) -> Database:
        self.all.append(Database(target))
        return self.all[-1]

    async def migrated(self, server: Server, name: str) -> Database:
        await migrate(database := self(server.target(name)))
        return database


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    one = Opened()
    yield one
    for database in one.all:
        await database.close()


def configuration(server: Server, name: str, **persistence: Any) -> Configuration:
    """What an administrator writes."""
    database = {"host": server.host, "port": server.port, "database": name, "userNameSecret": {"name": "db", "key": "username"},
                "passwordSecret": {"name": "db", "key": "password"}}  # fmt: skip
    said = {"archive": True, "nodeStatusOffLoad": True, server.kind: database, **persistence}
    return parse_configuration({"persistence": msgspec.json.encode(said).decode()})


async def eventually(reached: Callable[[], Any], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            found = reached()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.05)


class Life:
    """A controller from its start to its end."""

    def __init__(self, api_server: APIServer, said: Configuration, environment: Environment | None = None) -> None:
        self.metrics = ControllerMetrics()
        self.api = Api(Access(server=api_server.address, namespace=NAMESPACE))
        clock = SystemClock()
        self._announcements = EventQueue(self.api, clock)
        self.persisting = Persisting(
            self.api, clock, ArchiveMetrics(self.metrics.registry), environment or Environment(), said.persistence,
            secret_reader(self.api, NAMESPACE), announcements=self._announcements,
        )  # fmt: skip
        self.world = Surroundings(
            self.api, PodLogs(self.api), self._announcements, clock, self.metrics, PodSettings(), keeping=self.persisting.keeping,
        )  # fmt: skip
        self.controller = Controller(self.world)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, shared: SharedLocks | None = None) -> "Life":
        await self.api.__aenter__()
        shared = shared or SharedLocks(None, secret_reader(self.api, NAMESPACE))
        if shared.locks is not None:
            self.controller = Controller(self.world._replace(locks=shared.locks))
        controller = self.controller
        pods = Informer(self.api, "Pod", parse=controller.parse_pod, labels="workflows.argoproj.io/workflow")
        pods.on_change, pods.on_delete = controller.pod_changed, controller.pod_deleted
        workflows: Informer[dict[str, Any]] = Informer(self.api, "Workflow", parse=msgspec.json.decode)
        workflows.on_change = lambda _key, raw: controller.workflow_changed(raw)
        workflows.on_delete = lambda _key, raw: self._deleted(raw)
        works = (shared.run(), pods.run(), workflows.run(), controller.run(), self._announcements.run(),
                 self.persisting.run(lambda: offloaded_versions(self.api)))  # fmt: skip
        self._tasks = [asyncio.create_task(work) for work in works]
        await pods.synced.wait()
        controller.ready()
        return self

    def _deleted(self, raw: dict[str, Any]) -> None:
        self.persisting.keeping.deleted(raw)
        self.controller.workflow_deleted(raw["metadata"]["uid"])

    async def stop(self) -> None:
        await self.controller.stop()
        await self.kill()

    async def kill(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.api.__aexit__()

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


class World:
    """An API server, a database, and what users and tests do with them."""

    def __init__(self, api_server: APIServer, server: Server, name: str) -> None:
        self.api_server, self.server, self.name = api_server, server, name
        self.database = Database(server.target(name))
        self.archive = SqlArchive(self.database)
        self.lives: list[Life] = []
        login = {"username": "tiphys", "password": PASSWORD}
        data = {key: base64.b64encode(value.encode()).decode() for key, value in login.items()}
        api_server.store.create(Place("api/v1", "secrets", NAMESPACE, "db"), {"kind": "Secret", "metadata": {"name": "db"}, "data": data})

    async def start(self, environment: Environment | None = None, **persistence: Any) -> Life:
        life = await Life(self.api_server, configuration(self.server, self.name, **persistence), environment).start()
        self.lives.append(life)
        return life

    def place(self, name: str) -> Place:
        return Place(ARGO, "workflows", NAMESPACE, name)

    def submit(self, name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> None:
        container = {"name": "main", "container": {"image": "alpine", "command": ["true"]}}
        manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "labels": labels or {}},
                    "spec": {"entrypoint": "main", "templates": [container], **spec}}  # fmt: skip
        self.api_server.store.create(self.place(name), manifest)

    def workflow(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api_server.store.read(self.place(name))
        return found

    def exists(self, name: str) -> bool:
        return any(one["metadata"]["name"] == name for one in self.api_server.store.find(*self.place(name)[:3]))

    def status(self, name: str) -> str:
        """The label that says whether it is archived."""
        return self.workflow(name)["metadata"].get("labels", {}).get("workflows.argoproj.io/workflow-archiving-status", "")

    async def archived(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = msgspec.json.decode(await self.archive.read(namespace=NAMESPACE, name=name))
        except (NotFound, Unavailable):
            return None
        return found

    async def names(self) -> list[str]:
        page = await self.archive.page(ArchiveQuery(limit=500))
        return [msgspec.json.decode(item)["metadata"]["name"] for item in page.items]


@pytest.fixture
async def api_server() -> AsyncIterator[APIServer]:
    async with APIServer() as one:
        yield one


@pytest.fixture
async def world(api_server: APIServer, server: Server, name: str) -> AsyncIterator[World]:
    one = World(api_server, server, name)
    yield one
    for life in one.lives:
        await life.kill()
    await one.database.close()
