"""Argo's tables as its schema version 68 has them: made where they are missing, brought forward where Argo is older.

Source: argo-semantics 25.2, 25.3.
"""

from typing import cast

from alembic import context, op
from sqlalchemy import Connection, Table, delete, func, insert, inspect, select, text

from tiphys.archive.tables import SCHEMA_VERSION, Tables
from tiphys.errors import RefusedError

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make what is missing.

    Raises:
        RefusedError: The tables are of an Argo so old that it kept no cluster name.
    """
    connection = op.get_bind()
    tables = cast("Tables", context.config.attributes["tables"])
    _refuse_the_oldest(connection, tables)
    for table in (tables.archive, tables.labels, tables.offload):
        if inspect(connection).has_table(table.name):
            _bring_forward(connection, table)
        else:
            table.create(connection)
    _note_version(connection, tables)


def _refuse_the_oldest(connection: Connection, tables: Tables) -> None:
    if not inspect(connection).has_table(tables.archive.name):
        return
    if "clustername" not in {column["name"] for column in inspect(connection).get_columns(tables.archive.name)}:
        raise RefusedError(
            f"table {tables.archive.name} has no column clustername",
            hint="let Argo 3.0 or later bring its own tables forward first",
        )


def _bring_forward(connection: Connection, table: Table) -> None:
    present = {column["name"]: column for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in present:
            kind = column.type.compile(connection.dialect)
            standard = "default current_timestamp" if column.server_default is not None else "default ''"
            null = "" if column.nullable else "not null"
            connection.execute(text(f"alter table {table.name} add column {column.name} {kind} {null} {standard}"))
    body = present.get("workflow")
    if connection.dialect.name == "postgresql" and body is not None and "JSONB" not in repr(body["type"]).upper():
        connection.execute(text(f"alter table {table.name} alter column workflow type jsonb using workflow::jsonb"))
    # a foreign key may have an index of its own name in MySQL; ours are told by name
    indices = {index["name"] for index in inspect(connection).get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in indices:
            index.create(connection)


def _note_version(connection: Connection, tables: Tables) -> None:
    history = tables.history
    if not inspect(connection).has_table(history.name):
        history.create(connection)
    known = connection.execute(select(func.max(history.c.schema_version))).scalar()
    if known is None or known < SCHEMA_VERSION:
        connection.execute(delete(history))
        connection.execute(insert(history).values(schema_version=SCHEMA_VERSION))
