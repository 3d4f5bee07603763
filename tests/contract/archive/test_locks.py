"""Locks that controllers share through a database, whatever the database is."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tiphys.archive.database import Database
from tiphys.archive.locks import SqlLocks
from tiphys.errors import OutsideError, SpecError
from tiphys.ports import BlockedRow
from tiphys.settings.database import Synchronization

START = datetime(2026, 3, 1, tzinfo=UTC)
SAID = Synchronization(controller_name="one")
MUTEX, SEMAPHORE = "mtx/team/build", "sem/team/fleet"


@pytest.fixture
async def locks(database: Database) -> SqlLocks:
    one = SqlLocks(database, SAID)
    await one.migrate()
    async with database.transaction() as connection:
        await connection.exec_driver_sql("insert into sync_limit (name, sizelimit) values ('team/fleet', 2), ('team/none', 0)")
    return one


def other(database: Database, name: str = "two", **more: Any) -> SqlLocks:
    return SqlLocks(database, msgspec.structs.replace(SAID, controller_name=name, **more))


async def ask(locks: SqlLocks, holder: str, *rows: str, priority: int = 0, minute: int = 0) -> BlockedRow | None:
    return await locks.acquire(rows or (MUTEX,), holder, priority=priority, created=START + timedelta(minutes=minute))


async def test_a_mutex_is_held_by_one_and_then_by_the_next(locks: SqlLocks) -> None:
    assert await ask(locks, "team/a") is None
    assert await ask(locks, "team/a") is None
    assert await ask(locks, "team/b", minute=1) == BlockedRow(MUTEX, ("team/a",), 1)
    await locks.release([MUTEX], "team/a")
    assert await ask(locks, "team/b", minute=1) is None


async def test_a_semaphore_is_held_by_as_many_as_its_row_says(locks: SqlLocks) -> None:
    assert await ask(locks, "team/a", SEMAPHORE) is None
    assert await ask(locks, "team/b/node", SEMAPHORE, minute=1) is None
    assert await ask(locks, "team/c", SEMAPHORE, minute=2) == BlockedRow(SEMAPHORE, ("team/a", "team/b/node"), 2)


async def test_all_locks_are_taken_or_none(locks: SqlLocks) -> None:
    assert await ask(locks, "team/a", MUTEX) is None
    blocked = await ask(locks, "team/b", SEMAPHORE, MUTEX, minute=1)
    assert blocked == BlockedRow(MUTEX, ("team/a",), 1)
    assert await ask(locks, "team/c", SEMAPHORE, minute=0) is None


async def test_the_line_is_by_priority_and_then_by_age(locks: SqlLocks) -> None:
    assert await ask(locks, "team/holder") is None
    for name, priority, minute in (("late", 0, 9), ("early", 0, 1), ("important", 5, 8)):
        assert await ask(locks, f"team/{name}", priority=priority, minute=minute) is not None
    order = []
    held = "team/holder"
    for _ in range(3):
        await locks.release([MUTEX], held)
        for name, priority, minute in (("late", 0, 9), ("early", 0, 1), ("important", 5, 8)):
            if name not in order and await ask(locks, f"team/{name}", priority=priority, minute=minute) is None:
                order.append(name)
                held = f"team/{name}"
    assert order == ["important", "early", "late"]


async def test_nodes_of_the_workflow_at_the_front_are_at_the_front(locks: SqlLocks) -> None:
    assert await ask(locks, "team/w/n2", SEMAPHORE, minute=1) is None
    assert await ask(locks, "team/w/n1", SEMAPHORE, minute=1) is None


async def test_controllers_see_each_other_s_holders(locks: SqlLocks, database: Database) -> None:
    second = other(database)
    await locks.beat()
    await second.beat()
    assert await ask(locks, "team/a") is None
    assert await ask(second, "team/b", minute=1) == BlockedRow(MUTEX, ("team/a",), 1)
    await second.release([MUTEX], "team/a")
    assert await ask(second, "team/b", minute=1) is not None
    await locks.release([MUTEX], "team/a")
    assert await ask(second, "team/b", minute=1) is None


async def test_who_is_silent_for_too_long_loses_his_place_but_not_what_he_holds(locks: SqlLocks, database: Database) -> None:
    silent = other(database, "silent")
    assert await ask(silent, "team/dead", SEMAPHORE) is None
    assert await ask(silent, "team/dead-waits") is None
    assert await ask(locks, "team/a", SEMAPHORE, minute=5) is None
    await silent.release([MUTEX], "team/dead-waits")
    assert await ask(locks, "team/holder", minute=4) is None
    assert await ask(silent, "team/dead-waits", minute=1) is not None
    await locks.release([MUTEX], "team/holder")
    assert await ask(locks, "team/b", minute=9) is None
    assert await ask(locks, "team/c", SEMAPHORE, minute=9) == BlockedRow(SEMAPHORE, ("team/a", "team/dead"), 2)


async def test_many_that_ask_at_once_never_hold_more_than_the_limit(locks: SqlLocks, database: Database) -> None:
    controllers = [locks, other(database), other(database, "three")]
    for one in controllers:
        await one.beat()
    holding: set[str] = set()
    most = 0

    async def insist(attempt: Callable[[], Awaitable[bool]]) -> None:
        """As the controller does: what the database answers with a conflict is tried again."""
        while True:
            with contextlib.suppress(OutsideError):
                if await attempt():
                    return
            await asyncio.sleep(0.02)

    async def work(number: int) -> None:
        nonlocal most
        one, holder = controllers[number % 3], f"team/w{number}"

        async def is_given() -> bool:
            return await ask(one, holder, SEMAPHORE, minute=number) is None

        async def is_released() -> bool:
            await one.release([SEMAPHORE], holder)
            return True

        async with asyncio.timeout(60):
            await insist(is_given)
            holding.add(holder)
            most = max(most, len(holding))
            await asyncio.sleep(0.01)
            holding.discard(holder)
            await insist(is_released)

    await asyncio.gather(*(work(number) for number in range(9)))
    assert most <= 2


@pytest.mark.parametrize("row", ["sem/team/unknown", "sem/team/none"])
async def test_a_semaphore_without_a_limit_is_the_user_s_error_and_leaves_nobody_in_line(locks: SqlLocks, database: Database, row: str) -> None:
    with pytest.raises(SpecError, match=row.removeprefix("sem/")):
        await ask(locks, "team/a", row)
    async with database.transaction() as connection:
        assert (await connection.exec_driver_sql("select count(*) from sync_state")).scalar_one() == 0
