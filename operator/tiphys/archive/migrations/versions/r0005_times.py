"""A table of our own: who has a label, and who is in a namespace, in the order of lists; filled from what is there."""

from typing import cast

from alembic import context, op
from sqlalchemy import inspect, text

from tiphys.archive.listing import fill
from tiphys.archive.tables import Tables

revision = "0005"
down_revision = "0004"
_FORMER = "tiphys_archived_labels"


def upgrade() -> None:
    """Make and fill the table, and drop the index that it replaces, which no MySQL has."""
    tables, connection = cast("Tables", context.config.attributes["tables"]), op.get_bind()
    if not inspect(connection).has_table(tables.times.name):
        tables.times.create(connection)
    for statement in fill(tables, connection.dialect.name):
        connection.execute(statement)
    if _FORMER in {index["name"] for index in inspect(connection).get_indexes(tables.labels.name)}:
        connection.execute(text(f"drop index {_FORMER}"))
