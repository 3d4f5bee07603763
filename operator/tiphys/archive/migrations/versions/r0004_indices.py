"""Indices of our own: a page of names that begin alike, and who has a label, are found without reading rows."""

from typing import cast

from alembic import context, op
from sqlalchemy import inspect, text

from tiphys.archive.tables import NAMES, VALUES, Tables

revision = "0004"
down_revision = "0003"
_FORMER = "tiphys_archived_names"


def upgrade() -> None:
    """Make the indices, and drop the one that they replace."""
    tables, connection = cast("Tables", context.config.attributes["tables"]), op.get_bind()
    for table in (tables.archive, tables.labels):
        known = {index["name"] for index in inspect(connection).get_indexes(table.name)}
        for index in table.indexes:
            if index.name in (NAMES, VALUES) and index.name not in known:
                index.create(connection)
        if _FORMER in known:
            on = f" on {table.name}" if connection.dialect.name == "mysql" else ""
            connection.execute(text(f"drop index {_FORMER}{on}"))
