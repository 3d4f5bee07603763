"""The schema brought to where this version needs it, by one replica at a time, from nothing or from what Argo made.

Revisions live in `migrations/versions`. Each looks at what is there before it changes anything, so that one which was cut off
goes on, also where the database cannot roll back a change of its schema (MySQL).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from tiphys.archive.database import Database
from tiphys.archive.tables import HISTORY, Tables
from tiphys.errors import Unavailable

VERSION_TABLE = "tiphys_schema_history"
_FOLDER = Path(__file__).with_name("migrations")
_LOCK_NUMBER, _LOCK_NAME = 7_163_112_904, "tiphys-migrations"
_LOCK_SECONDS = 120
_LIMIT_SECONDS = 3600.0


class SchemaState(msgspec.Struct, frozen=True):
    """Where the schema is.

    Attributes:
        argo: Argo's version of it; -1 where Argo's tables are not there.
        revision: Our revision; empty where none of ours ran.
        newest: The revision that this version of Tiphys needs.
    """

    argo: int
    revision: str
    newest: str

    @property
    def is_current(self) -> bool:
        """Whether nothing is to be migrated."""
        return self.revision == self.newest


def _config(connection: Connection | None, tables: Tables | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("version_locations", str(_FOLDER / "versions"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["tables"] = tables
    return config


async def migrate(database: Database) -> SchemaState:
    """Bring the schema to this version; waits for another replica that does so.

    Raises:
        Unavailable: The database does not answer, or the other replica takes too long.
    """
    async with database.transaction(seconds=_LIMIT_SECONDS) as connection:
        await connection.run_sync(_migrate, database.tables)
    return await schema_state(database)


def _migrate(connection: Connection, tables: Tables) -> None:
    with alone(connection):
        command.upgrade(_config(connection, tables), "head")


@contextlib.contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Hold the database's own lock, so that of two replicas one finds the work done."""
    kind = connection.dialect.name
    if kind == "postgresql":
        # given up with the transaction
        connection.execute(text("select pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        yield
    elif kind == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
    else:
        got = connection.execute(text("select get_lock(:name, :seconds)"), {"name": _LOCK_NAME, "seconds": _LOCK_SECONDS})
        if got.scalar() != 1:
            raise Unavailable("another replica is migrating the database")
        try:
            yield
            # the next one looks as soon as the lock is free, and sees only what is committed
            connection.exec_driver_sql("commit")
        finally:
            connection.execute(text("select release_lock(:name)"), {"name": _LOCK_NAME})


async def schema_state(database: Database) -> SchemaState:
    """Where the schema is; nothing is changed."""
    async with database.transaction() as connection:
        return await connection.run_sync(_state, database.tables)


def _state(connection: Connection, tables: Tables) -> SchemaState:
    names = set(inspect(connection).get_table_names())
    history = connection.execute(select(tables.history)).scalars().all() if HISTORY in names else []
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    newest = ScriptDirectory.from_config(_config(None, None)).get_current_head() or ""
    argo = max(history, default=0) if tables.archive.name in names else -1
    return SchemaState(argo=argo, revision=context.get_current_revision() or "", newest=newest)
