"""Locks that controllers share through a database, as the configuration's `synchronization` says.

Source: argo-semantics 16.6.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tiphys.archive.open import SecretReader, database_target
from tiphys.controller.backoff import Backoff
from tiphys.errors import TiphysError
from tiphys.settings.database import Synchronization

if TYPE_CHECKING:
    from tiphys.archive.database import Database
    from tiphys.archive.locks import SqlLocks

log = logging.getLogger(__name__)
_NAME = "workflow-controller"


class SharedLocks:
    """The database of locks at work.

    Attributes:
        locks: None where none is configured.
    """

    def __init__(self, said: Synchronization | None, secrets: SecretReader, *, instance_id: str = "") -> None:
        self.locks: SqlLocks | None = None
        self._database: Database | None = None
        self._is_migrated = said is None or said.skip_migration
        target = None if said is None else database_target(said, secrets, "synchronization")
        if said is None or target is None:
            return
        # only who wants a database pays for one
        from tiphys.archive import database, locks

        self._database = database.Database(target)
        named = replace(said, controller_name=said.controller_name or instance_id or _NAME)
        self.locks = locks.SqlLocks(self._database, named)

    async def run(self) -> None:
        """Make the tables and tell the other controllers that this one lives, until cancelled."""
        locks, database = self.locks, self._database
        if locks is None or database is None:
            await asyncio.Event().wait()
            return
        backoff = Backoff(first=0.5, longest=15.0)
        try:
            while not self._is_migrated:
                try:
                    await locks.migrate()
                    self._is_migrated = True
                except TiphysError as e:
                    log.warning("the locks of %s are not ready: %s", database.target.label, e.message)
                    await backoff.wait(e)
            log.info("locks are shared through %s", database.target.label)
            await locks.run()
        finally:
            await database.close()
