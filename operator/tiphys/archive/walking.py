"""Pages by our own table of labels, which is in the order of lists: the entries of several labels are walked side by side.

Only where all of them have entries: what is newer than the newest of one of them, or older than its oldest, is not looked at. So
a label that only old rows have costs no more beside a namespace that has a hundred thousand newer ones.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tiphys.archive.selector import conditions, requirements
from tiphys.archive.tables import NAMESPACE, Tables
from tiphys.archive.target import Target
from tiphys.model.archived import ArchiveQuery, parse_cursor

_MANY = (1_000, 20_000)
"""The label that has no more entries than this is walked first."""
Label = tuple[str, str]
Stretch = tuple[datetime, datetime]


def demanded(query: ArchiveQuery) -> list[Label]:
    """The labels that must have one value, and the namespace."""
    parts = [part for part in requirements(query.labels) if part.sign in ("=", "in") and len(part.values) == 1]
    wanted = [(part.key, part.values[0]) for part in parts]
    return [*wanted, (NAMESPACE, query.namespace)] if query.namespace else wanted


async def walk(connection: AsyncConnection, tables: Tables, target: Target, query: ArchiveQuery) -> list[str]:
    """The uids of a page."""
    labels = demanded(query)
    stretch = await stretch_of(connection, tables, target, query)
    if stretch is None:
        return []
    if len(labels) > 1 and target.kind != "postgresql":
        # the first is walked, and the others are looked up for each of its entries; PostgreSQL chooses, and may merge them
        rare = await _rarest(connection, tables, target, labels, stretch)
        labels = [rare, *(label for label in labels if label != rare)]
    return list((await connection.execute(walking(tables, target, query, labels, stretch))).scalars())


async def stretch_of(connection: AsyncConnection, tables: Tables, target: Target, query: ArchiveQuery) -> Stretch | None:
    """The oldest and the newest start that rows with all labels can have; None where there is none."""
    _, *edges = (await connection.execute(_edges(tables, target, demanded(query)))).one()
    if None in edges:
        return None
    oldest, newest = max(edges[::2]), min(edges[1::2])
    if query.started_after is not None:
        oldest = max(oldest, query.started_after.replace(tzinfo=None))
    if query.cursor:
        newest = min(newest, parse_cursor(query.cursor).started_at.replace(tzinfo=None))
    return (oldest, newest) if oldest <= newest else None


def _edges(tables: Tables, target: Target, labels: list[Label]) -> Select[Any]:
    # what is planned for any stretch takes it for a short one, and looks up each pair of entries
    planned = func.set_config("plan_cache_mode", "force_custom_plan", True)  # until the transaction ends
    found: list[ColumnElement[Any]] = [planned if target.kind == "postgresql" else literal("")]
    for label in labels:
        entry = tables.times.alias()
        started = select(entry.c.startedat).where(*_is(entry, target, label)).limit(1)
        # from either end of the index: an aggregate would be one, too, but not in every plan
        found += [started.order_by(order).scalar_subquery() for order in (entry.c.startedat.asc(), entry.c.startedat.desc())]
    return select(*found)


async def _rarest(connection: AsyncConnection, tables: Tables, target: Target, labels: list[Label], stretch: Stretch) -> Label:
    """The label that has the fewest entries, or one of those that have so many that it does not matter."""
    for many in _MANY:
        last = []
        for label in labels:
            entry = tables.times.alias()
            last.append(select(literal(1)).where(*_is(entry, target, label, stretch)).offset(many).limit(1).scalar_subquery())
        found = (await connection.execute(select(*last))).one()
        if None in found:
            return labels[list(found).index(None)]
    return labels[0]


def _is(entry: FromClause, target: Target, label: Label, stretch: Stretch | None = None) -> list[ColumnElement[bool]]:
    at = entry.c
    said = [at.clustername == target.cluster, at.name == label[0], at.value == label[1]]
    return said if stretch is None else [*said, at.startedat >= stretch[0], at.startedat <= stretch[1]]


def walking(tables: Tables, target: Target, query: ArchiveQuery, labels: list[Label], stretch: Stretch) -> Select[Any]:
    """The statement of a page's uids.

    A row that was archived anew may have left entries of what it was: only those that are still true count.
    """
    walked = [tables.times.alias() for _ in labels]
    first, joined = walked[0], walked[0]
    for other in walked[1:]:
        joined = joined.join(other, and_(other.c.startedat == first.c.startedat, other.c.uid == first.c.uid))  # type: ignore[assignment]
    wanted = [one for entry, label in zip(walked, labels, strict=True) for one in _is(entry, target, label, stretch)]
    if query.cursor:
        last = parse_cursor(query.cursor)
        wanted.append(or_(first.c.startedat < last.started_at.replace(tzinfo=None), first.c.uid < last.uid))
    order = (first.c.startedat.desc(), first.c.uid.desc())
    if target.kind != "postgresql":
        found = select(first.c.uid).select_from(_with_rows(tables, target, joined, first)).where(*wanted)
        found = found.where(*conditions(query, tables, target)).order_by(*order)
        return found.limit(query.offset + query.limit + 1).prefix_with("STRAIGHT_JOIN", dialect="mysql")
    # an offset keeps PostgreSQL, which takes labels for independent of each other, from looking into rows before it merges them
    merged = select(first.c.startedat, first.c.uid).select_from(joined).where(*wanted).order_by(*order).offset(0).subquery()
    rows = select(merged.c.uid).select_from(_with_rows(tables, target, merged, merged)).where(*conditions(query, tables, target))
    return rows.order_by(merged.c.startedat.desc(), merged.c.uid.desc()).limit(query.offset + query.limit + 1)


def _with_rows(tables: Tables, target: Target, walked: FromClause, first: FromClause) -> FromClause:
    at = tables.archive.c
    same = and_(at.clustername == target.cluster, at.uid == first.c.uid, at.startedat == first.c.startedat)
    return walked.join(tables.archive, same)
