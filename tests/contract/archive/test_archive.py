"""What every archive does, whatever keeps it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, update

from tiphys.archive import picking, walking
from tiphys.archive.convert import convert
from tiphys.archive.database import Database
from tiphys.archive.store import SqlArchive
from tiphys.errors import NotFound, SpecError
from tiphys.model.archived import ArchiveQuery, to_archive

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def finished(number: int, *, phase: str = "Succeeded", namespace: str = "team", name: str = "", **labels: str) -> dict[str, Any]:
    began = START + timedelta(minutes=number)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": name or f"job-{number:03}", "namespace": namespace, "uid": f"uid-{namespace}-{number:03}",
            "creationTimestamp": began.strftime("%Y-%m-%dT%H:%M:%SZ"), "labels": {"workflows.argoproj.io/workflow-archiving-status": "Pending", **labels},
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {"entrypoint": "main", "arguments": {"parameters": [{"name": "n", "value": str(number)}]}},
        "status": {
            "phase": phase, "startedAt": began.strftime("%Y-%m-%dT%H:%M:%SZ"), "progress": "1/1",
            "finishedAt": (began + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ"), "nodes": {"n": {"id": "n", "message": "ä ☃ 𝄞"}},
        },
    }  # fmt: skip


@pytest.fixture
async def archive(database: Database) -> SqlArchive:
    return SqlArchive(database)


async def fill(archive: SqlArchive, *workflows: dict[str, Any]) -> None:
    for workflow in workflows:
        await archive.save(to_archive(workflow))


async def names(archive: SqlArchive, **query: Any) -> list[str]:
    page = await archive.page(ArchiveQuery(**query))
    return [json.loads(item)["metadata"]["name"] for item in page.items]


async def test_what_is_saved_is_read_back_whole_and_labelled_as_persisted(archive: SqlArchive) -> None:
    workflow = finished(1, app="a")
    await fill(archive, workflow)
    want = json.loads(json.dumps(workflow))
    want["metadata"]["labels"]["workflows.argoproj.io/workflow-archiving-status"] = "Persisted"
    assert json.loads(await archive.read(uid="uid-team-001")) == want


async def test_saving_the_same_uid_again_replaces_it_and_its_labels(archive: SqlArchive) -> None:
    await fill(archive, finished(1, app="a", old="x"), finished(1, phase="Failed", app="b"))
    assert json.loads(await archive.read(uid="uid-team-001"))["status"]["phase"] == "Failed"
    assert await names(archive, labels="app=b") == ["job-001"]
    assert await names(archive, labels="old") == []


async def test_many_at_once_save_the_same_uid_once(archive: SqlArchive) -> None:
    await asyncio.gather(*(fill(archive, finished(number % 3, app=str(number))) for number in range(24)))
    assert await names(archive) == ["job-002", "job-001", "job-000"]


async def test_the_newest_of_a_name_is_read(archive: SqlArchive) -> None:
    await fill(archive, finished(1, name="again"), finished(5, name="again"), finished(3, name="again"))
    assert json.loads(await archive.read(namespace="team", name="again"))["metadata"]["uid"] == "uid-team-005"


async def test_what_is_not_there_is_not_found(archive: SqlArchive) -> None:
    with pytest.raises(NotFound):
        await archive.read(uid="nobody")
    with pytest.raises(NotFound):
        await archive.read(namespace="team", name="nobody")
    assert not await archive.delete("nobody")


async def test_a_null_character_survives_and_a_backslash_before_it_too(archive: SqlArchive) -> None:
    workflow = finished(1)
    workflow["status"]["message"] = "a\0b"
    workflow["status"]["nodes"]["n"]["message"] = "\\u0000 \\\0 \0\0 C:\\u0000"
    await fill(archive, workflow)
    status = json.loads(await archive.read(uid="uid-team-001"))["status"]
    assert status["message"] == "a\0b"
    assert status["nodes"]["n"]["message"] == "\\u0000 \\\0 \0\0 C:\\u0000"
    page = await archive.page(ArchiveQuery())
    assert json.loads(page.items[0])["status"]["message"] == "a\0b"


@pytest.mark.parametrize("text", ["it's", "''", "\\'", "'; drop table argo_archived_workflows; --", "a\\", 'say \\"so\\"\n\t\r\x1a', "%s %(x)s :y ?", "_%/"])
async def test_quotes_and_backslashes_are_values_wherever_they_stand(archive: SqlArchive, text: str) -> None:
    workflow = finished(1, name=text, app=text)
    workflow["status"]["message"] = text
    await fill(archive, workflow, finished(2))
    kept = json.loads(await archive.read(namespace="team", name=text))
    assert (kept["metadata"]["name"], kept["metadata"]["labels"]["app"], kept["status"]["message"]) == (text, text, text)
    assert await names(archive, name_prefix=text) == [text]
    assert await names(archive, name_contains=text) == [text]
    assert await archive.labels("app") == [text]


async def test_a_list_shows_the_newest_start_first_without_nodes(archive: SqlArchive) -> None:
    await fill(archive, *(finished(number) for number in (2, 3, 1)))
    page = await archive.page(ArchiveQuery())
    first = json.loads(page.items[0])
    assert first["metadata"]["name"] == "job-003"
    assert first["status"]["phase"] == "Succeeded"
    assert first["status"]["progress"] == "1/1"
    assert first["spec"]["arguments"]["parameters"][0]["value"] == "3"
    assert "nodes" not in first["status"]
    assert "managedFields" not in first["metadata"]
    assert page.cursor == ""


async def test_pages_show_each_row_once_also_where_starts_are_equal(archive: SqlArchive) -> None:
    workflows = [finished(number) for number in range(25)]
    for workflow in workflows:
        workflow["status"]["startedAt"] = workflows[int(workflow["metadata"]["name"][-2:]) // 10]["status"]["startedAt"]
    await fill(archive, *workflows)
    seen: list[str] = []
    cursor = ""
    for _ in range(10):
        page = await archive.page(ArchiveQuery(limit=7, cursor=cursor))
        seen += [json.loads(item)["metadata"]["name"] for item in page.items]
        cursor = page.cursor
        if not cursor:
            break
    assert len(seen) == 25
    assert sorted(seen) == [f"job-{number:03}" for number in range(25)]


@pytest.mark.parametrize(
    ("query", "want"),
    [
        ({"labels": "app=a"}, ["job-001"]),
        ({"labels": "app==a"}, ["job-001"]),
        ({"labels": "app!=a"}, ["job-004", "job-003", "job-002"]),
        ({"labels": "app in (a, b)"}, ["job-002", "job-001"]),
        ({"labels": "app notin (a,b)"}, ["job-004", "job-003"]),
        ({"labels": "app"}, ["job-003", "job-002", "job-001"]),
        ({"labels": "!app"}, ["job-004"]),
        ({"labels": "app,size>5"}, ["job-002"]),
        ({"labels": "size<5"}, ["job-001"]),
        ({"labels": "app=a,size=99"}, []),
        ({"labels": "app=' or 1=1 --"}, SpecError),
        ({"labels": "app in"}, SpecError),
        ({"name": "job-002"}, ["job-002"]),
        ({"name_prefix": "job-00"}, ["job-004", "job-003", "job-002", "job-001"]),
        ({"name_prefix": "job-00", "labels": "app=b", "namespace": "team"}, ["job-002"]),
        ({"name_prefix": "job-00\U0010ffff"}, []),
        ({"name_prefix": "\ud7ff"}, []),
        ({"name_prefix": "ob"}, []),
        ({"name_prefix": "j%b"}, []),
        ({"name_prefix": "job_00"}, []),
        ({"name_contains": "b-003"}, ["job-003"]),
        ({"name": "x' or '1'='1"}, []),
        ({"namespace": "other"}, ["job-004"]),
        ({"phases": ("Failed", "Error")}, ["job-003"]),
        ({"started_after": START + timedelta(minutes=3)}, ["job-004", "job-003"]),
        ({"started_before": START + timedelta(minutes=3)}, ["job-002", "job-001"]),
        ({"limit": 0}, SpecError),
        ({"limit": 501}, SpecError),
        ({"cursor": "zz"}, SpecError),
    ],
    ids=str,
)
async def test_a_list_is_narrowed(archive: SqlArchive, query: dict[str, Any], want: Any) -> None:
    await fill(
        archive,
        finished(1, app="a", size="3"),
        finished(2, app="b", size="30"),
        finished(3, app="c", size="many", phase="Failed"),
        finished(4, namespace="other"),
    )
    if want is SpecError:
        with pytest.raises(SpecError):
            await archive.page(ArchiveQuery(**query))
    else:
        assert await names(archive, **query) == want


@pytest.mark.parametrize("newest", [0, 4])
async def test_pages_are_the_same_whichever_way_they_are_found(archive: SqlArchive, monkeypatch: pytest.MonkeyPatch, newest: int) -> None:
    """By labels, by the beginning of a name, among the newest or by time: what differs is how long it takes."""
    rows = [finished(n, name=f"{'ab'[n % 2]}-{n:02}", kind="old" if n < 9 else "new", part=str(n % 3), phase="Failed" if n % 5 else "Succeeded") for n in range(24)]
    await fill(archive, *rows)
    queries: list[dict[str, Any]] = [
        {"name_prefix": "a-"}, {"name_prefix": "b-", "phases": ("Failed",)}, {"name_prefix": "a-", "labels": "kind=old"},
        {"labels": "kind=old"}, {"labels": "kind=old,part=1"}, {"labels": "kind=new,part=1,part!=2"}, {"labels": "kind=old", "namespace": "team"},
        {"namespace": "team"}, {"namespace": "team", "phases": ("Succeeded",)},
    ]  # fmt: skip

    async def walked(query: dict[str, Any]) -> list[str]:
        found, cursor = [], ""
        while True:
            page = await archive.page(ArchiveQuery(**query, limit=2, cursor=cursor))
            found += [json.loads(item)["metadata"]["name"] for item in page.items]
            if not page.cursor:
                return [*found, "then", *await names(archive, **query, limit=3, offset=1)]
            cursor = page.cursor

    want = [await walked(query) for query in queries]
    assert all(len(found) > 4 for found in want)
    for few in (0, 2, 5):
        monkeypatch.setattr(picking, "_NEWEST", newest)
        monkeypatch.setattr(picking, "_NEWEST_LABELLED", newest)
        monkeypatch.setattr(picking, "_FEW", few)
        assert [await walked(query) for query in queries] == want


async def test_what_is_archived_anew_is_found_where_it_is_now_alone(archive: SqlArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picking, "_NEWEST_LABELLED", 0)
    await fill(archive, *(finished(n, kind="a", part="x") for n in range(6)))
    again = finished(5, kind="a", part="y")
    again["metadata"]["uid"] = "uid-team-001"
    again["metadata"]["name"] = "job-001"
    await fill(archive, again)
    assert await names(archive, labels="part=x", limit=3) == ["job-005", "job-004", "job-003"]
    assert await names(archive, labels="part=y", limit=3) == ["job-001"]
    cursor, seen = "", []
    for _ in range(3):
        page = await archive.page(ArchiveQuery(labels="kind=a", limit=2, cursor=cursor))
        seen += [json.loads(item)["metadata"]["name"] for item in page.items]
        cursor = page.cursor
    assert seen == ["job-005", "job-001", "job-004", "job-003", "job-002", "job-000"]


async def test_several_labels_are_walked_only_where_all_of_them_have_rows(archive: SqlArchive, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picking, "_NEWEST_LABELLED", 1)
    monkeypatch.setattr(walking, "_MANY", (1, 3))
    # all have a, the first four b, every other one c
    await fill(archive, *(finished(number, a="1", **({"b": "1"} if number < 4 else {}), **({"c": "1"} if number % 2 else {})) for number in range(12)))
    async with database.transaction() as connection:
        stretch = await walking.stretch_of(connection, database.tables, database.target, ArchiveQuery(labels="a=1,b=1,c=1"))
    began = START.replace(tzinfo=None)
    assert stretch == (began + timedelta(minutes=1), began + timedelta(minutes=3))
    assert await names(archive, labels="a=1,c=1,b=1", namespace="team") == ["job-003", "job-001"]
    assert await names(archive, labels="a=1,c=1", limit=3) == ["job-011", "job-009", "job-007"]
    assert await names(archive, labels="a=1,d=1") == []
    assert await names(archive, labels="a=1,b=1", namespace="other") == []


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "{}", '{"metadata": 3, "status": []}', '{"metadata": {"labels": [], "name": null}}'])
async def test_a_row_of_others_that_holds_no_workflow_hides_no_other(archive: SqlArchive, database: Database, body: str) -> None:
    await fill(archive, *(finished(number) for number in range(3)))
    table, summaries = database.tables.archive, database.tables.summaries
    async with database.transaction() as connection:
        await connection.execute(update(table).where(table.c.name == "job-001").values(workflow=body))
        await connection.execute(delete(summaries))
    assert sorted(await names(archive)) == ["job-000", "job-001", "job-002"]
    assert [done async for done in convert(database)] == [3]
    assert sorted(await names(archive)) == ["job-000", "job-001", "job-002"]


async def test_deleting_takes_labels_and_summary_along(archive: SqlArchive, database: Database) -> None:
    await fill(archive, finished(1, app="a"), finished(2, app="a"))
    assert await archive.delete("uid-team-001")
    assert await names(archive, labels="app=a") == ["job-002"]
    async with database.transaction() as connection:
        for table in ("argo_archived_workflows_labels", "tiphys_archived_summaries", "tiphys_archived_labels_by_time"):
            left = await connection.exec_driver_sql(f"select count(*) from {table} where uid = 'uid-team-001'")  # noqa: S608
            assert left.scalar_one() == 0


async def test_label_keys_and_values_are_listed(archive: SqlArchive) -> None:
    await fill(archive, finished(1, app="b"), finished(2, app="a"), finished(3, namespace="other", team="x"))
    assert await archive.labels() == ["app", "team", "workflows.argoproj.io/workflow-archiving-status"]
    assert await archive.labels("app") == ["a", "b"]
    assert await archive.labels(namespace="other") == ["team", "workflows.argoproj.io/workflow-archiving-status"]


async def test_the_old_are_forgotten_in_small_batches(archive: SqlArchive) -> None:
    await fill(archive, *(finished(number) for number in range(5)))
    limit = START + timedelta(minutes=3)
    assert [await archive.purge(limit, limit=2) for _ in range(3)] == [2, 1, 0]
    assert await names(archive) == ["job-004", "job-003"]


async def test_archives_of_two_clusters_and_two_controllers_do_not_mix(database: Database) -> None:
    ours = SqlArchive(database)
    other = Database(msgspec.structs.replace(database.target, cluster="other"))
    mine = Database(msgspec.structs.replace(database.target, instance_id="mine"))
    await fill(ours, finished(1), finished(2, **{"workflows.argoproj.io/controller-instanceid": "mine"}))
    await fill(SqlArchive(other), finished(3))
    assert await names(ours) == ["job-002", "job-001"]
    assert await names(SqlArchive(other)) == ["job-003"]
    assert await names(SqlArchive(mine)) == ["job-002"]
    await other.close()
    await mine.close()


async def test_a_workflow_of_20000_nodes_is_read_back_whole(archive: SqlArchive) -> None:
    workflow = finished(1)
    node = {"type": "Pod", "phase": "Succeeded", "startedAt": "2026-03-01T12:00:00Z", "children": ["x" * 40], "message": "m" * 500}
    workflow["status"]["nodes"] = {f"job-{number}": {**node, "id": f"job-{number}"} for number in range(20_000)}
    await fill(archive, workflow)
    body = await archive.read(uid="uid-team-001")
    assert len(body) > 10_000_000
    assert json.loads(body)["status"]["nodes"] == workflow["status"]["nodes"]
    page = await archive.page(ArchiveQuery())
    assert len(page.items[0]) < 2_000


async def test_labels_that_differ_only_in_case_are_no_fault(archive: SqlArchive) -> None:
    await fill(archive, finished(1, app="a", App="b"))
    assert await names(archive, labels="app=a") == ["job-001"]
