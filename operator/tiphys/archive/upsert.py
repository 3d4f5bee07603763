"""Insert or replace, in each dialect's own words."""

from functools import lru_cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.dml import Insert


def upsert(kind: str, table: Table, row: dict[str, Any] | None = None, *, keep: bool = False) -> Insert:
    """The statement that writes a row by its primary key; with `keep`, a row that is there stays as it is.

    Without `row` it takes whole rows when it is executed.
    """
    if row is not None:
        return _made(kind, table, tuple(row), keep=keep).values(row)
    return _made(kind, table, tuple(table.c.keys()), keep=keep)


@lru_cache(64)
def _made(kind: str, table: Table, columns: tuple[str, ...], *, keep: bool) -> Insert:
    keys = [column.name for column in table.primary_key]
    others = [name for name in columns if name not in keys]
    if kind == "mysql":
        mine = mysql.insert(table)
        # a key set to itself changes nothing
        changes = {keys[0]: table.c[keys[0]]} if keep else {name: mine.inserted[name] for name in others}
        return mine.on_duplicate_key_update(changes)
    made: postgresql.Insert | sqlite.Insert = postgresql.insert(table) if kind == "postgresql" else sqlite.insert(table)
    if keep:
        return made.on_conflict_do_nothing(index_elements=keys)
    return made.on_conflict_do_update(index_elements=keys, set_={name: made.excluded[name] for name in others})
