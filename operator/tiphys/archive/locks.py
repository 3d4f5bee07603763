"""Semaphores and mutexes that controllers of several clusters share, in Argo's tables: `ports.Locks`.

All rows of a request are taken in one serializable transaction, or none; who waits stands in line in the table itself. A
controller that is silent for too long loses its place in the lines, not what it holds.

Source: argo-semantics 16.2, 16.6.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import (
    TIMESTAMP,
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from tiphys.archive.database import Database
from tiphys.archive.migrate import alone
from tiphys.archive.upsert import upsert
from tiphys.errors import Conflict, SpecError, TiphysError
from tiphys.ports import BlockedRow
from tiphys.settings.database import Synchronization

log = logging.getLogger(__name__)
_TRIES = 5
_SEMAPHORE = "sem/"
SYNC_SCHEMA_VERSION = 6


@dataclass(frozen=True)
class LockTables:
    """Argo's tables of locks, by the names that the configuration gives them."""

    metadata: MetaData
    limits: Table
    states: Table
    controllers: Table
    locks: Table
    history: Table


def lock_tables(said: Synchronization) -> LockTables:
    """The tables."""
    metadata = MetaData()
    name, controller = String(256), String(64)
    return LockTables(
        metadata,
        Table(
            said.limit_table_name, metadata, Column("name", name, primary_key=True), Column("sizelimit", Integer, nullable=False)
        ),
        Table(
            said.state_table_name, metadata, Column("name", name, nullable=False), Column("workflowkey", name, nullable=False),
            Column("controller", controller, nullable=False), Column("held", Boolean, nullable=False),
            Column("priority", Integer, nullable=False), Column("time", TIMESTAMP, nullable=False),
            PrimaryKeyConstraint("name", "workflowkey", "controller"),
        ),
        Table(said.controller_table_name, metadata, Column("controller", controller, primary_key=True), _time()),
        Table(
            said.lock_table_name, metadata, Column("name", name, primary_key=True),
            Column("controller", controller, nullable=False), _time(),
        ),
        Table("sync_schema_history", metadata, Column("schema_version", Integer, nullable=False)),
    )  # fmt: skip


def _time() -> Column[Any]:
    return Column("time", TIMESTAMP, nullable=False, server_default=func.current_timestamp())


class _Place(msgspec.Struct, frozen=True):
    """One row of the table of states."""

    holder: str
    controller: str
    held: bool
    priority: int
    time: datetime

    @property
    def workflow(self) -> str:
        """`namespace/name` of the workflow that holds or waits."""
        return "/".join(self.holder.split("/")[:2])


class SqlLocks:
    """Locks of one database.

    Args:
        database: Where they are.
        said: The configuration; `controller_name` tells controllers apart.
    """

    def __init__(self, database: Database, said: Synchronization) -> None:
        self._database, self._said, self._tables = database, said, lock_tables(said)

    @property
    def poll_seconds(self) -> float:
        """How long to wait before asking again."""
        return float(self._said.poll_seconds)

    async def migrate(self) -> None:
        """Make the tables that are missing."""

        def work(connection: Connection) -> None:
            with alone(connection):
                has_history = inspect(connection).has_table(self._tables.history.name)
                self._tables.metadata.create_all(connection)
                if not has_history:
                    connection.execute(insert(self._tables.history).values(schema_version=SYNC_SCHEMA_VERSION))

        async with self._database.transaction(seconds=300) as connection:
            await connection.run_sync(work)

    async def run(self) -> None:
        """Tell the others that this controller lives, until cancelled."""
        while True:
            try:
                await self.beat()
            except TiphysError as e:
                log.warning("the other controllers cannot be told that this one lives: %s", e.message)
            await asyncio.sleep(self._said.heartbeat_seconds)

    async def beat(self) -> None:
        """Tell the others once."""
        row = {"controller": self._said.controller_name, "time": _now()}
        async with self._database.transaction() as connection:
            await connection.execute(upsert(self._database.kind, self._tables.controllers, row))

    async def acquire(self, rows: Sequence[str], holder: str, *, priority: int, created: datetime) -> BlockedRow | None:
        """Take all of the rows or none; None when they are held now. The holder stays in line; asking while holding is fine.

        Raises:
            SpecError: A semaphore has no limit, or none above zero.
            Conflict: Others were in the way five times.
        """
        for left in reversed(range(_TRIES)):
            try:
                return await self._acquire(sorted(set(rows)), holder, priority, created)
            except Conflict:
                if not left:
                    raise
                await asyncio.sleep(0.05 * (_TRIES - left))
        raise AssertionError

    async def _acquire(self, rows: Sequence[str], holder: str, priority: int, created: datetime) -> BlockedRow | None:
        async with self._database.transaction(isolation="SERIALIZABLE") as connection:
            limits = {row: await self._limit(connection, row) for row in rows}
            for row in rows:
                await self._line_up(connection, row, holder, priority, created)
            active = await self._active(connection)
            for row in rows:
                blocked = self._blocked(row, limits[row], await self._places(connection, row), holder, active)
                if blocked is not None:
                    return blocked
            state = self._tables.states
            mine = (state.c.name.in_(rows), state.c.workflowkey == holder, state.c.controller == self._said.controller_name)
            await connection.execute(update(state).where(*mine).values(held=True))
            return None

    async def _limit(self, connection: AsyncConnection, row: str) -> int:
        if not row.startswith(_SEMAPHORE):
            return 1
        limit, key = self._tables.limits.c, row.removeprefix(_SEMAPHORE)
        found = (await connection.execute(select(limit.sizelimit).where(limit.name == key))).scalar_one_or_none()
        if found is None:
            hint = f"table {self._said.limit_table_name} has no row {key!r}"
            raise SpecError(f"Failed to get semaphore limit for {key}", hint=hint)
        if found <= 0:
            raise SpecError(f"failed to initialize semaphore {key} with limit {found}")
        return int(found)

    async def _line_up(self, connection: AsyncConnection, row: str, holder: str, priority: int, created: datetime) -> None:
        place = {
            "name": row,
            "workflowkey": holder,
            "controller": self._said.controller_name,
            "held": False,
            "priority": priority,
            "time": created.astimezone(UTC).replace(tzinfo=None),
        }
        await connection.execute(upsert(self._database.kind, self._tables.states, place, keep=True))

    async def _active(self, connection: AsyncConnection) -> set[str]:
        known = self._tables.controllers.c
        since = _now() - timedelta(seconds=self._said.inactive_controller_seconds)
        found = (await connection.execute(select(known.controller).where(known.time > since))).scalars()
        return {*found, self._said.controller_name}

    async def _places(self, connection: AsyncConnection, row: str) -> list[_Place]:
        state = self._tables.states.c
        columns = (state.workflowkey, state.controller, state.held, state.priority, state.time)
        return [_Place(*found) for found in await connection.execute(select(*columns).where(state.name == row))]

    def _blocked(self, row: str, limit: int, places: Sequence[_Place], holder: str, active: set[str]) -> BlockedRow | None:
        """Why the holder may not have the row, if so."""
        mine = next(place for place in places if place.holder == holder and place.controller == self._said.controller_name)
        if mine.held:
            return None
        holders = tuple(sorted(place.holder for place in places if place.held))
        waiting = [place for place in places if not place.held and place.controller in active]
        front = min(waiting, key=lambda place: (-place.priority, place.time, place.holder))
        is_next = (front.workflow, front.controller) == (mine.workflow, mine.controller)
        return None if len(holders) < limit and is_next else BlockedRow(row, holders, limit)

    async def release(self, rows: Sequence[str], holder: str) -> None:
        """Give the rows back, and leave their lines."""
        state = self._tables.states
        mine = (state.c.name.in_(rows), state.c.workflowkey == holder, state.c.controller == self._said.controller_name)
        async with self._database.transaction() as connection:
            await connection.execute(delete(state).where(*mine))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)  # noqa: TID251 the time of the heartbeat is that of the machine, as Argo's is
