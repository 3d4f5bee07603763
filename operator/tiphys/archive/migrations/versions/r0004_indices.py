"""An index of our own: a page of names that begin alike is found without reading rows."""

from typing import cast

from alembic import context, op
from sqlalchemy import inspect, text

from tiphys.archive.tables import NAMES, Tables

revision = "0004"
down_revision = "0003"
_FORMER = "tiphys_archived_names"


def upgrade() -> None:
    """Make the index, and drop the one that it replaces."""
    tables, connection = cast("Tables", context.config.attributes["tables"]), op.get_bind()
    table = tables.archive
    known = {index["name"] for index in inspect(connection).get_indexes(table.name)}
    for index in table.indexes:
        if index.name == NAMES and index.name not in known:
            index.create(connection)
    if _FORMER in known:
        on = f" on {table.name}" if connection.dialect.name == "mysql" else ""
        connection.execute(text(f"drop index {_FORMER}{on}"))
