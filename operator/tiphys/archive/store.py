"""The archive in SQL: `ports.Archive` and `ports.Expiry`.

Source: argo-semantics 25.3.

Differs from Argo: a list reads a table of summaries beside Argo's, never the bodies.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tiphys.archive.counting import EARLY, count_early
from tiphys.archive.database import Database
from tiphys.archive.grouping import Group
from tiphys.archive.nulls import hide_nulls, show_nulls, stored
from tiphys.archive.picking import among, pick
from tiphys.archive.save import Written, save_in_one, save_in_steps
from tiphys.archive.selector import conditions
from tiphys.errors import Conflict, InvalidManifest, NotFound, SpecError, Unavailable
from tiphys.model.archived import MAX_PAGE, ArchivedWorkflow, ArchivePage, ArchiveQuery, Position, print_cursor, summary_of_text

_TRIES = 5
_FIRST, _LAST = datetime(1970, 1, 1, 0, 0, 1), datetime(2038, 1, 19, 3, 14, 7)  # noqa: DTZ001 as columns are
_MAX_LABELS = 1000
_PACKET_REST = 4096
"""What a statement is longer than its body by, at most."""


class SqlArchive:
    """Finished workflows in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables = database.tables
        self._cluster = database.target.cluster
        self._has_nulls = database.kind == "postgresql"
        self._group: Group[Written] = Group(partial(save_in_steps, database))
        self._saved = 0

    async def save(self, workflow: ArchivedWorkflow) -> None:
        """Keep it, in one transaction; saving the same uid again replaces it, by however many at once."""
        document = hide_nulls(workflow.document) if self._has_nulls else workflow.document
        summary = stored(workflow.summary, self._database.kind)
        row = {
            "clustername": self._cluster,
            "uid": workflow.uid,
            "instanceid": workflow.instance_id,
            "name": workflow.name,
            "namespace": workflow.namespace,
            "phase": workflow.phase,
            "startedat": self._column(workflow.started_at),
            "finishedat": self._column(workflow.finished_at),
            "creationtimestamp": self._column(workflow.created_at),
            "workflow": document,
        }
        for left in reversed(range(_TRIES)):
            try:
                if self._has_nulls:
                    await save_in_one(self._database, row, workflow, summary)
                else:
                    await self._group.add(workflow.uid, Written(row, workflow.labels, summary))
            except Conflict:
                if not left:
                    raise
            except Unavailable:
                # a server of MySQL's kind ends the connection where others say what is wrong
                await self._check_packet(len(workflow.document.encode()))
                raise
            else:
                break
        self._saved += 1
        if self._has_nulls and self._saved == EARLY:
            await count_early(self._database)

    def _column(self, time: datetime) -> datetime:
        """A time as its column takes it: MySQL's know none before 1970 and after 2038; what is archived says what it was."""
        return min(max(_naive(time), _FIRST), _LAST) if self._database.kind == "mysql" else _naive(time)

    async def _check_packet(self, size: int) -> None:
        """Raise InvalidManifest for a body that the server takes in no packet."""
        if self._database.kind != "mysql":
            return
        async with self._database.transaction() as connection:
            limit = int((await connection.execute(text("select @@max_allowed_packet"))).scalar_one())
        if size + _PACKET_REST > limit:
            raise InvalidManifest(f"{size} bytes are more than the database's max_allowed_packet, {limit}")

    async def read(self, *, uid: str = "", namespace: str = "", name: str = "") -> str:
        """The JSON text of the workflow with this uid, or of the newest with this name.

        Raises:
            NotFound: There is none.
        """
        at = self._tables.archive.c
        query = ArchiveQuery(namespace=namespace, name=name)
        async with self._database.transaction() as connection:
            if uid:
                wanted = [at.clustername == self._cluster, at.uid == uid]
            else:
                wanted = [*self._conditions(query), *await self._named(connection, query)]
            newest = select(at.workflow).where(*wanted).order_by(at.startedat.desc()).limit(1)
            found = (await connection.execute(newest)).scalar_one_or_none()
        if found is None:
            raise NotFound(f"the archive has no workflow {uid or f'{namespace}/{name}'}")
        return self._shown(found)

    async def page(self, query: ArchiveQuery) -> ArchivePage:
        """One page of the list, by summaries alone; a row of Argo's own, which has none, is read for it.

        Raises:
            SpecError: The selector, the cursor or the limit is wrong.
        """
        if not 1 <= query.limit <= MAX_PAGE:
            raise SpecError(f"a page has 1 to {MAX_PAGE} rows, not {query.limit}", path="limit")
        async with self._database.transaction() as connection:
            uids = await pick(connection, self._tables, self._database.target, query)
            named = await self._named(connection, query)
            rows = (await connection.execute(self.page_statement(query, uids).where(*named))).all()
            shown = rows[: query.limit]
            bodies = await self._bodies(connection, [row.uid for row in shown if row.summary is None])
        items = tuple(bodies[row.uid] if row.summary is None else self._shown(row.summary) for row in shown)
        return ArchivePage(items, _cursor(shown[-1]) if len(rows) > query.limit else "")

    def page_statement(self, query: ArchiveQuery, uids: list[str] | None = None) -> Select[Any]:
        """The statement of a page: one row more than it shows, to know whether there are others; of these uids alone if given."""
        archive, summaries = self._tables.archive, self._tables.summaries
        joined = archive.outerjoin(
            summaries, (summaries.c.clustername == archive.c.clustername) & (summaries.c.uid == archive.c.uid)
        )  # fmt: skip
        return (
            select(archive.c.uid, archive.c.startedat, summaries.c.summary)
            .select_from(joined)
            .where(*self._conditions(query), *([] if uids is None else [among(self._database.kind, archive.c.uid, uids)]))
            .order_by(archive.c.startedat.desc(), archive.c.uid.desc())
            .limit(query.limit + 1)
            .offset(query.offset or None)
        )

    async def count(self, query: ArchiveQuery) -> int:
        """How many workflows a query means, whatever its page is."""
        whole = msgspec.structs.replace(query, cursor="")
        async with self._database.transaction() as connection:
            named = await self._named(connection, whole)
            wanted = select(func.count()).select_from(self._tables.archive).where(*self._conditions(whole), *named)
            return int((await connection.execute(wanted)).scalar_one())

    def _conditions(self, query: ArchiveQuery) -> list[Any]:
        return [*conditions(query, self._tables, self._database.target)]

    async def _named(self, connection: AsyncConnection, query: ArchiveQuery) -> list[ColumnElement[bool]]:
        """What lets a name be found by its index, which begins with the controller's instance: all that there are."""
        at = self._tables.archive.c
        if not query.name or self._database.target.instance_id is not None:
            return []
        found: list[str] = []
        while len(found) < _MAX_LABELS:
            after = [at.instanceid > last for last in found[-1:]]
            following = select(at.instanceid).where(at.clustername == self._cluster, *after).order_by(at.instanceid).limit(1)
            instance = (await connection.execute(following)).scalar_one_or_none()
            if instance is None:
                return [at.instanceid.in_(found)]
            found.append(instance)
        return []

    async def _bodies(self, connection: AsyncConnection, uids: Sequence[str]) -> dict[str, str]:
        """Summaries of what has none, one body in memory at a time."""
        at = self._tables.archive.c
        body = select(at.workflow, at.uid, at.name, at.namespace, at.phase).where(at.clustername == self._cluster)
        made: dict[str, str] = {}
        for uid in uids:
            row = (await connection.execute(body.where(at.uid == uid))).one()
            made[uid] = summary_of_text(self._shown(row.workflow), row._asdict())
        return made

    async def delete(self, uid: str) -> bool:
        """Forget it; False when it was not there."""
        archive = self._tables.archive
        async with self._database.transaction() as connection:
            gone = await connection.execute(delete(archive).where(archive.c.clustername == self._cluster, archive.c.uid == uid))
        return bool(gone.rowcount)

    async def labels(self, key: str = "", *, namespace: str = "") -> list[str]:
        """All label keys; with `key`, all its values. Sorted, at most 1,000."""
        async with self._database.transaction() as connection:
            if namespace:
                return list((await connection.execute(self._labels_of(key, namespace))).scalars())
            found: list[str] = []
            # from one to the next over the index: the cost is that of what is found, not of all rows
            while len(found) < _MAX_LABELS and (next_one := await self._next_label(connection, key, found[-1:])) is not None:
                found.append(next_one)
            return found

    def _labels_of(self, key: str, namespace: str) -> Select[Any]:
        label, archive = self._tables.labels.c, self._tables.archive.c
        own = select(archive.uid).where(archive.clustername == self._cluster, archive.namespace == namespace)
        column = label.value if key else label.name
        wanted = select(column).distinct().where(label.clustername == self._cluster, label.uid.in_(own))
        return (wanted.where(label.name == key) if key else wanted).order_by(column).limit(_MAX_LABELS)

    async def _next_label(self, connection: AsyncConnection, key: str, after: Sequence[str]) -> str | None:
        label = self._tables.labels.c
        column = label.value if key else label.name
        wanted = select(column).where(label.clustername == self._cluster).order_by(column).limit(1)
        if key:
            wanted = wanted.where(label.name == key)
        for last in after:
            wanted = wanted.where(column > last)
        found: str | None = (await connection.execute(wanted)).scalar_one_or_none()
        return found

    async def purge(self, finished_before: datetime, *, limit: int = 500) -> int:
        """Forget at most `limit` workflows that finished before; how many."""
        archive = self._tables.archive
        old = [archive.c.clustername == self._cluster, archive.c.finishedat < _naive(finished_before)]
        if self._database.target.instance_id is not None:
            old.append(archive.c.instanceid == self._database.target.instance_id)
        async with self._database.transaction() as connection:
            uids = list((await connection.execute(select(archive.c.uid).where(*old).limit(limit))).scalars())
            if uids:
                await connection.execute(delete(archive).where(archive.c.clustername == self._cluster, archive.c.uid.in_(uids)))
        return len(uids)

    def _shown(self, body: str) -> str:
        return show_nulls(body) if self._has_nulls else body


def _naive(time: datetime) -> datetime:
    """In UTC without saying so, as the columns are."""
    return time.astimezone(UTC).replace(tzinfo=None)


def _cursor(row: Row[Any]) -> str:
    return print_cursor(Position(row.startedat.replace(tzinfo=UTC), row.uid))
