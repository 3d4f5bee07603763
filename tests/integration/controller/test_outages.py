"""The API server is away, overwhelmed, or its answers are lost: no node fails for it."""

import asyncio
from collections import Counter

import pytest
from tests.integration.controller.conftest import Harbour, harbour_with

from tiphys.testing.apiserver import Call, Ending, Fault

FAN = """
entrypoint: main
templates:
- name: main
  steps: [[{name: s, template: one, withSequence: {count: "12"}}], [{name: last, template: one}]]
- {name: one, container: {image: i, command: [a]}}
"""


def made(harbour: Harbour) -> Counter[str]:
    return Counter(c.place.name for c in harbour.server.store.changes if c.type == "ADDED" and c.place.plural == "pods")


def is_effect(call: Call) -> bool:
    return call.is_effect


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_errors_of_the_server_fail_no_node(harbour: Harbour, status: int) -> None:
    harbour.server.faults.append(Fault("answer", status=status, times=20, matches=is_effect))
    await harbour.controller()
    harbour.submit(FAN)
    await harbour.finished("w", seconds=300)
    assert set(harbour.nodes().values()) == {"Succeeded"}
    assert set(made(harbour).values()) == {1}


async def test_writes_that_the_server_does_not_take_are_counted(harbour: Harbour) -> None:
    harbour.server.faults.append(Fault("answer", status=503, times=2, verb="patch", kind="workflows"))
    life = await harbour.controller()
    harbour.submit(FAN)
    await harbour.finished("w")
    assert 'argo_workflows_queue_retries{queue_name="workflow_queue"} 2.0' in life.metrics.text().decode()


async def test_lost_answers_make_nothing_twice(harbour: Harbour) -> None:
    harbour.server.faults.append(Fault("lose", times=12, matches=is_effect))
    await harbour.controller()
    harbour.submit(FAN)
    await harbour.finished("w", seconds=300)
    assert set(harbour.nodes().values()) == {"Succeeded"}
    assert len(made(harbour)) == 13
    assert set(made(harbour).values()) == {1}


async def test_the_server_s_wish_to_be_left_alone_is_respected(harbour: Harbour) -> None:
    loop, struck, later = asyncio.get_running_loop(), [], []

    def strikes(call: Call) -> bool:
        if not call.is_effect:
            return False
        if not struck:
            struck.append(loop.time())
            return True
        later.append(loop.time())
        return False

    harbour.server.faults.append(Fault("answer", status=429, retry_after=20, times=1000, matches=strikes))
    await harbour.controller()
    harbour.submit(FAN)
    await harbour.finished("w", seconds=300)
    # those that were under way already may still come, all others wait
    waited = sorted(at - struck[0] for at in later)
    assert [seconds for seconds in waited if 3 < seconds < 19] == []
    assert waited[-1] >= 19


async def test_a_long_outage_costs_time_only(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=2)
    life = await harbour.controller()
    harbour.submit(FAN)
    await harbour.until(lambda: "Running" in harbour.nodes().values())
    async with harbour.server.outage():
        await asyncio.sleep(600 / 10)
        assert life.controller.lives
    await harbour.finished("w", seconds=300)
    assert set(harbour.nodes().values()) == {"Succeeded"}
    assert set(made(harbour).values()) == {1}


async def test_a_token_that_is_not_taken_fails_no_node(harbour: Harbour) -> None:
    harbour.server.faults.append(Fault("answer", status=401, times=8, matches=is_effect))
    await harbour.controller()
    harbour.submit(FAN)
    await harbour.finished("w", seconds=300)
    assert set(harbour.nodes().values()) == {"Succeeded"}


async def test_a_quota_is_waited_for_and_a_missing_right_is_told() -> None:
    async with harbour_with(lambda _pod: Ending()) as harbour:
        harbour.server.faults.append(Fault("answer", status=403, verb="create", kind="pods"))
        await harbour.controller()
        harbour.submit(FAN)
        await harbour.finished("w", seconds=300)
        assert Counter(harbour.nodes().values())["Error"] >= 1
        assert harbour.status()["phase"] in ("Error", "Failed")


async def test_stopping_writes_what_is_known_and_a_new_life_goes_on(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=1)
    life = await harbour.controller()
    harbour.submit(FAN)
    await harbour.until(lambda: len(harbour.pods()) == 12 and any(p["status"]["phase"] == "Running" for p in harbour.pods()))
    began = asyncio.get_running_loop().time()
    await harbour.stop(life)
    assert asyncio.get_running_loop().time() - began < 12
    assert not [live for live in life.controller.lives.values() if live.patch]
    asked = len(harbour.server.effects)
    await asyncio.sleep(5)
    assert len(harbour.server.effects) == asked
    await harbour.controller()
    await harbour.finished("w", seconds=300)
    assert set(harbour.nodes().values()) == {"Succeeded"}
    assert set(made(harbour).values()) == {1}
