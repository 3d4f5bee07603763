"""Limits of semaphores that controllers of several clusters share, as users set them.

Source: argo-semantics 16.2, 16.6.
"""

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tiphys.archive.database import Database
from tiphys.archive.locks import lock_tables
from tiphys.errors import AlreadyExists, Conflict, NotFound
from tiphys.settings.database import Synchronization


class SqlLimits:
    """Rows of the table of limits: the namespace and the key are a row's name.

    Args:
        database: The one of the locks.
        said: How its tables are called.
    """

    def __init__(self, database: Database, said: Synchronization) -> None:
        self._database, self._limits = database, lock_tables(said).limits

    async def read(self, namespace: str, key: str) -> int:
        """A limit.

        Raises:
            NotFound: There is none.
        """
        limit = self._limits.c
        async with self._database.transaction() as connection:
            wanted = select(limit.sizelimit).where(limit.name == _name(namespace, key))
            found = (await connection.execute(wanted)).scalar_one_or_none()
        if found is None:
            raise NotFound(f"there is no limit {key!r} in namespace {namespace!r}")
        return int(found)

    async def create(self, namespace: str, key: str, limit: int) -> None:
        """Set a limit that is not there.

        Raises:
            AlreadyExists: It is.
        """
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(self._limits).values(name=_name(namespace, key), sizelimit=limit))
        except (IntegrityError, Conflict):
            raise AlreadyExists(f"the limit {key!r} is set in namespace {namespace!r}") from None

    async def replace(self, namespace: str, key: str, limit: int) -> None:
        """Change a limit that is there.

        Raises:
            NotFound: There is none.
        """
        await self.read(namespace, key)
        async with self._database.transaction() as connection:
            row = self._limits.c.name == _name(namespace, key)
            await connection.execute(update(self._limits).where(row).values(sizelimit=limit))

    async def delete(self, namespace: str, key: str) -> None:
        """Forget a limit; one that is not there is no error."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(self._limits).where(self._limits.c.name == _name(namespace, key)))


def _name(namespace: str, key: str) -> str:
    return f"{namespace}/{key}"
