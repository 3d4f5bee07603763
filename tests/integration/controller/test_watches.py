"""Watches fail in every way they can, and nothing is missed."""

import asyncio
from typing import Any

import pytest
from tests.integration.controller.conftest import Harbour, place

from tiphys.testing.apiserver import Ending, Fault

CHAIN = """
entrypoint: main
templates:
- name: main
  steps: [[{name: a, template: one}], [{name: b, template: one}], [{name: c, template: one}]]
- {name: one, container: {image: i, command: [a]}}
"""
SUCCEEDED = dict.fromkeys(("w", "w[0]", "w[0].a", "w[1]", "w[1].b", "w[2]", "w[2].c"), "Succeeded")


def made(harbour: Harbour) -> list[str]:
    return [c.place.name for c in harbour.server.store.changes if c.type == "ADDED" and c.place.plural == "pods"]


async def running(harbour: Harbour, step: str) -> None:
    await harbour.until(lambda: harbour.nodes().get(step) in ("Pending", "Running"))


@pytest.mark.parametrize("kind", ["pods", "workflows"])
@pytest.mark.parametrize("does", ["cut", "end", "expire"])
async def test_a_watch_may_break_at_every_event(harbour: Harbour, kind: str, does: Any) -> None:
    harbour.server.faults.append(Fault(does, verb="watch", kind=kind, times=6))
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.finished("w", seconds=300)
    assert harbour.nodes() == SUCCEEDED
    assert len(made(harbour)) == 3


async def test_a_silent_watch_is_noticed_within_a_minute(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit(CHAIN)
    await running(harbour, "w[0].a")
    loop = asyncio.get_running_loop()
    harbour.server.faults.append(Fault("silence", verb="watch", kind="pods", times=1))
    began = loop.time()
    await harbour.finished("w", seconds=300)
    assert loop.time() - began < 75
    assert harbour.nodes() == SUCCEEDED


async def test_what_was_deleted_while_the_history_was_lost_is_noticed(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.until(lambda: harbour.nodes().get("w[0].a") == "Running")
    async with harbour.server.outage():
        pod = harbour.pods()[0]["metadata"]["name"]
        harbour.server.store.remove(place(pod, "pods"))
        harbour.server.store.compact()
    await harbour.finished("w")
    assert harbour.status()["nodes"][pod_node(harbour)]["message"] == "pod deleted"
    assert harbour.status()["phase"] == "Failed"


def pod_node(harbour: Harbour) -> str:
    return next(key for key, node in harbour.status()["nodes"].items() if node["name"] == "w[0].a")


async def test_a_name_that_was_given_to_another_object_meanwhile_is_two_events(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.until(lambda: harbour.nodes().get("w[0].a") == "Running")
    async with harbour.server.outage():
        pod = harbour.pods()[0]
        where = place(pod["metadata"]["name"], "pods")
        harbour.server.store.remove(where)
        # somebody else's pod, by the same name
        stranger = {"metadata": {"name": where.name, "labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
        harbour.server.store.create(where, stranger)
        harbour.server.store.compact()
    await harbour.finished("w")
    assert harbour.status()["nodes"][pod_node(harbour)]["message"] == "pod deleted"


async def test_a_list_that_lags_behind_is_not_believed(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=30)
    old = harbour.server.store.version
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.until(lambda: harbour.nodes().get("w[0].a") == "Running")
    harbour.server.faults += [
        Fault("expire", verb="watch", kind="pods"),
        Fault("stale", verb="list", kind="pods", version=old, times=2),
    ]
    await harbour.finished("w", seconds=300)
    assert harbour.nodes() == SUCCEEDED


async def test_after_a_start_a_pod_that_nobody_has_seen_is_looked_for(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=20)
    old = harbour.server.store.version
    life = await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.until(lambda: harbour.nodes().get("w[0].a") == "Running")
    await harbour.kill(life)
    harbour.server.faults.append(Fault("stale", verb="list", kind="pods", version=old))
    await harbour.controller()
    await harbour.finished("w", seconds=300)
    assert harbour.nodes() == SUCCEEDED
    assert len(made(harbour)) == 3


async def test_no_list_is_made_where_a_watch_can_go_on(harbour: Harbour) -> None:
    life = await harbour.controller()
    await asyncio.wait_for(life.following.pods.synced.wait(), 30)
    harbour.submit(CHAIN)
    for _ in range(3):
        await asyncio.sleep(1)
        harbour.server.disconnect()
    await harbour.finished("w", seconds=300)
    assert [call.kind for call in harbour.server.calls if call.verb == "list"].count("pods") == 1
