"""A new database counts its tables' rows early: what is planned while they are empty goes by whatever index is first.

PostgreSQL counts by itself once a minute, and keeps until then the plans that it made of empty tables: each key of a label is
looked for among all rows.
"""

import logging

from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from tiphys.archive.database import Database
from tiphys.errors import TiphysError

log = logging.getLogger(__name__)
EARLY = 512
"""After so many workflows that a process archived: of fewer it is right to read all."""
_FEW = text("select min(reltuples) < :few from pg_class where oid = any(cast(cast(:tables as text[]) as regclass[]))").bindparams(
    bindparam("tables", type_=ARRAY(Text))
)


async def count_early(database: Database) -> None:
    """Let the database count, if it did not yet; where that goes wrong it counts by itself, later."""
    tables = database.tables
    names = [table.name for table in (tables.archive, tables.labels, tables.summaries, tables.times)]
    try:
        async with database.transaction() as connection:
            if (await connection.execute(_FEW, {"tables": names, "few": EARLY})).scalar_one():
                await connection.execute(text(f"analyze {', '.join(names)}"))
    except TiphysError as e:
        log.info("the archive's tables are not counted yet: %s", e.message)
