"""One archived workflow written: in one statement where the database can do that, else in a transaction of a few.

Source: argo-semantics 25.3.
"""

from typing import Any

from sqlalchemy import Text, bindparam, delete, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.expression import TextClause

from tiphys.archive.database import Database
from tiphys.archive.upsert import upsert
from tiphys.model.archived import ArchivedWorkflow

_ROW = ("instanceid", "name", "namespace", "phase", "startedat", "finishedat", "creationtimestamp")
_ONE: TextClause = text(
    f"""
with workflow as (
  insert into argo_archived_workflows (clustername, uid, {", ".join(_ROW)}, workflow)
  values (:clustername, :uid, {", ".join(f":{name}" for name in _ROW)}, cast(:workflow as jsonb))
  on conflict (clustername, uid) do update set {", ".join(f"{name} = excluded.{name}" for name in (*_ROW, "workflow"))}
), summary as (
  insert into tiphys_archived_summaries (clustername, uid, summary) values (:clustername, :uid, :summary)
  on conflict (clustername, uid) do update set summary = excluded.summary
), others as (
  delete from argo_archived_workflows_labels where clustername = :clustername and uid = :uid and name <> all (:names)
)
insert into argo_archived_workflows_labels (clustername, uid, name, value)
select :clustername, :uid, one.name, one.value from unnest(:names, :labels) as one (name, value)
on conflict (clustername, uid, name) do update set value = excluded.value
"""  # noqa: S608 the names of columns
).bindparams(bindparam("names", type_=ARRAY(Text)), bindparam("labels", type_=ARRAY(Text)))


async def save_in_one(database: Database, row: dict[str, Any], workflow: ArchivedWorkflow, summary: str) -> None:
    """Write everything by one statement, which is a transaction of its own (PostgreSQL)."""
    labels = {"names": list(workflow.labels), "labels": list(workflow.labels.values())}
    async with database.statement() as connection:
        await connection.execute(_ONE, {**row, **labels, "summary": summary})


async def save_in_steps(database: Database, row: dict[str, Any], workflow: ArchivedWorkflow, summary: str) -> None:
    """Write everything in one transaction."""
    tables, kind = database.tables, database.kind
    key = {name: row[name] for name in ("clustername", "uid")}
    labels = tables.labels
    async with database.transaction() as connection:
        await connection.execute(upsert(kind, tables.archive, row))
        await connection.execute(upsert(kind, tables.summaries, {**key, "summary": summary}))
        await connection.execute(delete(labels).where(labels.c.clustername == key["clustername"], labels.c.uid == key["uid"]))
        rows = [{**key, "name": name, "value": value} for name, value in workflow.labels.items()]
        if rows:
            # two names that differ only in case are one name to a MySQL that Argo set up: the first stays
            await connection.execute(upsert(kind, labels, keep=True), rows)
