"""Which rows a label or the beginning of a name means, found the cheap way: by their index where few have it, else by time.

A database's own planner takes labels for independent of each other and of time, and is wrong by orders of magnitude.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, cast, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from tiphys.archive.selector import begins, requirements
from tiphys.archive.tables import Tables
from tiphys.expr.selector import Requirement
from tiphys.model.archived import ArchiveQuery

_FEW, _FEW_OF_SEVERAL = 4_000, 20_000
"""Up to so many rows with a label are looked at one by one; by time, a page of 20 looks at 20 / share of them."""


def _wanted(selector: str) -> list[Requirement]:
    """The parts of a selector that demand one value of a label."""
    return [part for part in requirements(selector) if part.sign in ("=", "in") and len(part.values) == 1]


async def pick(connection: AsyncConnection, tables: Tables, cluster: str, query: ArchiveQuery) -> list[str] | None:
    """The uids of all rows that have the labels or the name demanded, where they are few; None where time is the better way."""
    if query.name_prefix:
        named = await _named(connection, tables, cluster, query.name_prefix)
        if named is not None:
            return named
    wanted = _wanted(query.labels)
    if not wanted:
        return None
    limit = _FEW if len(wanted) == 1 else _FEW_OF_SEVERAL
    counts = [await _count(connection, tables, cluster, one, limit) for one in wanted]
    rarest = min(range(len(wanted)), key=counts.__getitem__)
    if counts[rarest] > limit:
        return None
    label = tables.labels.c
    others = [one for position, one in enumerate(wanted) if position != rarest]
    is_postgresql = connection.dialect.name == "postgresql"
    also = (_also(tables, one, is_postgresql=is_postgresql) for one in others)
    picked = select(label.uid).where(*_has(tables, cluster, wanted[rarest]), *also)
    return list((await connection.execute(picked)).scalars())


async def _named(connection: AsyncConnection, tables: Tables, cluster: str, prefix: str) -> list[str] | None:
    at = tables.archive.c
    having = [at.clustername == cluster, begins(at.name, prefix, connection.dialect.name)]
    found = (await connection.execute(select(at.uid).where(*having).limit(_FEW + 1))).scalars().all()
    return list(found) if len(found) <= _FEW else None


def _has(tables: Tables, cluster: str, one: Requirement) -> list[ColumnElement[bool]]:
    label = tables.labels.c
    return [label.name == one.key, label.value == one.values[0], label.clustername == cluster]


def _also(tables: Tables, one: Requirement, *, is_postgresql: bool) -> ColumnElement[bool]:
    label, again = tables.labels.c, tables.labels.alias()
    same = (again.c.clustername == label.clustername, again.c.uid == label.uid)
    found = select(again.c.uid).where(*same, again.c.name == one.key, again.c.value == one.values[0])
    # looked up for each row, as in `selector`: no join of all rows of both labels
    return exists(found.offset(0) if is_postgresql else found)


async def _count(connection: AsyncConnection, tables: Tables, cluster: str, one: Requirement, limit: int) -> int:
    some = select(tables.labels.c.uid).where(*_has(tables, cluster, one)).limit(limit + 1).subquery()
    return int((await connection.execute(select(func.count()).select_from(some))).scalar_one())


def among(kind: str, column: ColumnElement[Any], uids: Sequence[str]) -> ColumnElement[bool]:
    """Whether the uid is one of these: one parameter where the database takes lists."""
    if kind != "postgresql":
        return column.in_(uids)
    return column == func.any(cast(bindparam("uids", list(uids), type_=ARRAY(Text)), ARRAY(Text)))
