"""Workflows that somebody deletes while the database is away: in bounded memory, archived as they last were once it is back."""

import asyncio
import json
import pathlib
from collections.abc import AsyncIterator
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
from tiphys.controller import archiving
from tiphys.controller.archiving import Archiver
from tiphys.controller.keeping import keep
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


@pytest.fixture
async def archiver(archive: SqlArchive, registry: CollectorRegistry) -> AsyncIterator[Archiver]:
    async with APIServer() as server, Api(Access(server=server.address, namespace=NAMESPACE)) as api:
        kept = keep(api, ArchiveMetrics(registry), PackingRules(), archive=archive).archiver
        assert kept is not None
        yield kept


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


async def drain(archiver: Archiver) -> None:
    task = asyncio.create_task(archiver.run())
    try:
        await eventually(lambda: archiver.backlog == 0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
    monkeypatch.setattr(archiving, "_LAST_BYTES", archiver.kept_bytes)
    archiver.deleted(finished(2))
    await drain(archiver)
    assert [json.loads(item)["metadata"]["name"] for item in (await archive.page(ArchiveQuery())).items] == ["job-1"]
    assert registry.get_sample_value("tiphys_archive_failures_total", {"code": "deleted"}) == 1
    assert archiver.kept_bytes == 0
    archiver.deleted(finished(3))
    await drain(archiver)
    assert len((await archive.page(ArchiveQuery())).items) == 2
