"""A whole controller on a small API server, in one process; its loop's time passes many times faster than a clock's.

Everything is real but the server: HTTP, watches, selectors, conflicts, and the time that retries and back-offs wait for.
"""

import asyncio
import contextlib
import selectors
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import yaml
from tests.servers.feed import WatchedWorkflows

from tiphys.cluster.announcements import EventQueue
from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.cluster.logs import PodLogs
from tiphys.cluster.task_sets import watch_task_sets
from tiphys.controller.controller import Controller, Surroundings
from tiphys.controller.following import Following
from tiphys.local.objects import Place
from tiphys.pods.settings import PodSettings
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.telemetry.tracing import Spans
from tiphys.testing.apiserver import APIServer, Ending, Store
from tiphys.testing.apiserver.kubelet import Behaviour

SPEED = 20
ARGO = "apis/argoproj.io/v1alpha1"


class _Passed:
    """Time that passes while this process works, or waits for a moment; none passes while a busy machine lets it do neither."""

    waited = 0.0

    @classmethod
    def seconds(cls) -> float:
        return cls.waited + time.process_time() * SPEED


class _Selector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        began = time.monotonic()
        ready = super().select(None if timeout is None else timeout / SPEED)
        passed = (time.monotonic() - began) * SPEED
        _Passed.waited += passed if timeout is None else min(passed, timeout)
        return ready


class FastLoop(asyncio.SelectorEventLoop):
    """A loop whose seconds are short."""

    def __init__(self) -> None:
        super().__init__(_Selector())

    def time(self) -> float:
        return _Passed.seconds()


@pytest.hookimpl(tryfirst=True)
def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"fast": FastLoop}


class LoopClock:
    """The loop's time as a date."""

    _start = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=_Passed.seconds())

    def now(self) -> datetime:
        return self._start + timedelta(seconds=_Passed.seconds())

    async def sleep_until(self, at: datetime) -> None:
        await asyncio.sleep(max(0.0, (at - self.now()).total_seconds()))


class Life:
    """A controller from its start to its end."""

    def __init__(self, server: APIServer, spans: Spans | None = None) -> None:
        self.metrics = ControllerMetrics()
        self.server = server
        self.api = Api(Access(server=server.address), observe=self.metrics.observe_request)
        clock = LoopClock()
        self.announcements = EventQueue(self.api, clock)
        world = Surroundings(self.api, PodLogs(self.api), self.announcements, clock, self.metrics, PodSettings(), spans=spans,
                             task_sets=partial(watch_task_sets, self.api, ""))  # fmt: skip
        self.controller = Controller(world)
        self.feed = WatchedWorkflows(self.api, self.controller)
        self.following = Following(self.api, self.controller, self.announcements, [self.feed])

    async def start(self) -> "Life":
        await self.api.__aenter__()
        self.following.start()
        return self

    async def stop(self) -> None:
        await self.following.stop()
        await self.api.__aexit__()

    async def kill(self) -> None:
        """End as a crash does: nothing is finished."""
        self.controller.abandon()
        await self.feed.stop()
        await self.following.kill()
        await self.api.__aexit__()


class Harbour:
    """An API server, what users do on it, and what tests ask of it."""

    def __init__(self, server: APIServer) -> None:
        self.server = server
        self.lives: list[Life] = []

    async def controller(self, spans: Spans | None = None) -> Life:
        life = await Life(self.server, spans).start()
        self.lives.append(life)
        return life

    async def kill(self, life: Life) -> None:
        self.lives.remove(life)
        await life.kill()

    async def stop(self, life: Life) -> None:
        self.lives.remove(life)
        await life.stop()

    def submit(self, text: str, name: str = "w", **meta: Any) -> str:
        document = yaml.safe_load(text)
        manifest = {"metadata": {"name": name, **meta}, "spec": document}
        self.server.store.create(place(name), manifest)
        return name

    def workflow(self, name: str = "w") -> dict[str, Any]:
        return self.server.store.read(place(name))

    def patch(self, patch: dict[str, Any], name: str = "w") -> None:
        """Do as a user does, who knows no version."""
        self.server.store.patch(place(name), patch)

    def status(self, name: str = "w") -> dict[str, Any]:
        status: dict[str, Any] = self.workflow(name).get("status", {})
        return status

    def nodes(self, name: str = "w") -> dict[str, str]:
        """Node name -> phase."""
        return {node["name"]: node["phase"] for node in self.status(name).get("nodes", {}).values()}

    def pods(self) -> list[dict[str, Any]]:
        return self.server.store.find("api/v1", "pods")

    async def finished(self, *names: str, seconds: float = 120) -> None:
        """Return when all have ended; `seconds` are the loop's."""
        await self.until(lambda: all(self.status(name).get("phase") in ("Succeeded", "Failed", "Error") for name in names), seconds)

    async def until(self, reached: Callable[[], bool], seconds: float = 120) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not reached():
                    await self.server.store.changed.wait()
        except TimeoutError:
            shown = {one["metadata"]["name"]: one.get("status") for one in self.server.store.find(ARGO, "workflows")}
            pods = {one["metadata"]["name"]: one["status"].get("phase") for one in self.pods()}
            raise AssertionError(f"not reached: {shown} {pods} {self.server.calls[-5:]}") from None


def place(name: str, plural: str = "workflows") -> Place:
    return Place(ARGO if plural.startswith("workflow") else "api/v1", plural, "ns", name)


@contextlib.asynccontextmanager
async def harbour_with(behave: Behaviour) -> AsyncIterator[Harbour]:
    clock = LoopClock()
    async with APIServer(behave, Store(clock.now)) as server:
        made = Harbour(server)
        try:
            yield made
            for life in list(made.lives):
                await made.stop(life)
        finally:
            for life in list(made.lives):
                await made.kill(life)
            # whoever was killed left connections behind, whose end takes turns of the loop
            for _ in range(5):
                await asyncio.sleep(0)


@pytest.fixture
async def harbour() -> AsyncIterator[Harbour]:
    async with harbour_with(lambda _pod: Ending()) as made:
        yield made
