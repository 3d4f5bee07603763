"""What waits for the archive, in which order, and who may be deleted."""

import asyncio

from tiphys.controller.waiting import Backlog, Waiting


def waiting(uid: str, end: str = "") -> Waiting:
    return Waiting(end or uid, uid)


async def test_the_oldest_end_comes_first() -> None:
    backlog = Backlog()
    for uid in ("c", "a", "b"):
        backlog.add(waiting(uid))
    assert [one.uid for one in await backlog.take(2)] == ["a", "b"]
    assert [one.uid for one in await backlog.take(2)] == ["c"]


async def test_told_twice_it_waits_once() -> None:
    backlog = Backlog()
    assert backlog.add(waiting("a"))
    assert not backlog.add(waiting("a"))
    assert len(await backlog.take(4)) == len(backlog) == 1


async def test_what_was_put_off_keeps_nobody_waiting_and_comes_back() -> None:
    backlog = Backlog()
    backlog.add(waiting("a"))
    backlog.add(waiting("b"))
    first, second = await backlog.take(4)
    backlog.later(first, 3600)
    backlog.again(second)
    assert [one.uid for one in await backlog.take(4)] == ["b"]
    backlog.later(second, 0)
    assert [one.uid for one in await backlog.take(4)] == ["b"]
    # what changed is tried at once, and its former time means nothing any more
    backlog.hurry("a")
    assert [one.uid for one in await backlog.take(4)] == ["a"]
    backlog.close()


async def test_only_what_is_settled_may_go() -> None:
    backlog = Backlog()
    backlog.add(waiting("a"))
    await backlog.settled("never heard of")
    going = asyncio.create_task(backlog.settled("a"))
    await asyncio.sleep(0)
    assert not going.done()
    backlog.settle("a")
    await going
    assert "a" not in backlog


async def test_what_changes_while_it_is_tried_is_tried_again_at_once() -> None:
    backlog = Backlog()
    backlog.add(waiting("a"))
    for is_changed in (True, False):
        (one,) = await backlog.take(4)
        if is_changed:
            backlog.hurry("a")
        backlog.later(one, 3600)
    # the second time nothing had changed: it waits for its time, or for a change
    taking = asyncio.create_task(backlog.take(4))
    await asyncio.sleep(0)
    assert not taking.done()
    backlog.hurry("a")
    assert [one.uid for one in await taking] == ["a"]
    backlog.close()
