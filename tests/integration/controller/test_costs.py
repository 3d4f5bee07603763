"""What workflows cost in requests, and that a large one is not in the way of small ones."""

import asyncio
from typing import Any

from tests.integration.controller.conftest import Harbour

from tiphys.engine.events import Woke
from tiphys.testing.apiserver import Ending

HELLO = "{entrypoint: main, templates: [{name: main, container: {image: i, command: [a]}}]}"
CHAIN = """
entrypoint: main
templates:
- name: main
  steps: [[{name: a, template: one}], [{name: b, template: one}], [{name: c, template: one}], [{name: d, template: one}],
          [{name: e, template: one}], [{name: f, template: one}], [{name: g, template: one}], [{name: h, template: one}],
          [{name: i, template: one}], [{name: j, template: one}]]
- {name: one, container: {image: i, command: [a]}}
"""
WIDE = """
entrypoint: main
templates:
- name: main
  steps: [[{name: s, template: one, withSequence: {count: "400"}}]]
- {name: one, container: {image: i, command: [a]}}
"""


def slow_start(pod: dict[str, Any]) -> Ending:
    """As fifty pods at once on one node: seconds pass until the last ones run."""
    number = int(pod["metadata"]["name"].rpartition("-")[2])
    return Ending(pending_seconds=1 + number * 0.2, seconds=0.3)


async def test_fifty_workflows_at_once_cost_four_requests_each_at_most(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = slow_start
    await harbour.controller()
    names = [harbour.submit(HELLO, name=f"many-{index}") for index in range(50)]
    await harbour.finished(*names, seconds=300)
    assert len(harbour.server.effects) / 50 <= 4.0
    asked = [call for call in harbour.server.calls if not call.is_effect and call.verb not in ("list", "watch")]
    assert asked == []


async def test_one_workflow_alone_costs_three_requests(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit(HELLO)
    await harbour.finished("w")
    asked = sorted(f"{call.verb} {call.kind}" for call in harbour.server.effects)
    assert asked == ["create pods", "patch workflows", "patch workflows"]


async def test_a_step_of_a_chain_costs_two_requests_at_most(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(pending_seconds=1.2, seconds=0.6)
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.finished("w", seconds=300)
    assert len(harbour.server.effects) / 10 <= 2.0


async def test_a_small_workflow_is_not_behind_a_large_one(harbour: Harbour) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=1)
    await harbour.controller()
    harbour.submit(WIDE, name="wide")
    await harbour.until(lambda: len(harbour.pods()) >= 20)
    harbour.submit(HELLO, name="small")
    await harbour.finished("small")
    assert len(harbour.pods()) < 300
    assert harbour.status("wide")["phase"] == "Running"
    await harbour.finished("wide", seconds=600)
    assert set(harbour.nodes("wide").values()) == {"Succeeded"}


async def test_turns_go_round(harbour: Harbour) -> None:
    life = await harbour.controller()
    harbour.server.kubelet.behave = lambda _pod: Ending(hangs=True)
    for name in ("a", "b"):
        harbour.submit(HELLO, name=name)
    await harbour.until(lambda: len(harbour.pods()) == 2)
    await asyncio.sleep(1)
    turns: list[str] = []
    controller = life.controller
    handle = controller.handle

    def heard(live: Any, run: Any, event: Any) -> None:
        turns.append(live.name)
        until = asyncio.get_running_loop().time() + 0.05
        while asyncio.get_running_loop().time() < until:
            pass  # an event that takes longer than a turn may
        handle(live, run, event)

    controller.handle = heard  # type: ignore[method-assign]
    first, second = sorted(controller.lives.values(), key=lambda live: live.name)
    for _ in range(4):
        controller.send(first, Woke())
    controller.send(second, Woke())
    async with asyncio.timeout(30):
        while len(turns) < 5:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0.01)
    assert turns == ["a", "b", "a", "a", "a"]
