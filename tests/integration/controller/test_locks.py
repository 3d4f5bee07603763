"""Locks over several workflows: limits hold whatever is killed, deleted, stopped or changed, and all are served in the end."""

import asyncio
import random
from typing import Any

import pytest
from tests.integration.controller.conftest import Harbour, harbour_with, place

from tiphys.engine.synchronization import held_by
from tiphys.model.parse import parse_workflow
from tiphys.testing.apiserver import Ending

NODES = """
entrypoint: main
priority: {priority}
templates:
- name: main
  steps: [[{{name: s, template: a, withSequence: {{count: 3}}}}]]
- name: a
  synchronization: {{semaphores: [{{configMapKeyRef: {{name: limits, key: two}}}}], mutexes: [{{name: "m-{{{{item}}}}"}}]}}
  container: {{image: i, command: [a]}}
"""
NODES = NODES.replace('"m-{{{{item}}}}"', "m")
WHOLE = """
entrypoint: a
synchronization: {mutexes: [{name: whole}]}
templates: [{name: a, container: {image: i, command: [a]}}]
"""
SEMAPHORE, MUTEX, WHOLE_KEY = "ns/ConfigMap/limits/two", "ns/Mutex/m", "ns/Mutex/whole"


def limits(harbour: Harbour, two: str = "2") -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "limits"}, "data": {"two": two}}
    harbour.server.store.create(place("limits", "configmaps"), manifest)


def holders(harbour: Harbour) -> dict[str, list[str]]:
    """Lock -> who holds it, as stored; nobody who has ended may."""
    found: dict[str, list[str]] = {}
    for raw in harbour.server.store.find("apis/argoproj.io/v1alpha1", "workflows"):
        workflow = parse_workflow(raw)
        for holder, pairs in held_by(workflow.status.synchronization).items():
            node = workflow.status.nodes.get(holder.rpartition("/")[2])
            assert workflow.status.phase not in ("Succeeded", "Failed", "Error")
            assert node is None or node.phase in ("Pending", "Running"), f"{holder} has ended and holds {pairs}"
            for _, key in pairs:
                found.setdefault(key, []).append(holder)
    return found


async def guarded(harbour: Harbour, *names: str) -> None:
    """Wait for all to end, while no limit is ever exceeded by what is stored."""
    while not all(harbour.status(name).get("phase") in ("Succeeded", "Failed", "Error") for name in names):
        for key, found in holders(harbour).items():
            assert len(found) <= (2 if key == SEMAPHORE else 1), (key, found)
        await asyncio.wait_for(harbour.server.store.changed.wait(), 200)


@pytest.mark.parametrize("seed", range(6))
async def test_limits_hold_and_all_are_served_though_the_controller_is_killed_again_and_again(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 which moments are tried
    async with harbour_with(lambda _pod: Ending(seconds=0.5)) as harbour:
        limits(harbour)
        names = [harbour.submit(NODES.format(priority=i), f"n{i}") for i in range(3)]
        names += [harbour.submit(WHOLE, f"w{i}") for i in range(3)]
        life = await harbour.controller()
        watching = asyncio.ensure_future(guarded(harbour, *names))
        for _ in range(6):
            await asyncio.sleep(chance.uniform(0.0, 3.0))
            if watching.done():
                break
            await harbour.kill(life)
            life = await harbour.controller()
        await asyncio.wait_for(watching, 300)
        assert {harbour.status(name)["phase"] for name in names} == {"Succeeded"}
        assert not any("synchronization" in harbour.status(name) for name in names)


def hang(pod: dict[str, Any]) -> Ending:
    return Ending(hangs=pod["metadata"]["name"] == "first")


async def first_holds(harbour: Harbour) -> None:
    harbour.submit(WHOLE, "first")
    await harbour.controller()
    await harbour.until(lambda: holders(harbour).get(WHOLE_KEY) == ["ns/first"])
    harbour.submit(WHOLE, "second")
    await harbour.until(lambda: harbour.status("second").get("phase") == "Pending" and bool(harbour.status("second").get("message")))
    assert harbour.status("second")["message"] == "Waiting for ns/Mutex/whole lock. Lock status: 0/1"
    assert harbour.status("second")["synchronization"]["mutex"]["waiting"] == [{"holder": "ns/first", "mutex": WHOLE_KEY}]


@pytest.mark.parametrize("end", ["delete", "terminate"])
async def test_who_waits_is_served_when_the_holder_is_deleted_or_stopped(end: str) -> None:
    async with harbour_with(hang) as harbour:
        await first_holds(harbour)
        if end == "delete":
            harbour.server.store.delete(place("first"))
        else:
            harbour.patch({"spec": {"shutdown": "Terminate"}}, "first")
        await harbour.finished("second")
        assert harbour.status("second")["phase"] == "Succeeded"


async def test_a_holder_deleted_while_nobody_looks_holds_nothing() -> None:
    async with harbour_with(hang) as harbour:
        await first_holds(harbour)
        await harbour.kill(harbour.lives[0])
        harbour.server.store.delete(place("first"))
        await harbour.controller()
        await harbour.finished("second")
        assert harbour.status("second")["phase"] == "Succeeded"


async def test_a_raised_limit_lets_those_in_who_wait() -> None:
    text = NODES.format(priority=0).replace(", mutexes: [{name: m}]", "")
    async with harbour_with(lambda _pod: Ending(hangs=True)) as harbour:
        limits(harbour, "1")
        harbour.submit(text)
        await harbour.controller()
        await harbour.until(lambda: len(harbour.pods()) == 1)
        await harbour.until(lambda: "Lock status: 0/1" in str(harbour.status()))
        harbour.server.store.patch(place("limits", "configmaps"), {"data": {"two": "2"}})
        await harbour.until(lambda: len(harbour.pods()) == 2)


@pytest.mark.parametrize("two", ["", "0", "many"])
async def test_a_limit_that_is_none_is_an_error_of_the_node(two: str) -> None:
    async with harbour_with(lambda _pod: Ending()) as harbour:
        limits(harbour, two)
        harbour.submit(NODES.format(priority=0))
        await harbour.controller()
        await harbour.finished("w")
        assert harbour.status()["phase"] == "Failed"
        assert SEMAPHORE in str(harbour.status()["nodes"])


async def test_the_higher_priority_is_served_first() -> None:
    async with harbour_with(hang) as harbour:
        await first_holds(harbour)
        harbour.submit(f"priority: 5\n{WHOLE.strip()}", "urgent")
        await harbour.until(lambda: "Lock status" in harbour.status("urgent").get("message", ""))
        harbour.patch({"spec": {"shutdown": "Terminate"}}, "first")
        await harbour.finished("urgent", "second")
        assert harbour.status("urgent")["startedAt"] <= harbour.status("second")["startedAt"]
        order = [change.place.name for change in harbour.server.store.changes if change.type == "ADDED" and change.place.plural == "pods"]
        assert order == ["first", "urgent", "second"]
