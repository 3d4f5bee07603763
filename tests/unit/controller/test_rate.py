"""Pods a second."""

import pytest

from tiphys.controller.rate import TokenBucket
from tiphys.settings.configuration import ResourceRateLimit


def bucket(limit: float, burst: int) -> TokenBucket:
    made = TokenBucket()
    made.configure(ResourceRateLimit(limit=limit, burst=burst))
    return made


def test_a_burst_passes_and_the_rest_comes_at_the_rate():
    one = bucket(2.0, 3)
    assert [one.reserve(100.0) for _ in range(6)] == [0, 0, 0, 0.5, 1.0, 1.5]


def test_tokens_come_back_but_never_more_than_a_burst():
    one = bucket(1.0, 2)
    assert [one.reserve(0.0) for _ in range(3)] == [0, 0, 1.0]
    assert one.reserve(2.0) == 0
    assert [one.reserve(1000.0) for _ in range(3)] == [0, 0, 1.0]


async def test_who_waits_is_told_once_and_who_does_not_is_not():
    one, told = bucket(200.0, 1), []
    for number in range(3):
        await one.take(lambda number=number: told.append(number))
    assert told[0] == 1


async def test_without_a_limit_nobody_waits():
    one = TokenBucket()
    one.configure(None)
    for _ in range(1000):
        await one.take(lambda: pytest.fail("waited"))
