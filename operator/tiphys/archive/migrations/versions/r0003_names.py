"""An index of our own: the beginning of a name is found without reading all names."""

from typing import cast

from alembic import context, op
from sqlalchemy import inspect

from tiphys.archive.tables import NAMES, Tables

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    archive = cast("Tables", context.config.attributes["tables"]).archive
    if NAMES not in {index["name"] for index in inspect(op.get_bind()).get_indexes(archive.name)}:
        next(index for index in archive.indexes if index.name == NAMES).create(op.get_bind())
