"""The schema is Argo's: made from nothing, taken over from Argo with data in it, by several replicas at once."""

import asyncio
import contextlib
import json
import sqlite3
from typing import Any

import pytest
from sqlalchemy import event
from tests.databases import argo
from tests.databases.servers import Server
from tests.integration.archive.conftest import Opened

from tiphys.archive import picking
from tiphys.archive.convert import convert, count_without_summary
from tiphys.archive.database import Database
from tiphys.archive.listing import enter
from tiphys.archive.migrate import VERSION_TABLE, migrate, schema_state
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.errors import RefusedError, Unavailable
from tiphys.model.archived import ArchiveQuery, to_archive

TABLES = ("argo_archived_workflows", "argo_archived_workflows_labels", "argo_workflows", "schema_history")
_SCHEMA = {"postgresql": "table_schema = 'public'", "mysql": "table_schema = database()"}


def described(server: Server, name: str) -> list[str]:
    """Columns, indices and keys, as the server tells them."""
    place, columns = _SCHEMA[server.kind], "data_type" if server.kind == "postgresql" else "column_type"
    said = [
        server.sql(
            f"select column_name, {columns}, is_nullable, character_maximum_length from information_schema.columns "  # noqa: S608
            f"where {place} and table_name = '{table}' order by column_name;",
            name,
        )
        for table in TABLES
    ]
    if server.kind == "postgresql":
        wanted = "select indexdef from pg_indexes where schemaname = 'public' and tablename like 'argo%' order by indexdef;"
    else:
        wanted = (
            "select table_name, index_name, seq_in_index, column_name, collation, non_unique from information_schema.statistics "
            "where table_schema = database() and table_name like 'argo%' and index_name not like 'fk%' order by 1, 2, 3;"
        )
    said.append(server.sql(wanted, name))
    rules = "select constraint_type, table_name from information_schema.table_constraints "
    said.append(server.sql(f"{rules} where {place} and table_name like 'argo%' and constraint_type <> 'CHECK' order by 1, 2;", name))
    return [line for part in said for line in part.splitlines() if "tiphys" not in line]


async def test_what_we_make_is_what_argo_makes(server: Server, name: str, opened: Opened) -> None:
    server.make_database(f"{name}_argo")
    server.sql(argo.schema(server.kind), f"{name}_argo")
    database = opened(server.target(name))
    state = await migrate(database)
    assert described(server, name) == described(server, f"{name}_argo")
    assert state.argo == 68
    assert state.is_current


@pytest.mark.parametrize("age", ["version 68", "older"])
async def test_an_archive_of_argo_opens_unchanged_and_is_brought_forward(server: Server, name: str, opened: Opened, age: str) -> None:
    is_old = age == "older"
    server.sql((argo.old_schema if is_old else argo.schema)(server.kind), name)
    server.sql("\n".join(argo.insert(server.kind, number, with_creation=not is_old) for number in range(1, 8)), name)
    server.make_database(f"{name}_argo")
    server.sql(argo.schema(server.kind), f"{name}_argo")
    database = opened(server.target(name))
    assert not (await schema_state(database)).is_current
    assert (await migrate(database)).argo == 68
    assert sorted(described(server, name)) == sorted(described(server, f"{name}_argo"))
    archive = SqlArchive(database)
    assert json.loads(await archive.read(uid="3f0c-3")) == argo.workflow(3)
    page = await archive.page(ArchiveQuery(labels="team=t1", limit=3))
    assert [json.loads(item)["metadata"]["name"] for item in page.items] == ["argo-7", "argo-5", "argo-3"]
    assert json.loads(page.items[0])["status"]["phase"] == "Succeeded"
    # what Argo goes on to write beside us is seen, too
    server.sql(argo.insert(server.kind, 9), name)
    assert json.loads((await archive.page(ArchiveQuery(limit=1))).items[0])["metadata"]["name"] == "argo-9"


async def test_lists_are_made_fast_for_what_argo_wrote(server: Server, name: str, opened: Opened) -> None:
    server.sql(argo.schema(server.kind), name)
    server.sql("\n".join(argo.insert(server.kind, number) for number in range(1, 13)), name)
    database = opened(server.target(name))
    await migrate(database)
    before = (await SqlArchive(database).page(ArchiveQuery())).items
    assert await count_without_summary(database) == 12
    assert [done async for done in convert(database, batch=5)] == [5, 10, 12]
    assert await count_without_summary(database) == 0
    after = (await SqlArchive(database).page(ArchiveQuery())).items
    assert [json.loads(item) for item in before] == [json.loads(item) for item in after]


async def test_labels_of_what_argo_goes_on_to_write_are_entered_in_batches(
    server: Server, name: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "_NEWEST_LABELLED", 2)
    server.sql(argo.schema(server.kind), name)
    database = opened(server.target(name))
    await migrate(database)
    server.sql("\n".join(argo.insert(server.kind, number) for number in range(1, 13)), name)
    archive, query = SqlArchive(database), ArchiveQuery(labels="team=t1", namespace="team", limit=3)
    assert [json.loads(item)["metadata"]["name"] for item in (await archive.page(query)).items] == ["argo-11"]
    assert [await enter(database, newest=3, limit=5) for _ in range(2)] == [4, 0], "the newest, and one to begin with"
    assert [await enter(database, newest=30, limit=5) for _ in range(3)] == [5, 3, 0]
    server.sql(argo.insert(server.kind, 13), name)
    server.sql(argo.insert(server.kind, 14), name)
    assert [await enter(database, limit=5) for _ in range(2)] == [2, 0]
    assert [json.loads(item)["metadata"]["name"] for item in (await archive.page(query)).items] == ["argo-13", "argo-11", "argo-9"]


@pytest.mark.parametrize("server", ["mysql"], indirect=True)  # PostgreSQL's lock is given up by the commit itself
async def test_what_was_migrated_is_committed_before_another_replica_may_look(server: Server, name: str, opened: Opened) -> None:
    seen: list[str] = []

    def before_it_is_free(*about: Any) -> None:
        if "release_lock" in about[2]:
            seen.append(server.sql(f"select version_num from {VERSION_TABLE};", name).strip())  # noqa: S608 ours

    database = opened(server.target(name))
    event.listen(database.engine.sync_engine, "before_cursor_execute", before_it_is_free)
    state = await migrate(database)
    assert seen == [state.newest]


async def test_ten_replicas_that_start_at_once_migrate_once(server: Server, name: str, opened: Opened) -> None:
    databases = [opened(server.target(name)) for _ in range(10)]
    states = await asyncio.gather(*(migrate(database) for database in databases))
    assert all(state.is_current for state in states)
    assert server.sql("select count(*) from schema_history;", name).strip() == "1"

async def test_a_migration_that_was_cut_off_goes_on(server: Server, name: str, opened: Opened) -> None:
    server.sql(argo.schema(server.kind).split("create index argo_archived_workflows_i3")[0], name)
    database = opened(server.target(name))
    assert (await migrate(database)).is_current
    assert "argo_archived_workflows_i3" in "\n".join(described(server, name))


async def test_migrating_again_changes_nothing(server: Server, name: str, opened: Opened) -> None:
    database = opened(server.target(name))
    await migrate(database)
    before = described(server, name)
    await migrate(database)
    assert described(server, name) == before


async def test_an_index_that_a_better_one_replaces_is_dropped(server: Server, name: str, opened: Opened) -> None:
    database = opened(server.target(name))
    await migrate(database)
    on = " on argo_archived_workflows" if server.kind == "mysql" else ""
    server.sql(f"drop index tiphys_archived_names_by_time{on}; create index tiphys_archived_names on argo_archived_workflows (clustername, name);", name)
    server.sql("update tiphys_schema_history set version_num = '0003';", name)
    assert not (await schema_state(database)).is_current
    assert (await migrate(database)).is_current
    asked = (
        "select indexname from pg_indexes" if server.kind == "postgresql" else "select distinct index_name from information_schema.statistics where table_schema = database()"
    )
    indices = server.sql(f"{asked};", name).split()
    assert "tiphys_archived_names_by_time" in indices
    assert "tiphys_archived_names" not in indices


async def test_a_newer_schema_of_argo_is_left_alone(server: Server, name: str, opened: Opened) -> None:
    server.sql(argo.schema(server.kind) + "update schema_history set schema_version = 70;", name)  # noqa: S608
    database = opened(server.target(name))
    assert (await migrate(database)).argo == 70


async def test_tables_without_cluster_names_are_refused_with_what_to_do(server: Server, name: str, opened: Opened) -> None:
    server.sql("create table argo_archived_workflows (id varchar(128) primary key, workflow text);", name)
    database = opened(server.target(name))
    with pytest.raises(RefusedError, match="clustername") as refused:
        await migrate(database)
    assert "Argo 3" in refused.value.hint


async def test_the_offload_table_may_have_another_name(server: Server, name: str, opened: Opened) -> None:
    database = opened(server.target(name, offload_table="my_nodes"))
    await migrate(database)
    assert "my_nodes_i1" in server.sql(
        "select indexname from pg_indexes;" if server.kind == "postgresql" else "select index_name from information_schema.statistics;", name
    )


async def test_without_tables_the_error_says_what_makes_them(server: Server, name: str, opened: Opened) -> None:
    database = opened(server.target(name))
    with pytest.raises(Unavailable) as error:
        await SqlArchive(database).page(ArchiveQuery())
    assert error.value.hint == "tiphys db migrate makes the tables"


_AS_ARGO_READS = {
    "postgresql": """select name, namespace, uid, phase, to_char(startedat, 'YYYY-MM-DD HH24:MI:SS'), to_char(finishedat, 'YYYY-MM-DD HH24:MI:SS'),
      workflow->'metadata'->'labels'->>'team', workflow->'status'->>'progress', workflow->'metadata'->>'creationTimestamp',
      (select count(*) from argo_archived_workflows_labels l where l.clustername = a.clustername and l.uid = a.uid)
      from argo_archived_workflows a where clustername = 'default' and instanceid = '' and namespace = 'team'
      and exists (select 1 from argo_archived_workflows_labels l where l.clustername = a.clustername and l.uid = a.uid and name = 'team' and value = 't1')
      order by startedat desc;""",
    "mysql": """select name, namespace, uid, phase, startedat, finishedat, workflow->>'$.metadata.labels.team', workflow->>'$.status.progress',
      workflow->>'$.metadata.creationTimestamp',
      (select count(*) from argo_archived_workflows_labels l where l.clustername = a.clustername and l.uid = a.uid)
      from argo_archived_workflows a where clustername = 'default' and instanceid = '' and namespace = 'team'
      and exists (select 1 from argo_archived_workflows_labels l where l.clustername = a.clustername and l.uid = a.uid and name = 'team' and value = 't1')
      order by startedat desc;""",
}


async def test_what_we_write_is_read_by_statements_like_argo_s(server: Server, name: str, opened: Opened) -> None:
    database = opened(server.target(name))
    await migrate(database)
    for number in range(1, 5):
        await SqlArchive(database).save(to_archive(argo.workflow(number)))
    statement = _AS_ARGO_READS[server.kind]
    if server.kind == "mysql":
        # MariaDB lacks MySQL's arrow
        for path in ("metadata.labels.team", "status.progress", "metadata.creationTimestamp"):
            statement = statement.replace(f"workflow->>'$.{path}'", f"json_value(workflow, '$.{path}')")
    rows = [row.replace("|", "\t").split("\t") for row in server.sql(statement, name).splitlines()]
    assert rows[0] == ["argo-3", "team", "3f0c-3", "Succeeded", "2025-05-03 08:00:01", "2025-05-03 08:00:09", "t1", "1/1",
                       "2025-05-03T08:00:00Z", "4"]  # fmt: skip
    assert [row[0] for row in rows] == ["argo-3", "argo-1"]


async def test_a_file_of_sqlite_is_migrated_by_two_at_once(tmp_path: Any) -> None:
    databases = [Database(Target(kind="sqlite", name=str(tmp_path / "a.db"))) for _ in range(3)]
    states = await asyncio.gather(*(migrate(database) for database in databases))
    assert all(state.is_current and state.argo == 68 for state in states)
    for database in databases:
        await database.close()


async def test_a_new_file_of_sqlite_that_another_writes_to_is_waited_for(tmp_path: Any) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE theirs (n)")
        database = Database(Target(kind="sqlite", name=str(tmp_path / "a.db")))
        ours = asyncio.create_task(migrate(database))
        assert await asyncio.wait({ours}, timeout=0.2) == (set(), {ours})
        other.execute("COMMIT")
        assert (await ours).is_current
        await database.close()
