"""Which rows a label, a namespace or the beginning of a name means, found the cheap way.

What many have is among the newest rows. Where these do not fill a page, labels and namespaces are walked in the order of lists by
our own table of them (`listing.py` enters what others archive), and names are found by their index. A database's planner takes
labels for independent of each other and of time, and is wrong by orders of magnitude.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from tiphys.archive.selector import begins, conditions, requirements
from tiphys.archive.tables import NAMES, NAMESPACE, Tables
from tiphys.archive.target import Target
from tiphys.model.archived import ArchiveQuery, parse_cursor

_FEW = 4_000
"""Up to so many rows whose names begin alike are looked at one by one."""
_NEWEST, _NEWEST_LABELLED = 5_000, 500
"""So many of the newest rows are looked at one by one; with labels those that others may have archived just now."""


def _demanded(query: ArchiveQuery) -> list[tuple[str, str]]:
    """The labels that must have one value, and the namespace."""
    parts = [part for part in requirements(query.labels) if part.sign in ("=", "in") and len(part.values) == 1]
    wanted = [(part.key, part.values[0]) for part in parts]
    return [*wanted, (NAMESPACE, query.namespace)] if query.namespace else wanted


async def pick(connection: AsyncConnection, tables: Tables, target: Target, query: ArchiveQuery) -> list[str] | None:
    """The uids of the rows of the page, perhaps with others that the query means; None where time is the better way."""
    if not query.name_prefix and not _demanded(query):
        return None
    if query.name_prefix:
        named = await _named(connection, tables, target, query.name_prefix)
        if named is not None:
            return named
    most = _NEWEST if query.name_prefix else _NEWEST_LABELLED
    since = await _newest_since(connection, tables, target.cluster, query, most)
    if since is None:
        return None
    newest = _page(tables, target, query, tables.archive.c.startedat).where(tables.archive.c.startedat >= since)
    uids = list((await connection.execute(newest)).scalars())
    if len(uids) > query.offset + query.limit:
        return uids
    others = beginning(tables, target, query) if query.name_prefix else walking(tables, target, query)
    return [*{*uids, *(await connection.execute(others)).scalars()}]


async def _newest_since(
    connection: AsyncConnection, tables: Tables, cluster: str, query: ArchiveQuery, most: int
) -> datetime | None:  # fmt: skip
    """When the first of the newest rows before the cursor started; None where these are all."""
    at = tables.archive.c
    before = [at.startedat <= _start(query)] if query.cursor else []
    started = select(at.startedat).where(at.clustername == cluster, *before).order_by(at.startedat.desc())
    found: datetime | None = (await connection.execute(started.offset(most).limit(1))).scalar_one_or_none()
    return found


def _start(query: ArchiveQuery) -> datetime:
    return parse_cursor(query.cursor).started_at.replace(tzinfo=None)


def _page(tables: Tables, target: Target, query: ArchiveQuery, order: ColumnElement[Any]) -> Select[Any]:
    at = tables.archive.c
    found = select(at.uid).where(*conditions(query, tables, target)).order_by(order.desc(), at.uid.desc())
    return found.limit(query.offset + query.limit + 1)


def beginning(tables: Tables, target: Target, query: ArchiveQuery) -> Select[Any]:
    """The uids of a page by the index of names, which has all that sorting them needs."""
    started = tables.archive.c.startedat
    # no index is sorted by what is no column: the one of names is all that is left to find rows by
    found = _page(tables, target, query, func.coalesce(started, started))
    return found.with_hint(tables.archive, f"FORCE INDEX ({NAMES})", "mysql")


def walking(tables: Tables, target: Target, query: ArchiveQuery) -> Select[Any]:
    """The uids of a page by the table of labels, which is in the order of lists; several labels are walked side by side.

    A row that was archived anew may have left entries of what it was: only those that are still true count.
    """
    archive, at = tables.archive, tables.archive.c
    walked = [tables.times.alias() for _ in _demanded(query)]
    first = walked[0]
    joined: Any = first
    for other in walked[1:]:
        joined = joined.join(other, (other.c.startedat == first.c.startedat) & (other.c.uid == first.c.uid))
    same = (at.clustername == target.cluster) & (at.uid == first.c.uid) & (at.startedat == first.c.startedat)
    found = select(first.c.uid).select_from(joined.join(archive, same)).where(*conditions(query, tables, target))
    for entry, (name, value) in zip(walked, _demanded(query), strict=True):
        found = found.where(entry.c.clustername == target.cluster, entry.c.name == name, entry.c.value == value)
    if query.cursor:
        start, last = _start(query), parse_cursor(query.cursor).uid
        found = found.where(first.c.startedat <= start, or_(first.c.startedat < start, first.c.uid < last))
    found = found.order_by(first.c.startedat.desc(), first.c.uid.desc()).limit(query.offset + query.limit + 1)
    return found.prefix_with("STRAIGHT_JOIN", dialect="mysql")


async def _named(connection: AsyncConnection, tables: Tables, target: Target, prefix: str) -> list[str] | None:
    at = tables.archive.c
    named = select(at.uid).where(at.clustername == target.cluster, begins(at.name, prefix, target.kind))
    some = named.limit(_FEW + 1).subquery()
    if int((await connection.execute(select(func.count()).select_from(some))).scalar_one()) > _FEW:
        return None
    return list((await connection.execute(named)).scalars())


def among(kind: str, column: ColumnElement[Any], uids: Sequence[str]) -> ColumnElement[bool]:
    """Whether the uid is one of these: one parameter where the database takes lists."""
    if kind != "postgresql":
        return column.in_(uids)
    return column == func.any(cast(bindparam("uids", list(uids), type_=ARRAY(Text)), ARRAY(Text)))
