"""As many requests at once as the server takes."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tiphys.cluster.limit import AdaptiveLimit


class _Selector(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Where nothing is to be done but to wait, the time has come."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @functools.wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test())

    del run.__wrapped__  # type: ignore[attr-defined]
    return run


async def hold(limit: AdaptiveLimit, seconds: float, done: list[str], name: str) -> None:
    async with limit:
        await asyncio.sleep(seconds)
        done.append(name)


@virtual
async def test_no_more_are_under_way_than_the_limit_says() -> None:
    limit = AdaptiveLimit(cap=2)
    done: list[str] = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(hold(limit, 1, done, str(index)) for index in range(6)))
    assert loop.time() - began == pytest.approx(3, abs=0.01)
    assert done == [str(index) for index in range(6)]


@virtual
async def test_good_answers_let_it_grow_to_its_cap() -> None:
    limit = AdaptiveLimit(cap=20)
    before = limit.limit
    for _ in range(400):
        limit.answered(0.01)
    assert before < limit.limit == 20


@virtual
async def test_slow_answers_let_nothing_grow() -> None:
    limit = AdaptiveLimit(cap=64)
    limit.answered(0.01)
    before = limit.limit
    for _ in range(100):
        limit.answered(3.0)
    assert limit.limit == before


@virtual
async def test_too_much_halves_it_once_and_holds_everybody() -> None:
    limit = AdaptiveLimit(cap=16)
    limit.throttled(5)
    limit.throttled(5)
    assert limit.limit == 8
    done: list[str] = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    await hold(limit, 0, done, "late")
    assert loop.time() - began == pytest.approx(5, abs=0.01)


@virtual
async def test_after_an_outage_it_begins_with_one() -> None:
    limit = AdaptiveLimit()
    limit.lost()
    done: list[str] = []
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(hold(limit, 1, done, str(index)) for index in range(3)))
    assert asyncio.get_running_loop().time() - began == pytest.approx(3, abs=0.01)


@virtual
async def test_who_gives_up_waiting_leaves_his_place() -> None:
    limit = AdaptiveLimit(cap=1)
    done: list[str] = []
    first = asyncio.create_task(hold(limit, 5, done, "first"))
    await asyncio.sleep(0)
    second, third = [asyncio.create_task(hold(limit, 1, done, name)) for name in ("second", "third")]
    await asyncio.sleep(1)
    second.cancel()
    await asyncio.gather(first, third)
    assert done == ["first", "third"]


@virtual
async def test_who_gives_up_in_the_moment_of_his_turn_passes_it_on() -> None:
    limit = AdaptiveLimit(cap=1)
    done: list[str] = []
    first = asyncio.create_task(hold(limit, 1, done, "first"))
    await asyncio.sleep(0)
    second, third = [asyncio.create_task(hold(limit, 1, done, name)) for name in ("second", "third")]
    first.add_done_callback(lambda _task: second.cancel())
    await asyncio.wait_for(third, 10)
    assert "third" in done


@virtual
async def test_who_gives_up_during_a_pause_leaves_his_place() -> None:
    limit = AdaptiveLimit(cap=1)
    limit.throttled(100)
    waiting = asyncio.create_task(hold(limit, 1, [], "x"))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.sleep(100)
    done: list[str] = []
    await asyncio.wait_for(hold(limit, 1, done, "y"), 5)
    assert done == ["y"]
