"""Nodes of live workflows in SQL: `ports.Offload`.

Source: argo-semantics 25.2.

Differs from Argo: nodes that are written again get a new date, so that the collector does not take away what is in use.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, delete, func, select, tuple_

from tiphys.archive.database import Database
from tiphys.archive.nulls import hide_nulls, show_nulls
from tiphys.archive.upsert import upsert
from tiphys.errors import NotFound
from tiphys.model.compression import offload_version


class SqlOffload:
    """Rows are written once and never changed: the version is a hash of what they hold."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.tables.offload
        self._cluster = database.target.cluster

    async def save(self, uid: str, namespace: str, nodes: bytes) -> str:
        """Keep the JSON of nodes; its version. The same again is no error."""
        version = await asyncio.to_thread(offload_version, nodes)
        text = nodes.decode()
        row = {
            "clustername": self._cluster,
            "uid": uid,
            "version": version,
            "namespace": namespace,
            # the database's own time, also for what was there: it is in use again, and not to be collected as old
            "updatedat": _now(self._database.kind),
            "nodes": hide_nulls(text) if self._database.kind == "postgresql" else text,
        }
        async with self._database.transaction() as connection:
            await connection.execute(upsert(self._database.kind, self._table, row))
        return version

    async def load(self, uid: str, version: str) -> bytes:
        """The JSON of nodes.

        Raises:
            NotFound: There is no such version.
        """
        at = self._table.c
        wanted = select(at.nodes).where(at.clustername == self._cluster, at.uid == uid, at.version == version)
        async with self._database.transaction() as connection:
            found = (await connection.execute(wanted)).scalar_one_or_none()
        if found is None:
            raise NotFound(f"no offloaded nodes of {uid} with version {version}")
        return (show_nulls(found) if self._database.kind == "postgresql" else str(found)).encode()

    async def old(self, before: datetime, *, limit: int = 1000) -> list[tuple[str, str]]:
        """Uid and version of what was written before this time, oldest first."""
        at = self._table.c
        wanted = select(at.uid, at.version).where(at.clustername == self._cluster, at.updatedat < _naive(before))
        async with self._database.transaction() as connection:
            rows = await connection.execute(wanted.order_by(at.updatedat).limit(limit))
            return [(row.uid, row.version) for row in rows]

    async def delete(self, versions: Sequence[tuple[str, str]], *, before: datetime) -> None:
        """Forget these, unless they were saved again since `before`."""
        at = self._table.c
        if not versions:
            return
        async with self._database.transaction() as connection:
            await connection.execute(
                delete(self._table).where(
                    at.clustername == self._cluster, tuple_(at.uid, at.version).in_(list(versions)), at.updatedat < _naive(before)
                )
            )


def _naive(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None)


def _now(kind: str) -> ColumnElement[datetime]:
    # sessions are in UTC, and so is SQLite
    return func.clock_timestamp().op("AT TIME ZONE")("UTC") if kind == "postgresql" else func.current_timestamp()
