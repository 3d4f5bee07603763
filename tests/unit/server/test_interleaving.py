"""Several logs become one in the order of time, and none is read ahead of its turn."""

import itertools
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from tiphys.server.interleaving import START, Log, Moment, interleaved, moment_of


def at(second: int, part: str = "") -> Moment:
    moment = moment_of(f"2026-01-01T00:00:{second:02d}{part and '.' + part}Z")
    assert moment is not None
    return moment


def log(name: str, begins: Moment, *lines: tuple[Moment | None, str], opened: list[str] | None = None) -> Log:
    async def read() -> AsyncIterator[tuple[Moment | None, str]]:
        if opened is not None:
            opened.append(name)
        for line in lines:
            yield line

    return Log(name, begins, read())


async def told(*logs: Log, at_once: int = 64) -> list[str]:
    return [f"{name} {line}" async for name, line in interleaved(logs, at_once)]


async def test_lines_come_in_the_order_of_their_times() -> None:
    a = log("a", at(0), (at(1), "1"), (at(3, "5"), "3.5"))
    b = log("b", at(1), (at(1, "000000001"), "1+"), (at(3, "45"), "3.45"), (at(9), "9"))
    assert await told(b, a) == ["a 1", "b 1+", "b 3.45", "a 3.5", "b 9"]


async def test_lines_of_one_time_come_as_their_logs_began() -> None:
    a, b = (log(name, at(0), *((at(1), str(number)) for number in range(3))) for name in "ab")
    assert await told(a, b) == ["a 0", "a 1", "a 2", "b 0", "b 1", "b 2"]


async def test_a_line_without_a_time_follows_the_one_before_it_and_a_log_without_times_comes_where_it_began() -> None:
    a = log("a", at(1), (at(1), "1"), (None, "1, too"), (at(8), "8"))
    assert await told(a, log("b", at(5), (None, "first"), (None, "second"))) == ["a 1", "a 1, too", "b first", "b second", "a 8"]


async def test_a_log_is_opened_when_its_turn_may_have_come_and_no_more_than_so_many_at_once() -> None:
    opened: list[str] = []
    logs = [log(str(number), at(number), (at(number), "x"), (at(number), "y"), opened=opened) for number in range(5)]
    lines = interleaved(logs)
    assert await anext(lines) == ("0", "x")
    assert opened == ["0"]
    assert [name async for name, _ in lines] == ["0", *"11223344"]
    many = [log(str(number), START, (at(1), "x"), (at(2), "y"), opened=opened) for number in range(6)]
    opened.clear()
    lines = interleaved(many, 2)
    assert await anext(lines) == ("0", "x")
    assert opened == ["0", "1"]
    assert len([line async for line in lines]) == 11


async def test_an_empty_log_is_none() -> None:
    assert await told(log("a", at(0)), log("b", at(0), (at(0), "x"))) == ["b x"]
    assert await told() == []


def test_a_moment_is_the_same_in_any_zone_and_no_other_text_is_one() -> None:
    assert moment_of("2026-01-01T02:30:00.5+02:30") == moment_of("2026-01-01T00:00:00.50Z") == moment_of("2025-12-31T20:00:00.5-04:00")
    assert [moment_of(text) for text in ("", "one", "2026-01-01", "2026-01-01T00:00:00", "9999-99-99T00:00:00+01:00")] == [None] * 5


@given(st.lists(st.lists(st.integers(0, 59), min_size=1, max_size=6), max_size=5), st.integers(1, 8))
async def test_each_log_keeps_its_own_order_and_those_that_are_in_order_make_one_that_is(times: list[list[int]], at_once: int) -> None:
    logs = [log(str(name), at(min(own)), *((at(one), f"{number} {one}") for number, one in enumerate(own))) for name, own in enumerate(times)]
    lines = [line async for line in interleaved(logs, at_once)]
    for name, own in enumerate(times):
        assert [line for who, line in lines if who == str(name)] == [f"{number} {one}" for number, one in enumerate(own)]
    seconds = [int(line.split()[1]) for _, line in lines]
    if all(own == sorted(own) for own in times) and at_once >= len(times):
        assert all(first <= second for first, second in itertools.pairwise(seconds))
