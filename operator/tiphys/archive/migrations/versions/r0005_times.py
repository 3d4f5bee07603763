"""A table of our own: who has a label, and who is in a namespace, in the order of lists; filled from what is there."""

from typing import cast

from alembic import context, op
from sqlalchemy import inspect, text
from sqlalchemy.schema import AddConstraint, CreateTable

from tiphys.archive.listing import fill
from tiphys.archive.tables import Tables

revision = "0005"
down_revision = "0004"
_FORMER = "tiphys_archived_labels"


def upgrade() -> None:
    """Make and fill the table, and drop the index that it replaces, which no MySQL has."""
    tables, connection = cast("Tables", context.config.attributes["tables"]), op.get_bind()
    times = tables.times
    is_new, is_whole = not inspect(connection).has_table(times.name), connection.dialect.name != "postgresql"
    if is_new and is_whole:
        times.create(connection)
    elif is_new:
        # all rows are looked up at once, not each by itself
        connection.execute(CreateTable(times, include_foreign_key_constraints=[]))
    for statement in fill(tables, connection.dialect.name):
        connection.execute(statement)
    if is_new and not is_whole:
        for index in times.indexes:
            index.create(connection)
        for key in times.foreign_key_constraints:
            connection.execute(AddConstraint(key))
    if _FORMER in {index["name"] for index in inspect(connection).get_indexes(tables.labels.name)}:
        connection.execute(text(f"drop index {_FORMER}"))
