"""One suite for the ports of the archive, run on real PostgreSQL, real MariaDB and SQLite; nothing is faked.

What the schema looks like and where it came from is tested in tests/integration/archive.
"""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.databases.servers import Server, running

from tiphys.archive.database import Database
from tiphys.archive.migrate import migrate
from tiphys.archive.target import Target

KINDS = ("postgresql", "mysql", "sqlite")


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    with running() as known:
        yield known


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, servers: dict[str, Server], tmp_path) -> AsyncIterator[Database]:  # type: ignore[no-untyped-def]
    kind = request.param
    if kind == "sqlite":
        target = Target(kind="sqlite", name=str(tmp_path / "archive.db"))
    else:
        name = f"t{uuid.uuid4().hex[:12]}"
        servers[kind].make_database(name)
        target = servers[kind].target(name)
    one = Database(target)
    await migrate(one)
    yield one
    await one.close()
