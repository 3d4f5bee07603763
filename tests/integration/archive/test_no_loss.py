"""No workflow is lost, wherever a controller dies, the database goes away, or an answer is lost: every step is tried.

The database is SQLite with its file on disk; what is real of PostgreSQL and MariaDB is in test_archiving.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
import pytest
from tests.integration.archive.conftest import ARGO, NAMESPACE, eventually

from tiphys.archive.database import Database
from tiphys.archive.migrate import migrate
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.cluster.announcements import EventQueue
from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.cluster.informer import Informer
from tiphys.cluster.logs import PodLogs
from tiphys.controller.backoff import Backoff
from tiphys.controller.clock import SystemClock
from tiphys.controller.controller import Controller, Surroundings
from tiphys.controller.keeping import keep
from tiphys.controller.packing import PackingRules
from tiphys.errors import Unavailable
from tiphys.local.objects import Place
from tiphys.model.archived import ArchiveQuery
from tiphys.pods.settings import PodSettings
from tiphys.telemetry.archive import ArchiveMetrics
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.testing.apiserver import APIServer

Fault = Literal["dies before", "dies after", "away before", "away after"]
KEPT = {"kept-1": "kept", "kept-2": "kept"}
SELECTOR = {"matchLabels": {"keep": "yes"}}


class Steps:
    """Counts what a controller asks of the world about workflows, and lets one step go wrong."""

    def __init__(self, at: int, fault: Fault) -> None:
        self.at, self.fault, self.count = at, fault, 0
        self.died = asyncio.Event()

    async def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        if self.died.is_set():
            await asyncio.Event().wait()
        self.count += 1
        is_it = self.count == self.at
        if not (is_it and self.fault.endswith("before")):
            found = await work()
        if is_it and self.fault.startswith("dies"):
            self.died.set()
            await asyncio.Event().wait()
        if is_it:
            raise Unavailable("no answer")
        return found


class Stepwise:
    """Something whose methods of these names are steps."""

    def __init__(self, whole: Any, steps: Steps, *names: str) -> None:
        self._whole, self._steps, self._names = whole, steps, names

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._whole, name)
        if name not in self._names:
            return method

        async def step(*arguments: Any, **named: Any) -> Any:
            return await self._steps.do(lambda: method(*arguments, **named))

        return step


class Life:
    """A controller that archives into SQLite."""

    def __init__(self, server: APIServer, archive: SqlArchive, steps: Steps) -> None:
        self.steps, metrics, clock = steps, ControllerMetrics(), SystemClock()
        self.api = Api(Access(server=server.address, namespace=NAMESPACE))
        objects: Any = Stepwise(self.api, steps, "read", "patch", "delete")
        faulty: Any = Stepwise(archive, steps, "save")
        self.keeping = keep(
            objects, ArchiveMetrics(metrics.registry), PackingRules(), archive=faulty, selector=SELECTOR, backoff=lambda: Backoff(0.01, 0.02)
        )
        self.events = EventQueue(self.api, clock)
        self.controller = Controller(Surroundings(objects, PodLogs(self.api), self.events, clock, metrics, PodSettings(), keeping=self.keeping))
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Life":
        await self.api.__aenter__()
        controller = self.controller
        pods = Informer(self.api, "Pod", parse=controller.parse_pod, labels="workflows.argoproj.io/workflow")
        pods.on_change, pods.on_delete = controller.pod_changed, controller.pod_deleted
        workflows: Informer[dict[str, Any]] = Informer(self.api, "Workflow", parse=msgspec.json.decode)
        workflows.on_change = lambda _key, raw: controller.workflow_changed(raw)
        workflows.on_delete = lambda _key, raw: (self.keeping.deleted(raw), controller.workflow_deleted(raw["metadata"]["uid"]))
        assert self.keeping.archiver is not None
        works = (pods.run(), workflows.run(), controller.run(), self.events.run(), self.keeping.archiver.run())
        self.tasks = [asyncio.create_task(work) for work in works]
        await pods.synced.wait()
        controller.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.controller.abandon()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.api.__aexit__()


def submit(server: APIServer, name: str, *, keep: bool) -> None:
    labels = {"keep": "yes"} if keep else {}
    container = {"name": "main", "container": {"image": "alpine", "command": ["true"]}}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "labels": labels},
                "spec": {"entrypoint": "main", "templates": [container], "ttlStrategy": {"secondsAfterCompletion": 0}}}  # fmt: skip
    server.store.create(Place(ARGO, "workflows", NAMESPACE, name), manifest)


async def names(archive: SqlArchive) -> list[str]:
    page = await archive.page(ArchiveQuery(limit=500))
    return sorted(msgspec.json.decode(item)["metadata"]["name"] for item in page.items)


async def live_through(archive: SqlArchive, at: int, fault: Fault) -> int:
    """Three workflows from their submission to their deletion, with a fault at one step; how many steps the first life took."""
    async with APIServer() as server:
        for name in KEPT:
            submit(server, name, keep=True)
        submit(server, "dropped", keep=False)

        def are_gone() -> bool:
            return not server.store.find(*Place(ARGO, "workflows", NAMESPACE, "")[:3])

        first = Steps(at, fault)
        async with Life(server, archive, first):
            await eventually(lambda: first.died.is_set() or are_gone())
            left = {one["metadata"]["name"] for one in server.store.find(*Place(ARGO, "workflows", NAMESPACE, "")[:3])}
            # at no time is one neither here nor there
            assert set(KEPT) <= left | set(await names(archive))
        async with Life(server, archive, Steps(0, fault)):
            await eventually(are_gone)
        assert await names(archive) == sorted(KEPT)
    return first.count


@pytest.mark.parametrize("fault", ["dies before", "dies after", "away before", "away after"])
async def test_a_fault_at_any_step_loses_no_workflow_and_archives_none_twice(fault: Fault, tmp_path) -> None:
    step, taken = 0, 0
    while taken >= step:
        step += 1
        database = Database(Target(kind="sqlite", name=str(tmp_path / f"{step}.db")))
        await migrate(database)
        taken = await live_through(SqlArchive(database), step, fault)
        await database.close()
    assert step > 10
