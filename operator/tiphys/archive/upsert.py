"""Insert or replace, in each dialect's own words."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.dml import Insert


def upsert(kind: str, table: Table, row: dict[str, Any] | None = None, *, keep: bool = False) -> Insert:
    """The statement that writes a row by its primary key; with `keep`, a row that is there stays as it is.

    Without `row` it takes whole rows when it is executed.
    """
    keys = [column.name for column in table.primary_key]
    others = [name for name in row or table.c.keys() if name not in keys]
    if kind == "mysql":
        mine = mysql.insert(table)
        # a key set to itself changes nothing
        changes = {keys[0]: table.c[keys[0]]} if keep else {name: mine.inserted[name] for name in others}
        return (mine if row is None else mine.values(row)).on_duplicate_key_update(changes)
    made: postgresql.Insert | sqlite.Insert = postgresql.insert(table) if kind == "postgresql" else sqlite.insert(table)
    made = made if row is None else made.values(row)
    if keep:
        return made.on_conflict_do_nothing(index_elements=keys)
    return made.on_conflict_do_update(index_elements=keys, set_={name: made.excluded[name] for name in others})
