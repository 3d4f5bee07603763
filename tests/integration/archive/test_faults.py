"""Faults of databases that are there and do not take what they are given: told in our words, and nothing is lost or held up."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from tests.databases.servers import MariaDB, Server
from tests.integration.archive.conftest import Opened

from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Pool
from tiphys.errors import Conflict, Unavailable
from tiphys.model.archived import ArchivedWorkflow, ArchiveQuery, to_archive

_WAIT = {"postgresql": "alter database {name} set lock_timeout = '1s'", "mysql": "set global innodb_lock_wait_timeout = 1"}
_WAIT_AGAIN = {"postgresql": "select 1", "mysql": "set global innodb_lock_wait_timeout = 50"}
_READ_ONLY = {"postgresql": "alter database {name} set default_transaction_read_only = on", "mysql": "set global read_only = 1"}
_WRITABLE = {"postgresql": "begin; set transaction read write; alter database {name} reset default_transaction_read_only; commit", "mysql": "set global read_only = 0"}


def finished(number: int, **more: Any) -> ArchivedWorkflow:
    meta = {"name": f"job-{number}", "namespace": "team", "uid": f"u-{number}", "creationTimestamp": "2026-03-01T12:00:00Z"}
    status = {"phase": "Succeeded", "startedAt": "2026-03-01T12:00:00Z", "finishedAt": "2026-03-01T12:00:09Z", **more}
    return to_archive({"metadata": meta, "spec": {}, "status": status})


@contextmanager
def said(server: Server, name: str, first: dict[str, str], last: dict[str, str]) -> Iterator[None]:
    server.sql(first[server.kind].format(name=name) + ";", name)
    try:
        yield
    finally:
        server.sql(last[server.kind].format(name=name) + ";", name)


async def test_a_standby_that_takes_no_writes_is_waited_for_and_read(server: Server, name: str, opened: Opened) -> None:
    await opened.migrated(server, name)
    if isinstance(server, MariaDB):
        server.sql(f"revoke all on `{name}`.* from tiphys@'%'; grant select, insert, update, delete on `{name}`.* to tiphys@'%'", "mysql")
    with said(server, name, _READ_ONLY, _WRITABLE):
        database = opened(server.target(name))
        archive = SqlArchive(database)
        with pytest.raises(Unavailable, match="read-only"):
            await archive.save(finished(1))
        assert (await archive.page(ArchiveQuery())).items == ()
    database = opened(server.target(name))
    await SqlArchive(database).save(finished(1))
    assert await SqlArchive(database).count(ArchiveQuery()) == 1


async def test_a_row_that_another_holds_is_written_when_it_is_given_up(server: Server, name: str, opened: Opened) -> None:
    database = await opened.migrated(server, name)
    await SqlArchive(database).save(finished(1))
    with said(server, name, _WAIT, _WAIT_AGAIN):
        other = opened(server.target(name))
        async with database.transaction() as connection:
            await connection.execute(text("update argo_archived_workflows set phase = 'Failed' where uid = 'u-1'"))
            with pytest.raises((Conflict, Unavailable)):
                await SqlArchive(other).save(finished(1))
        await SqlArchive(other).save(finished(1))
    await database.close()


async def test_a_pool_without_connections_is_told_and_used_again(server: Server, name: str, opened: Opened) -> None:
    await opened.migrated(server, name)
    database = opened(msgspec.structs.replace(server.target(name), pool=Pool(idle=1, open_=1, wait_s=0.2)))
    async with database.transaction():
        with pytest.raises(Unavailable):
            await SqlArchive(database).save(finished(1))
    await SqlArchive(database).save(finished(1))


@pytest.mark.parametrize("characters", ["utf8mb3", "latin1"])
async def test_a_database_of_an_old_character_set_takes_every_character(server: Server, name: str, opened: Opened, characters: str) -> None:
    if server.kind == "mysql":
        server.sql(f"alter database `{name}` character set {characters}", name)
    database = await opened.migrated(server, name)
    archive = SqlArchive(database)
    await archive.save(finished(1, message="\U0001f680 ☃ käse"))
    assert json.loads(await archive.read(uid="u-1"))["status"]["message"] == "\U0001f680 ☃ käse"
    assert [json.loads(one)["status"]["message"] for one in (await archive.page(ArchiveQuery())).items] == ["\U0001f680 ☃ käse"]


@pytest.mark.parametrize("started", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2040-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_a_clock_that_was_wrong_keeps_no_workflow_from_the_archive(server: Server, name: str, opened: Opened, started: str) -> None:
    database = await opened.migrated(server, name)
    archive = SqlArchive(database)
    await asyncio.gather(*(archive.save(finished(number, startedAt=started, finishedAt="1970-01-01T00:00:00Z")) for number in range(3)))
    assert json.loads(await archive.read(uid="u-1"))["status"]["startedAt"] == started
    page = await archive.page(ArchiveQuery(limit=2))
    rest = await archive.page(ArchiveQuery(limit=2, cursor=page.cursor))
    assert len({*page.items, *rest.items}) == 3
