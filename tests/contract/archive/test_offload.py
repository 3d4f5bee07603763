"""What every store of offloaded nodes does."""

from datetime import UTC, datetime, timedelta

import pytest

from tiphys.archive.database import Database
from tiphys.archive.offload import SqlOffload
from tiphys.errors import NotFound

NODES = b'{"n":{"id":"n","message":"a\\u0000b"}}'


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 the database writes its own time beside it


@pytest.fixture
async def offload(database: Database) -> SqlOffload:
    return SqlOffload(database)


async def test_nodes_are_loaded_by_the_version_that_saving_gave(offload: SqlOffload) -> None:
    version = await offload.save("uid", "team", NODES)
    assert version.startswith("fnv:")
    assert await offload.load("uid", version) == NODES


async def test_the_empty_map_has_the_version_that_argo_gives_it(offload: SqlOffload) -> None:
    assert await offload.save("uid", "team", b"{}") == "fnv:1450640401"


async def test_the_same_again_is_no_error_and_changes_nothing(offload: SqlOffload) -> None:
    assert await offload.save("uid", "team", NODES) == await offload.save("uid", "team", NODES)
    assert len(await offload.old(now() + timedelta(days=1))) == 1


async def test_another_version_or_workflow_is_not_found(offload: SqlOffload) -> None:
    version = await offload.save("uid", "team", NODES)
    for uid, asked in (("uid", "fnv:1"), ("other", version)):
        with pytest.raises(NotFound):
            await offload.load(uid, asked)


async def test_the_old_are_told_oldest_first_and_forgotten(offload: SqlOffload) -> None:
    first = await offload.save("uid", "team", b'{"a":1}')
    second = await offload.save("uid", "team", b'{"a":2}')
    later = now() + timedelta(minutes=1)
    assert set(await offload.old(later)) == {("uid", first), ("uid", second)}
    assert await offload.old(now() - timedelta(minutes=5)) == []
    await offload.delete([("uid", first)], before=now() - timedelta(minutes=5))
    assert len(await offload.old(later)) == 2
    await offload.delete([("uid", first)], before=later)
    assert await offload.old(later) == [("uid", second)]
    await offload.delete([], before=later)
