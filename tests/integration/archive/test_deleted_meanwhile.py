"""Workflows that somebody deletes while the database is away: in bounded memory, archived as they last were once it is back."""

import asyncio
import contextlib
import json
import pathlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.integration.archive.conftest import NAMESPACE, eventually

from tiphys.archive.database import Database
from tiphys.archive.migrate import migrate
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.controller import last_states
from tiphys.controller.archiving import Archiver
from tiphys.controller.keeping import keep
from tiphys.controller.last_states import LastStates
from tiphys.controller.packing import PackingRules
from tiphys.model.archived import ArchiveQuery
from tiphys.telemetry.archive import ArchiveMetrics
from tiphys.testing.apiserver import APIServer

STATUS = "workflows.argoproj.io/workflow-archiving-status"
MANY = 500


def finished(number: int) -> dict[str, Any]:
    """A hundred steps, 30 kB of JSON; as the API server told of it last."""
    node = {"type": "Pod", "phase": "Succeeded", "templateName": "work", "startedAt": "2026-03-01T12:00:00Z", "finishedAt": "2026-03-01T12:00:09Z",
            "progress": "1/1", "resourcesDuration": {"cpu": 1, "memory": 2}, "hostNodeName": "node-1"}  # fmt: skip
    nodes = {f"{number}-{n * 7919}": {**node, "id": f"{number}-{n * 7919}", "name": f"job-{number}.work({n})", "outputs": {"result": str((number * 100 + n) * 2654435761 % 2**32)}}
             for n in range(100)}  # fmt: skip
    return {
        "metadata": {"name": f"job-{number}", "namespace": NAMESPACE, "uid": f"u-{number}", "creationTimestamp": "2026-03-01T12:00:00Z", "labels": {STATUS: "Pending"}},
        "spec": {"entrypoint": "work"},
        "status": {"phase": "Succeeded", "startedAt": "2026-03-01T12:00:00Z", "finishedAt": "2026-03-01T12:00:09Z", "nodes": nodes},
    }  # fmt: skip


@pytest.fixture
async def archive(tmp_path: pathlib.Path) -> AsyncIterator[SqlArchive]:
    database = Database(Target(kind="sqlite", name=str(tmp_path / "archive.db")))
    await migrate(database)
    yield SqlArchive(database)
    await database.close()


Make = Callable[[], Archiver]


@pytest.fixture
async def make(archive: SqlArchive, registry: CollectorRegistry, tmp_path: pathlib.Path) -> AsyncIterator[Make]:
    """Archivers with one folder, as lives of one controller have it."""
    metrics = ArchiveMetrics(registry)
    async with APIServer() as server, Api(Access(server=server.address, namespace=NAMESPACE)) as api:

        def made() -> Archiver:
            kept = keep(api, metrics, PackingRules(), archive=archive, last=LastStates(tmp_path / "state" / "deleted")).archiver
            assert kept is not None
            return kept

        yield made


@pytest.fixture
async def archiver(archive: SqlArchive, registry: CollectorRegistry) -> AsyncIterator[Archiver]:
    async with APIServer() as server, Api(Access(server=server.address, namespace=NAMESPACE)) as api:
        kept = keep(api, ArchiveMetrics(registry), PackingRules(), archive=archive).archiver
        assert kept is not None
        yield kept


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@contextlib.asynccontextmanager
async def working(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def drain(archiver: Archiver) -> None:
    async with working(archiver.run()):
        await eventually(lambda: archiver.backlog == 0)


async def names(archive: SqlArchive) -> list[str]:
    page = await archive.page(ArchiveQuery(limit=500))
    return sorted(json.loads(item)["metadata"]["name"] for item in page.items)


def files(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    return sorted((tmp_path / "state" / "deleted").iterdir())


async def test_hundreds_that_are_deleted_are_kept_in_an_eighth_of_their_room(archiver: Archiver, archive: SqlArchive) -> None:
    size = 0
    for number in range(MANY):
        raw = finished(number)
        size += len(json.dumps(raw, separators=(",", ":")))
        archiver.deleted(raw)
    assert archiver.backlog == MANY
    assert archiver.kept_bytes < size / 8
    await drain(archiver)
    assert archiver.kept_bytes == 0
    for number in (0, 1, MANY - 1):
        copy = json.loads(await archive.read(uid=f"u-{number}"))
        assert copy["status"] == finished(number)["status"]


async def test_what_there_is_no_room_for_is_counted_and_keeps_no_other_waiting(
    archiver: Archiver, archive: SqlArchive, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    archiver.deleted(finished(1))
    monkeypatch.setattr(last_states, "_MEMORY_BYTES", archiver.kept_bytes)
    archiver.deleted(finished(2))
    await drain(archiver)
    assert [json.loads(item)["metadata"]["name"] for item in (await archive.page(ArchiveQuery())).items] == ["job-1"]
    assert registry.get_sample_value("tiphys_archive_failures_total", {"code": "deleted"}) == 1
    assert archiver.kept_bytes == 0
    archiver.deleted(finished(3))
    await drain(archiver)
    assert len((await archive.page(ArchiveQuery())).items) == 2


async def test_what_the_memory_has_no_room_for_goes_to_the_disk_and_is_archived_by_the_next_life(
    make: Make, archive: SqlArchive, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, most = make(), 40
    first.deleted(finished(0))
    # room for four at a time
    monkeypatch.setattr(last_states, "_MEMORY_BYTES", first.kept_bytes * 4)
    async with working(first.keep_deleted()):
        for number in range(1, most):
            first.deleted(finished(number))
            await eventually(lambda: first.kept_bytes == 0)
    assert len(files(tmp_path)) == most
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files(tmp_path))
    second = make()
    async with working(second.keep_deleted(), second.run()):
        await eventually(lambda: second.backlog == 0 and not files(tmp_path))
    assert await names(archive) == sorted(f"job-{number}" for number in range(most))
    assert json.loads(await archive.read(uid="u-7"))["status"] == finished(7)["status"]


async def test_what_is_still_in_memory_is_written_when_the_process_is_asked_to_end(make: Make, archive: SqlArchive, tmp_path: pathlib.Path) -> None:
    first = make()
    async with working(first.keep_deleted()):
        await eventually((tmp_path / "state" / "deleted").is_dir)
        first.deleted(finished(1))
    assert len(files(tmp_path)) == 1
    second = make()
    async with working(second.keep_deleted()):
        await eventually(lambda: second.backlog == 1)
        await drain(second)
    assert await names(archive) == ["job-1"]


async def test_the_disk_has_a_limit_and_what_is_beyond_it_stays_in_memory(
    make: Make, archive: SqlArchive, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make()
    first.deleted(finished(1))
    monkeypatch.setattr(last_states, "_DISK_BYTES", first.kept_bytes * 3 // 2)
    async with working(first.keep_deleted()):
        await eventually(lambda: first.kept_bytes == 0)
        first.deleted(finished(2))
        await drain(first)
        await eventually(lambda: not files(tmp_path))
    assert await names(archive) == ["job-1", "job-2"]


async def test_damaged_files_keep_no_other_waiting(make: Make, archive: SqlArchive, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    first = make()
    async with working(first.keep_deleted()):
        for number in range(3):
            first.deleted(finished(number))
        await eventually(lambda: first.kept_bytes == 0 and len(files(tmp_path)) == 3)
    damaged, cut, _ = files(tmp_path)
    damaged.write_bytes(b"\xff\x00" + damaged.read_bytes())
    lost = json.loads(cut.read_bytes().partition(b"\n")[0])["name"]
    cut.write_bytes(cut.read_bytes()[:-2000])
    (damaged.parent / "half.part").write_bytes(b"{")
    second = make()
    async with working(second.keep_deleted()):
        await eventually(lambda: second.backlog == 2)
        await drain(second)
        # what nobody can read stays for somebody to look at
        await eventually(lambda: files(tmp_path) == [damaged])
    assert len(await names(archive)) == 1
    assert f"{NAMESPACE}/{lost} was deleted and can never be archived" in caplog.text
    assert "is no workflow that was kept" in caplog.text
