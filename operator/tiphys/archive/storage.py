"""Everything that one configured database gives, opened together and closed together."""

from typing import NamedTuple

from tiphys.archive.database import Database
from tiphys.archive.listing import enter_all
from tiphys.archive.migrate import migrate
from tiphys.archive.offload import SqlOffload
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target


class Storage(NamedTuple):
    """One database and what is kept in it."""

    database: Database
    archive: SqlArchive
    offload: SqlOffload

    async def migrate(self) -> None:
        """Bring the schema forward."""
        await migrate(self.database)

    async def enter_all(self) -> None:
        """Make lists fast for what others archive, until cancelled."""
        await enter_all(self.database)

    async def close(self) -> None:
        """Close all connections."""
        await self.database.close()


def open_storage(target: Target) -> Storage:
    """What a database gives; nothing connects before it is used."""
    database = Database(target)
    return Storage(database, SqlArchive(database), SqlOffload(database))
