"""How long to wait before trying again."""

import asyncio

import pytest

from tiphys.controller.backoff import Backoff
from tiphys.controller.turns import TurnQueue
from tiphys.errors import Forbidden, Throttled, Unavailable


def test_waits_double_and_never_exceed_the_longest() -> None:
    backoff = Backoff(first=1.0, longest=5.0)
    waits = [backoff.seconds(Unavailable("away")) for _ in range(6)]
    for wait, most in zip(waits, (1, 2, 4, 5, 5, 5), strict=True):
        assert 0.75 * most <= wait <= most


def test_the_server_s_wish_is_the_least() -> None:
    assert Backoff(longest=5.0).seconds(Throttled("too much", retry_after=30)) == 30


def test_what_is_refused_for_good_waits_longest() -> None:
    assert Backoff(longest=7.0).seconds(Forbidden("no")) == 7


async def test_asking_twice_gives_one_turn_and_turns_come_in_order() -> None:
    queue = TurnQueue()
    for uid in ("a", "b", "a"):
        queue.add(uid)
    assert len(queue) == 2
    assert [await queue.take(), await queue.take()] == ["a", "b"]
    waiting = asyncio.ensure_future(queue.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.add("c")
    assert await asyncio.wait_for(waiting, 1) == "c"


@pytest.mark.parametrize("rounds", [3])
async def test_who_asks_again_is_behind_those_who_came_meanwhile(rounds: int) -> None:
    queue = TurnQueue()
    queue.add("busy")
    served = []
    for index in range(rounds):
        served.append(await queue.take())
        queue.add(f"new-{index}")
        queue.add("busy")
    assert served == ["busy", "new-0", "busy"]
