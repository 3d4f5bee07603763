"""Which rows a label or the beginning of a name means, found the cheap way: by their index where few have it, else by time.

What many have is looked for among the newest rows first, and by its index only where these do not fill a page.
A database's own planner takes labels for independent of each other and of time, and is wrong by orders of magnitude.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from tiphys.archive.selector import begins, conditions, requirements
from tiphys.archive.tables import NAMES, Tables
from tiphys.archive.target import Target
from tiphys.expr.selector import Requirement
from tiphys.model.archived import ArchiveQuery, parse_cursor

_FEW, _FEW_OF_SEVERAL = 4_000, 20_000
"""Up to so many rows with a label are looked at one by one; by time, a page of 20 looks at 20 / share of them."""
_NEWEST = 5_000


def _wanted(selector: str) -> list[Requirement]:
    """The parts of a selector that demand one value of a label."""
    return [part for part in requirements(selector) if part.sign in ("=", "in") and len(part.values) == 1]


async def pick(connection: AsyncConnection, tables: Tables, target: Target, query: ArchiveQuery) -> list[str] | None:
    """The uids of the rows of the page, or of all with the labels or the name demanded; None where time is the better way."""
    if not query.name_prefix and not _wanted(query.labels):
        return None
    uids = await pick_few(connection, tables, target.cluster, query)
    if uids is not None:
        return uids
    since = await _newest_since(connection, tables, target.cluster, query)
    if since is None:
        return None
    newest = _page(tables, target, query, tables.archive.c.startedat).where(tables.archive.c.startedat >= since)
    uids = list((await connection.execute(newest)).scalars())
    if len(uids) > query.offset + query.limit:
        return uids
    return await _pick_many(connection, tables, target, query)


async def pick_few(connection: AsyncConnection, tables: Tables, cluster: str, query: ArchiveQuery) -> list[str] | None:
    """The uids of all rows with the labels or the name demanded; None where these are many, or nothing is demanded."""
    if query.name_prefix:
        named = await _named(connection, tables, cluster, query.name_prefix)
        if named is not None:
            return named
    wanted = _wanted(query.labels)
    if not wanted:
        return None
    limit = _FEW if len(wanted) == 1 else _FEW_OF_SEVERAL
    counts = [await _count(connection, having(tables, cluster, [one]), limit) for one in wanted]
    if min(counts) > limit:
        return None
    return list((await connection.execute(having(tables, cluster, wanted))).scalars())


async def _newest_since(connection: AsyncConnection, tables: Tables, cluster: str, query: ArchiveQuery) -> datetime | None:
    """When the first of the newest rows before the cursor started; None where these are all."""
    at = tables.archive.c
    before = [at.startedat <= parse_cursor(query.cursor).started_at.replace(tzinfo=None)] if query.cursor else []
    started = select(at.startedat).where(at.clustername == cluster, *before).order_by(at.startedat.desc())
    found: datetime | None = (await connection.execute(started.offset(_NEWEST).limit(1))).scalar_one_or_none()
    return found


async def _pick_many(connection: AsyncConnection, tables: Tables, target: Target, query: ArchiveQuery) -> list[str] | None:
    """By an index of names or labels; None where labels are of too many rows."""
    if query.name_prefix:
        return list((await connection.execute(beginning(tables, target, query))).scalars())
    some = having(tables, target.cluster, _wanted(query.labels)).limit(_FEW_OF_SEVERAL + 1)
    found = list((await connection.execute(some)).scalars())
    return found if len(found) <= _FEW_OF_SEVERAL else None


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


def having(tables: Tables, cluster: str, wanted: Sequence[Requirement]) -> Select[Any]:
    """The uids of the rows with all these labels, by the index of labels alone."""
    first, *others = [tables.labels.alias() for _ in wanted]
    found = select(first.c.uid).where(*_has(first.c, cluster, wanted[0]))
    for label, one in zip(others, wanted[1:], strict=True):
        found = found.where(label.c.uid == first.c.uid, *_has(label.c, cluster, one))
    return found


async def _named(connection: AsyncConnection, tables: Tables, cluster: str, prefix: str) -> list[str] | None:
    at = tables.archive.c
    named = select(at.uid).where(at.clustername == cluster, begins(at.name, prefix, connection.dialect.name))
    if await _count(connection, named, _FEW) > _FEW:
        return None
    return list((await connection.execute(named)).scalars())


def _has(label: Any, cluster: str, one: Requirement) -> list[ColumnElement[bool]]:
    return [label.clustername == cluster, label.name == one.key, label.value == one.values[0]]


async def _count(connection: AsyncConnection, wanted: Select[Any], limit: int) -> int:
    some = wanted.limit(limit + 1).subquery()
    return int((await connection.execute(select(func.count()).select_from(some))).scalar_one())


def among(kind: str, column: ColumnElement[Any], uids: Sequence[str]) -> ColumnElement[bool]:
    """Whether the uid is one of these: one parameter where the database takes lists."""
    if kind != "postgresql":
        return column.in_(uids)
    return column == func.any(cast(bindparam("uids", list(uids), type_=ARRAY(Text)), ARRAY(Text)))
