"""Schedules on the small API server with a clock that tests move: children, counters, faults, crashes, two replicas.

What a schedule decides is tested in `tests/unit/engine/cron`; a real minute goes by in `tests/e2e`.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.cluster.informer import Informer
from tiphys.controller.crons import Crons, CronSurroundings, children_of
from tiphys.telemetry.crons import CronMetrics
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.testing.apiserver import APIServer, Fault
from tiphys.testing.clock import ManualClock

LAST_USED = "cronworkflows.argoproj.io/last-used-schedule"
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i", "command": ["a"]}}]}
START = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


class World:
    """An API server, a clock, and controllers of schedules that come and go."""

    def __init__(self, server: APIServer, api: Api) -> None:
        self.server, self.api = server, api
        self.clock = ManualClock(START)
        self.fired: list[str] = []
        self.metrics = ControllerMetrics()
        self.kills: list[Callable[[], None]] = []

    def start(self) -> None:
        told = CronMetrics(self.metrics)
        surroundings = CronSurroundings(self.api, self.clock, decided=told.decided, retried=told.retried,
                                        fired=lambda _ns, _name, fired: self.fired.append(fired.what))  # fmt: skip
        crons = Crons(surroundings)
        children = children_of(self.api, crons, "", "")
        raw: Informer[dict[str, Any]] = Informer(self.api, "CronWorkflow", parse=msgspec.json.decode)
        raw.on_change = lambda _key, one: crons.cron_changed(one)
        raw.on_delete = lambda _key, one: crons.cron_deleted(one["metadata"]["uid"])
        tasks = [asyncio.create_task(work) for work in (crons.run(children), raw.run())]

        def kill() -> None:
            for task in (*tasks, *crons.under_way()):
                task.cancel()

        self.kills.append(kill)

    def kill(self) -> None:
        while self.kills:
            self.kills.pop()()

    async def create(self, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        whole = {"schedules": ["* * * * *"], "workflowSpec": SPEC, **spec}
        manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow",
                    "metadata": {"name": "hello", "annotations": annotations or {}}, "spec": whole}  # fmt: skip
        await self.api.create("CronWorkflow", "argo", manifest)
        await self.until_followed(whole["schedules"])

    async def change(self, **spec: Any) -> None:
        await self.api.patch("CronWorkflow", "argo", "hello", {"spec": spec})
        await self.until_followed(spec["schedules"])

    def decisions(self) -> float:
        """How often something heard of schedules was decided on."""
        found = re.search(r'argo_workflows_queue_adds_count{queue_name="cron_wf_queue"} (.*)', self.metrics.text().decode())
        return float(found[1]) if found else 0.0

    async def until_followed(self, schedules: list[str]) -> None:
        async def reached() -> bool:
            annotations = (await self.cron())["metadata"].get("annotations") or {}
            return all(one in annotations.get(LAST_USED, "") for one in schedules)

        await self.until(reached)

    async def cron(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(await self.api.read("CronWorkflow", "argo", "hello"))
        return found

    async def children(self) -> dict[str, dict[str, Any]]:
        found = {}
        async for page in self.api.list("Workflow", "argo"):
            for raw in page.items:
                one = msgspec.json.decode(raw)
                found[one["metadata"]["name"]] = one
        return found

    async def finish(self, name: str, phase: str = "Succeeded") -> None:
        labels = {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": phase}
        status = {"phase": phase, "finishedAt": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")}
        await self.api.patch("Workflow", "argo", name, {"metadata": {"labels": labels}, "status": status})

    async def minute(self) -> None:
        self.clock.move(timedelta(minutes=1))
        await asyncio.sleep(0.02)

    async def until(self, reached: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await reached():  # noqa: ASYNC110 the server is asked
                await asyncio.sleep(0.01)

    async def until_children(self, count: int) -> list[str]:
        async def reached() -> bool:
            return len(await self.children()) == count

        await self.until(reached)
        return sorted(await self.children())

    async def until_status(self, **want: Any) -> dict[str, Any]:
        async def reached() -> bool:
            status = (await self.cron()).get("status", {})
            return all(status.get(key) == value for key, value in want.items())

        await self.until(reached)
        status: dict[str, Any] = (await self.cron())["status"]
        return status


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with APIServer() as server, Api(Access(server=server.address)) as api:
        one = World(server, api)
        one.start()
        yield one
        one.kill()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)


def name_at(minute: int) -> str:
    return f"hello-{int(datetime(2026, 11, 24, 12, minute, tzinfo=UTC).timestamp())}"


async def test_a_slot_makes_one_child_that_is_followed_to_its_end(world: World) -> None:
    await world.create()
    await world.minute()
    assert await world.until_children(1) == [name_at(1)]
    status = await world.until_status(phase="Active", lastScheduledTime="2026-11-24T12:01:00Z")
    assert [one["name"] for one in status["active"]] == [name_at(1)]
    await world.finish(name_at(1))
    status = await world.until_status(succeeded=1)
    assert not status.get("active")
    assert "triggered" in world.fired


async def test_a_controller_that_dies_and_comes_back_makes_no_child_twice_and_counts_none_twice(world: World) -> None:
    await world.create(successfulJobsHistoryLimit=10)
    for minute in range(1, 5):
        await world.minute()
        await world.until_children(minute)
        world.kill()
        await world.finish(name_at(minute))
        world.start()
        await world.until_status(succeeded=minute)
    assert await world.until_children(4) == [name_at(minute) for minute in range(1, 5)]


async def test_two_controllers_make_one_child_a_slot(world: World) -> None:
    world.start()
    await world.create()
    for minute in range(1, 4):
        await world.minute()
        await world.until_children(minute)
    await world.until_status(lastScheduledTime="2026-11-24T12:03:00Z")
    assert sorted(await world.children()) == [name_at(minute) for minute in range(1, 4)]


async def test_an_api_server_that_is_away_for_a_moment_loses_no_slot(world: World) -> None:
    await world.create()
    world.server.faults.append(Fault("answer", verb="create", kind="workflows", times=2))
    await world.minute()
    assert await world.until_children(1) == [name_at(1)]
    assert (await world.until_status(phase="Active")).get("failed") is None
    text = world.metrics.text().decode()
    assert 'argo_workflows_queue_retries{queue_name="cron_wf_queue"} 2.0' in text
    decided = re.search(r'argo_workflows_queue_duration_count{queue_name="cron_wf_queue"} (.*)', text)
    assert decided is not None
    assert world.decisions() == float(decided[1]) >= 3


async def test_replace_ends_the_child_before(world: World) -> None:
    await world.create(concurrencyPolicy="Replace")
    await world.minute()
    await world.until_children(1)
    await world.until_status(phase="Active")
    await world.minute()
    await world.until_children(2)

    async def ended() -> bool:
        return (await world.children())[name_at(1)]["spec"].get("shutdown") == "Terminate"

    await world.until(ended)


async def test_history_beyond_its_limit_is_deleted(world: World) -> None:
    await world.create(successfulJobsHistoryLimit=1)
    for minute in (1, 2):
        await world.minute()

        async def there(minute: int = minute) -> bool:
            return name_at(minute) in await world.children()

        await world.until(there)
        await world.finish(name_at(minute))
        await world.until_status(succeeded=minute)
    assert await world.until_children(1) == [name_at(2)]


async def test_a_schedule_that_cannot_be_read_is_told_so_and_others_go_on(world: World) -> None:
    meta = {"name": "broken"}
    broken = {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": meta, "spec": {"schedules": {"a": 1}}}
    await world.api.create("CronWorkflow", "argo", broken)
    await world.create()
    await world.minute()
    await world.until_children(1)

    async def told() -> bool:
        found = msgspec.json.decode(await world.api.read("CronWorkflow", "argo", "broken"))
        return any(one["type"] == "SpecError" for one in found.get("status", {}).get("conditions", ()))

    await world.until(told)


async def test_a_deleted_schedule_makes_no_more_children(world: World) -> None:
    await world.create()
    await world.api.delete("CronWorkflow", "argo", "hello")
    await asyncio.sleep(0.1)
    await world.minute()
    await asyncio.sleep(0.1)
    assert await world.children() == {}


@pytest.mark.parametrize(
    ("annotations", "deadline", "minutes"),
    [
        ({}, None, []),
        ({}, 200, [6]),
        ({}, 20, []),
        ({"tiphys.io/catch-up": "none"}, 200, []),
        ({"tiphys.io/catch-up": "latest"}, None, [6]),
        ({"tiphys.io/catch-up": "all"}, None, [2, 3, 4, 5, 6]),
        ({"tiphys.io/catch-up": "all", "tiphys.io/catch-up-limit": "2"}, None, [5, 6]),
        ({"tiphys.io/catch-up": "all"}, 100, [5, 6]),
    ],
)
async def test_slots_that_went_by_while_no_controller_was_there_run_as_the_schedule_says(
    world: World, annotations: dict[str, str], deadline: int | None, minutes: list[int]
) -> None:
    said = {} if deadline is None else {"startingDeadlineSeconds": deadline}
    await world.create(annotations, **said)
    await world.minute()
    await world.until_children(1)
    await world.until_status(lastScheduledTime="2026-11-24T12:01:00Z")
    world.kill()
    world.clock.move(timedelta(minutes=5))
    before = world.decisions()
    world.start()

    async def is_followed() -> bool:
        return world.decisions() > before

    await world.until(is_followed)
    wanted = [name_at(minute) for minute in (1, *minutes)]
    assert await world.until_children(len(wanted)) == wanted
    # the next slot comes as if nothing had been
    await world.minute()
    assert await world.until_children(len(wanted) + 1) == [*wanted, name_at(7)]


@pytest.mark.parametrize(
    ("begins", "looks", "slots"),
    [
        ("2027-03-27T12:00:00Z", ["2027-03-28T12:00:00Z", "2027-03-29T00:30:30Z"], ["2027-03-29T00:30:00Z"]),
        ("2026-10-24T12:00:00Z", ["2026-10-25T00:30:30Z", "2026-10-25T01:30:30Z"], ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),
    ],
    ids=["a time that summer time leaves out is skipped", "one that comes twice is due twice"],
)
async def test_the_clock_of_a_place_changes(world: World, begins: str, looks: list[str], slots: list[str]) -> None:
    world.kill()
    world.clock = ManualClock(datetime.fromisoformat(begins))
    world.start()
    await world.create(schedules=["30 2 * * *"], timezone="Europe/Berlin")
    for at in looks:
        world.clock.move(datetime.fromisoformat(at) - world.clock.now())
        due = [slot for slot in slots if slot < at]
        names = [f"hello-{int(datetime.fromisoformat(slot).timestamp())}" for slot in due]
        assert await world.until_children(len(names)) == names
        if due:
            await world.until_status(lastScheduledTime=due[-1])


async def test_a_schedule_that_is_changed_or_suspended_is_followed_as_it_is_now(world: World) -> None:
    await world.create()
    await world.minute()
    await world.until_children(1)
    await world.change(schedules=["*/5 * * * *"])
    for _ in range(4):
        await world.minute()
    assert await world.until_children(2) == [name_at(1), name_at(5)]
    await world.until_status(lastScheduledTime="2026-11-24T12:05:00Z")
    await world.change(schedules=["* * * * *"], suspend=True)
    await world.minute()
    await world.change(schedules=["*/2 * * * *"], suspend=False)
    await world.minute()
    await world.minute()
    assert await world.until_children(3) == [name_at(1), name_at(5), name_at(8)]
