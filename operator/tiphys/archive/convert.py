"""What Argo archived is given what our lists read, in small batches beside everything else."""

from collections.abc import AsyncIterator

from sqlalchemy import Join, func, select

from tiphys.archive.database import Database
from tiphys.archive.nulls import show_nulls, stored
from tiphys.archive.upsert import upsert
from tiphys.model.archived import summary_of_text


async def count_without_summary(database: Database) -> int:
    """How many archived workflows have no summary; lists read these whole."""
    archive, summaries = database.tables.archive, database.tables.summaries
    missing = select(func.count()).select_from(_joined(database)).where(
        archive.c.clustername == database.target.cluster, summaries.c.uid.is_(None)
    )  # fmt: skip
    async with database.transaction(seconds=600) as connection:
        return int((await connection.execute(missing)).scalar_one())


def _joined(database: Database) -> Join:
    archive, summaries = database.tables.archive, database.tables.summaries
    same = (summaries.c.clustername == archive.c.clustername) & (summaries.c.uid == archive.c.uid)
    return archive.outerjoin(summaries, same)


async def convert(database: Database, *, batch: int = 200) -> AsyncIterator[int]:
    """Write the summaries that are missing; after each batch, how many are written. It may be ended and begun again."""
    archive, summaries = database.tables.archive, database.tables.summaries
    missing = (
        select(archive.c.uid)
        .select_from(_joined(database))
        .where(archive.c.clustername == database.target.cluster, summaries.c.uid.is_(None))
        .order_by(archive.c.startedat.desc())
        .limit(batch)
    )
    done = 0
    while True:
        async with database.transaction() as connection:
            uids = list((await connection.execute(missing)).scalars())
        for uid in uids:
            await _summarise(database, uid)
        done += len(uids)
        if uids:
            yield done
        if len(uids) < batch:
            return


async def _summarise(database: Database, uid: str) -> None:
    archive, cluster = database.tables.archive, database.target.cluster
    is_postgresql = database.kind == "postgresql"
    at = archive.c
    body = select(at.workflow, at.uid, at.name, at.namespace, at.phase).where(at.clustername == cluster, at.uid == uid)
    async with database.transaction() as connection:
        found = (await connection.execute(body)).one_or_none()
        if found is None:
            return
        summary = summary_of_text(show_nulls(found.workflow) if is_postgresql else found.workflow, found._asdict())
        row = {"clustername": cluster, "uid": uid, "summary": stored(summary, database.kind)}
        await connection.execute(upsert(database.kind, database.tables.summaries, row))
