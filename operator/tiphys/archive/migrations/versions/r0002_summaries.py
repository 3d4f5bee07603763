"""A table of our own beside the archive: what lists show, so that no body is read for them."""

from typing import cast

from alembic import context, op
from sqlalchemy import inspect

from tiphys.archive.tables import Tables

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    tables = cast("Tables", context.config.attributes["tables"])
    if not inspect(op.get_bind()).has_table(tables.summaries.name):
        tables.summaries.create(op.get_bind())
