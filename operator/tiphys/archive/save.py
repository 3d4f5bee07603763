"""Archived workflows written: each by one statement where the database can do that, else some by a transaction of a few.

Source: argo-semantics 25.3.

Differs from Argo: of labels whose names differ only in case MySQL keeps the first, and the workflow is archived all the same.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete

from tiphys.archive.database import Database
from tiphys.archive.tables import NAMESPACE
from tiphys.archive.upsert import upsert
from tiphys.model.archived import ArchivedWorkflow

_ROW = ("instanceid", "name", "namespace", "phase", "startedat", "finishedat", "creationtimestamp")
_GIVEN = ("clustername", "uid", *_ROW, "workflow", "summary", "names", "labels", "keys", "values")
_ONE = f"""
with workflow as (
  insert into argo_archived_workflows (clustername, uid, {", ".join(_ROW)}, workflow)
  values (:clustername, :uid, {", ".join(f":{name}" for name in _ROW)}, :workflow)
  on conflict (clustername, uid) do update set {", ".join(f"{name} = excluded.{name}" for name in (*_ROW, "workflow"))}
), summary as (
  insert into tiphys_archived_summaries (clustername, uid, summary) values (:clustername, :uid, :summary)
  on conflict (clustername, uid) do update set summary = excluded.summary
), former as (
  delete from tiphys_archived_labels_by_time as known where clustername = :clustername and uid = :uid and not exists (
    select from unnest(:keys::text[], :values::text[]) as one (name, value)
    where known.startedat = :startedat and known.name = one.name and known.value = one.value
  )
), times as (
  insert into tiphys_archived_labels_by_time (clustername, name, value, startedat, uid)
  select :clustername, one.name, one.value, :startedat, :uid from unnest(:keys::text[], :values::text[]) as one (name, value)
  on conflict do nothing
), others as (
  delete from argo_archived_workflows_labels where clustername = :clustername and uid = :uid and name <> all (:names::text[])
)
insert into argo_archived_workflows_labels (clustername, uid, name, value)
select :clustername, :uid, one.name, one.value from unnest(:names::text[], :labels::text[]) as one (name, value)
on conflict (clustername, uid, name) do update set value = excluded.value
"""  # noqa: S608 the names of columns
_STATEMENT = re.sub(r"(?<!:):(\w+)", lambda found: f"${_GIVEN.index(found[1]) + 1}", _ONE)
"""As the driver wants it: by numbers."""


async def save_in_one(database: Database, row: dict[str, Any], workflow: ArchivedWorkflow, summary: str) -> None:
    """Write everything by one statement, which is a transaction of its own (PostgreSQL)."""
    keys = {NAMESPACE: workflow.namespace, **workflow.labels}
    labels = (list(workflow.labels), list(workflow.labels.values()), list(keys), list(keys.values()))
    async with database.driver() as connection:
        await connection.execute(_STATEMENT, *(row[name] for name in _GIVEN if name in row), summary, *labels)


class Written(NamedTuple):
    """One workflow's rows."""

    row: dict[str, Any]
    labels: dict[str, str]
    summary: str


async def save_in_steps(database: Database, some: Sequence[Written]) -> None:
    """Write them all in one transaction, by a few statements for all together."""
    tables, kind = database.tables, database.kind
    # in one order, so that two replicas do not wait for each other
    some = sorted(some, key=lambda one: str(one.row["uid"]))
    keys = [{name: one.row[name] for name in ("clustername", "uid")} for one in some]
    pairs = list(zip(keys, some, strict=True))
    labels = [{**key, "name": name, "value": value} for key, one in pairs for name, value in one.labels.items()]
    starts = {one.row["uid"]: one.row["startedat"] for one in some}
    times = [{**key, "name": NAMESPACE, "value": one.row["namespace"]} for key, one in pairs] + labels
    times = [{**entry, "startedat": starts[entry["uid"]]} for entry in times]
    async with database.transaction() as connection:
        await connection.execute(upsert(kind, tables.archive), [one.row for one in some])
        await connection.execute(upsert(kind, tables.summaries), [{**key, "summary": one.summary} for key, one in pairs])
        uids = [key["uid"] for key in keys]
        for table in (tables.labels, tables.times):
            await connection.execute(delete(table).where(table.c.clustername == keys[0]["clustername"], table.c.uid.in_(uids)))
        await connection.execute(upsert(kind, tables.times, keep=True), times)
        if labels:
            # two names that differ only in case are one name to a MySQL that Argo set up: the first stays
            await connection.execute(upsert(kind, tables.labels, keep=True), labels)
