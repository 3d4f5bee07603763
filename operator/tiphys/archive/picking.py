"""Which rows a label, a namespace or the beginning of a name means, found the cheap way.

What many have is among the newest rows. Where these do not fill a page, labels and namespaces are walked in the order of lists by
our own table of them (`walking.py`; `listing.py` enters what others archive), and names are found by their index. A database's
planner takes labels for independent of each other and of time, and is wrong by orders of magnitude.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from tiphys.archive.selector import begins, conditions
from tiphys.archive.tables import NAMES, Tables
from tiphys.archive.target import Target
from tiphys.archive.walking import demanded, walk
from tiphys.model.archived import ArchiveQuery, parse_cursor

_FEW = 4_000
"""Up to so many rows whose names begin alike are looked at one by one."""
_NEWEST, _NEWEST_LABELLED = 5_000, 500
"""So many of the newest rows are looked at one by one; with labels those that others may have archived just now."""


async def pick(connection: AsyncConnection, tables: Tables, target: Target, query: ArchiveQuery) -> list[str] | None:
    """The uids of the rows of the page, perhaps with others that the query means; None where time is the better way."""
    if not query.name_prefix and not demanded(query):
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
    if query.name_prefix:
        others = list((await connection.execute(beginning(tables, target, query))).scalars())
    else:
        others = await walk(connection, tables, target, query)
    return [*{*uids, *others}]


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


async def _named(connection: AsyncConnection, tables: Tables, target: Target, prefix: str) -> list[str] | None:
    at = tables.archive.c
    # left to itself MariaDB reads the whole archive, bodies and all, where the index of names would read these alone
    named = select(at.uid).with_hint(tables.archive, f"FORCE INDEX ({NAMES})", "mysql")
    named = named.where(at.clustername == target.cluster, begins(at.name, prefix, target.kind))
    some = named.limit(_FEW + 1).subquery()
    if int((await connection.execute(select(func.count()).select_from(some))).scalar_one()) > _FEW:
        return None
    return list((await connection.execute(named)).scalars())


def among(kind: str, column: ColumnElement[Any], uids: Sequence[str]) -> ColumnElement[bool]:
    """Whether the uid is one of these: one parameter where the database takes lists."""
    if kind != "postgresql":
        return column.in_(uids)
    return column == func.any(cast(bindparam("uids", list(uids), type_=ARRAY(Text)), ARRAY(Text)))
