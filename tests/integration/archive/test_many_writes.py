"""What PostgreSQL is asked for each workflow: by the index of keys from early on, over a connection that is replaced when it broke."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest
from sqlalchemy import text
from tests.databases.servers import Server

from tiphys.archive.counting import EARLY
from tiphys.archive.database import Database
from tiphys.archive.migrate import migrate
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Pool
from tiphys.errors import InvalidManifest, Unavailable
from tiphys.model.archived import ArchivedWorkflow, ArchiveQuery, to_archive

T = TypeVar("T")
_END_ALL = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
_KEY = "select from argo_archived_workflows where clustername = $1 and uid = $2 for key share"


def finished(number: int) -> ArchivedWorkflow:
    meta = {"name": f"job-{number}", "namespace": "team", "uid": f"u-{number}", "creationTimestamp": "2026-03-01T12:00:00Z", "labels": {"a": "b"}}
    return to_archive({"metadata": meta, "spec": {}, "status": {"phase": "Succeeded", "finishedAt": "2026-03-01T12:00:00Z"}})


@pytest.fixture
async def database(servers: dict[str, Server]) -> AsyncIterator[Database]:
    name = f"t{uuid.uuid4().hex[:12]}"
    servers["postgresql"].make_database(name)
    one = Database(servers["postgresql"].target(name, pool=Pool(idle=4, open_=4)))
    await migrate(one)
    yield one
    await one.close()


async def test_a_new_database_counts_its_rows_before_its_statements_read_them_all(database: Database) -> None:
    archive = SqlArchive(database)
    left = iter(range(EARLY))

    async def lane() -> None:
        for number in left:
            await archive.save(finished(number))

    await asyncio.gather(*(lane() for _ in range(4)))
    async with database.transaction() as connection:
        await connection.execute(text("set local plan_cache_mode = force_generic_plan"))
        await connection.execute(text(f"prepare key (varchar, varchar) as {_KEY}"))
        plan = "\n".join((await connection.execute(text("explain execute key ('default', 'u-7')"))).scalars())
    assert "argo_archived_workflows_pkey" in plan


async def until_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What was given back a moment ago is not asked whether it still works: each of four may fail once."""
    for _ in range(4):
        with contextlib.suppress(Unavailable):
            return await ask()
    return await ask()


async def test_connections_that_the_server_ended_are_replaced(database: Database, servers: dict[str, Server]) -> None:
    archive = SqlArchive(database)
    await asyncio.gather(*(archive.save(finished(number)) for number in range(4)))
    for number in range(4, 8):
        servers["postgresql"].sql(_END_ALL, database.target.name)
        await until_answered(lambda number=number: archive.save(finished(number)))
    assert await until_answered(lambda: archive.count(ArchiveQuery())) == 8


async def test_what_a_column_does_not_take_is_the_workflow_s_fault_and_the_connection_stays(database: Database) -> None:
    archive = SqlArchive(database)
    async with database.transaction() as connection:
        before = (await connection.execute(text("select pg_backend_pid()"))).scalar_one()
    wrong = finished(1)
    for broken in ({"name": "x" * 300}, {"document": "no JSON"}, {"labels": {"a": "b" * 100}}):
        with pytest.raises(InvalidManifest) as refused:
            await archive.save(ArchivedWorkflow(**{**{field: getattr(wrong, field) for field in wrong.__struct_fields__}, **broken}))
        assert "no JSON" not in refused.value.message
        assert "xxx" not in refused.value.message
    async with database.transaction() as connection:
        assert (await connection.execute(text("select pg_backend_pid()"))).scalar_one() == before
    assert await archive.count(ArchiveQuery()) == 0
