"""A database for tests of the server."""

import asyncio
from pathlib import Path

import pytest

from tiphys.archive.database import Database
from tiphys.archive.migrate import migrate
from tiphys.archive.target import Target


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database."""
    file = tmp_path_factory.mktemp("database") / "kept.db"

    async def make() -> None:
        database = Database(Target(kind="sqlite", name=str(file)))
        await migrate(database)
        await database.close()

    asyncio.run(make())
    return file
