"""What others archived is entered into our table of labels by time, by the database alone: no body is read, nothing is sent."""

import asyncio
import itertools
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Insert, Select, exists, func, literal, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from tiphys.archive.database import Database
from tiphys.archive.tables import NAMESPACE, Tables
from tiphys.errors import TiphysError

log = logging.getLogger(__name__)
_BATCH, _NEWEST = 500, 5_000
_PAUSE_S, _PERIOD_S, _TURNS = 0.2, 60.0, 60
_COLUMNS = ("clustername", "name", "value", "startedat", "uid")


def fill(tables: Tables, kind: str, uids: Sequence[str] | None = None) -> Iterator[Insert]:
    """The statements that enter all rows of the archive, or these; namespaces last, so that a row that has one has all."""
    archive, label = tables.archive.c, tables.labels.c
    same = (label.clustername == archive.clustername) & (label.uid == archive.uid)
    joined = tables.labels.join(tables.archive, same)
    labels = select(label.clustername, label.name, label.value, archive.startedat, label.uid).select_from(joined)
    namespaces = select(archive.clustername, literal(NAMESPACE), archive.namespace, archive.startedat, archive.uid)
    for found in (labels, namespaces):
        yield _insert(tables, kind, found if uids is None else found.where(archive.uid.in_(uids)))


def _insert(tables: Tables, kind: str, found: Select[Any]) -> Insert:
    if kind == "mysql":
        # a key set to itself changes nothing
        return mysql.insert(tables.times).from_select(_COLUMNS, found).prefix_with("IGNORE")
    if kind == "postgresql":
        return postgresql.insert(tables.times).from_select(_COLUMNS, found).on_conflict_do_nothing()
    # "on conflict" behind a select needs a condition, lest it be read as that of a join
    return sqlite.insert(tables.times).from_select(_COLUMNS, found).prefix_with("OR IGNORE")


async def enter(database: Database, *, newest: int = 0, limit: int = _BATCH) -> int:
    """Enter at most `limit` rows that are not in the table, of so many of the newest or of all; how many these were."""
    tables, cluster = database.tables, database.target.cluster
    archive, known = tables.archive.c, tables.times.c
    entered = exists(
        select(known.uid).where(
            known.clustername == archive.clustername, known.name == NAMESPACE, known.value == archive.namespace,
            known.startedat == archive.startedat, known.uid == archive.uid,
        )
    )  # fmt: skip
    missing = select(archive.uid).where(archive.clustername == cluster, ~entered).limit(limit)
    if newest:
        ours = select(archive.startedat).where(archive.clustername == cluster)
        since = ours.order_by(archive.startedat.desc()).offset(newest).limit(1).scalar_subquery()
        missing = missing.where(archive.startedat >= func.coalesce(since, select(func.min(archive.startedat)).scalar_subquery()))
    async with database.transaction() as connection:
        uids = list((await connection.execute(missing)).scalars())
        if uids:
            for statement in fill(tables, database.kind, uids):
                await connection.execute(statement)
    return len(uids)


async def enter_all(database: Database) -> None:
    """Enter what others archive, until cancelled: of the newest once a minute, of all once an hour, in small batches."""
    for turn in itertools.count():
        newest, entered = _NEWEST if turn % _TURNS else 0, _BATCH
        while entered == _BATCH:
            try:
                entered = await enter(database, newest=newest)
            except TiphysError as e:
                log.info("what others archived is not entered yet: %s", e.message)
                break
            await asyncio.sleep(_PAUSE_S)
        await asyncio.sleep(_PERIOD_S)
