"""What several wait for is made once for all of them; nobody is given what was begun before he asked."""

import asyncio

import pytest

from tiphys.server.sharing import Sharing


class _Maker:
    """Makes numbers, each when it is let go on."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_work = self.most_at_work = 0
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await self.go.wait()
        self.at_work -= 1
        return number


async def _turns() -> None:
    """Until nobody can go on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_comes_while_one_is_made_shares_the_next_with_all_who_came_meanwhile() -> None:
    sharing, make = Sharing[int](2), _Maker()
    first = asyncio.create_task(sharing.get("a", make))
    await _turns()
    later = [asyncio.create_task(sharing.get("a", make)) for _ in range(7)]
    await _turns()
    assert make.begun == 1
    make.go.set()
    assert await first == 1
    assert await asyncio.gather(*later) == 7 * [2]
    assert await sharing.get("a", make) == 3


async def test_other_questions_wait_for_a_place_only() -> None:
    sharing, make = Sharing[int](2), _Maker()
    asked = [asyncio.create_task(sharing.get(key, make)) for key in "abcabc"]
    await _turns()
    assert make.begun == 2
    make.go.set()
    # nobody had asked for `c` when its turn came but those two
    assert sorted(await asyncio.gather(*asked)) == [1, 2, 3, 3, 4, 5]
    assert make.most_at_work == 2


async def test_an_error_is_told_to_all_who_waited_for_it_and_to_nobody_later() -> None:
    sharing, make = Sharing[int](1), _Maker()

    async def fail() -> int:
        raise ValueError(str(await make()))

    held = asyncio.create_task(sharing.get("other", make))
    await _turns()
    asked = [asyncio.create_task(sharing.get("a", fail)) for _ in range(3)]
    await _turns()
    make.go.set()
    assert await held == 1
    assert [str(one) for one in await asyncio.gather(*asked, return_exceptions=True)] == 3 * ["2"]
    assert await sharing.get("a", make) == 3


@pytest.mark.parametrize("gone", [0, 1, 2])
async def test_who_goes_away_takes_nothing_from_the_others(gone: int) -> None:
    sharing, make = Sharing[int](1), _Maker()
    held = asyncio.create_task(sharing.get("other", make))
    await _turns()
    asked = [asyncio.create_task(sharing.get("a", make)) for _ in range(3)]
    await _turns()
    asked[gone].cancel()
    await _turns()
    make.go.set()
    assert await held == 1
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(told.pop(gone), asyncio.CancelledError)
    assert told == [2, 2]
