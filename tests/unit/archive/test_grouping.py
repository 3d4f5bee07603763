"""What is written at the same time goes together, and what cannot be written goes alone."""

import asyncio
from collections.abc import Sequence

import pytest

from tiphys.archive.grouping import Group


class Written:
    """What was written, group by group; `bad` cannot be."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    async def __call__(self, some: Sequence[str]) -> None:
        await asyncio.sleep(0)
        if "bad" in some:
            raise ValueError("bad")
        self.groups.append(list(some))


async def test_what_comes_together_is_written_together() -> None:
    written = Written()
    group = Group(written)
    await asyncio.gather(*(group.add(one, one) for one in "abcd"))
    assert written.groups == [["a", "b", "c", "d"]]
    await group.add("e", "e")
    assert written.groups[-1] == ["e"]


async def test_no_transaction_has_one_key_twice_or_too_many() -> None:
    written = Written()
    group = Group(written)
    await asyncio.gather(*(group.add("same", str(n)) for n in range(3)), *(group.add(str(n), str(n)) for n in range(20)))
    assert sorted(one for some in written.groups for one in some) == sorted([*"012", *(str(n) for n in range(20))])
    assert max(map(len, written.groups)) == 16


async def test_one_that_cannot_be_written_keeps_no_other_from_it() -> None:
    written = Written()
    group = Group(written)
    answers = await asyncio.gather(*(group.add(one, one) for one in ("a", "bad", "b")), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), ValueError, type(None)]
    assert sorted(one for some in written.groups for one in some) == ["a", "b"]


async def test_who_does_not_wait_any_more_holds_up_nobody() -> None:
    written = Written()
    group = Group(written)
    gone = asyncio.create_task(group.add("a", "a"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    await group.add("b", "b")
    assert written.groups[-1] == ["b"]
