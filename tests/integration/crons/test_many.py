"""Many schedules at one minute, and schedules under which things vanish: what it costs, and what comes of it."""

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
from tests.integration.crons.test_crons import SPEC, World, name_at, world

__all__ = ["world"]
MANY = 100


async def create(world: World, name: str, **spec: Any) -> None:
    whole = {"schedules": ["* * * * *"], "workflowSpec": SPEC, **spec}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": name}, "spec": whole}
    await world.api.create("CronWorkflow", "argo", manifest)


async def statuses(world: World) -> dict[str, dict[str, Any]]:
    found = {}
    async for page in world.api.list("CronWorkflow", "argo"):
        for raw in page.items:
            one = msgspec.json.decode(raw)
            found[one["metadata"]["name"]] = one.get("status", {})
    return found


async def test_schedules_that_are_due_at_one_minute_cost_two_requests_each(world: World) -> None:
    for index in range(MANY):
        await create(world, f"many-{index}")

    async def are_followed() -> bool:
        return world.decisions() >= 2 * MANY

    await world.until(are_followed)
    before = len(world.server.calls)
    world.clock.move(timedelta(minutes=1))

    async def are_noted() -> bool:
        return all(len(one.get("active", ())) == 1 for one in (await statuses(world)).values())

    await world.until(are_noted)
    asked = Counter((call.verb, call.kind) for call in world.server.calls[before:])
    assert (asked["create", "workflows"], asked["patch", "cronworkflows"]) == (MANY, MANY)
    assert {verb for verb, _ in asked} == {"create", "patch", "list"}  # lists are the test's
    assert len(await world.children()) == MANY


async def test_a_child_that_vanishes_while_it_is_to_be_replaced_keeps_nothing_back(world: World) -> None:
    await world.create(concurrencyPolicy="Replace")
    await world.minute()
    await world.until_children(1)
    await world.until_status(lastScheduledTime="2026-11-24T12:01:00Z")
    await world.api.delete("Workflow", "argo", name_at(1))
    await world.minute()
    assert await world.until_children(1) == [name_at(2)]

    async def is_alone() -> bool:
        return [one["name"] for one in (await world.cron())["status"].get("active", ())] == [name_at(2)]

    await world.until(is_alone)
