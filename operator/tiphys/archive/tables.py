"""The tables: Argo's, column for column, two of our own, and one more index.

Source: argo-semantics 25.2, 25.3.
"""

from dataclasses import dataclass

from sqlalchemy import (
    JSON,
    TIMESTAMP,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA_VERSION = 68
"""What Argo's `schema_history` says when its tables are as below."""
ARCHIVE, LABELS, HISTORY = "argo_archived_workflows", "argo_archived_workflows_labels", "schema_history"
OFFLOAD, SUMMARIES = "argo_workflows", "tiphys_archived_summaries"
NAMES, TIMES = "tiphys_archived_names_by_time", "tiphys_archived_labels_by_time"
"""An index of our own, and a table."""
NAMESPACE = ""
"""Names the namespace where the names of labels stand; no label is called so."""
_UID, _CLUSTER = String(128), String(64)


@dataclass(frozen=True)
class Tables:
    """All tables of one database.

    Attributes:
        archive: Finished workflows by uid.
        labels: Their labels.
        offload: Nodes of live workflows.
        summaries: What lists show of archived workflows, so that a list never touches their bodies; ours.
        times: Who has a label, in the order of lists; the label without a name is the namespace. Ours.
        history: Argo's schema version.
    """

    metadata: MetaData
    archive: Table
    labels: Table
    offload: Table
    summaries: Table
    times: Table
    history: Table


def tables(offload: str = OFFLOAD, kind: str = "postgresql") -> Tables:
    """The tables of a kind of database; `offload` is the name of the one for nodes, as the configuration may say."""
    metadata = MetaData()
    return Tables(
        metadata, _archive(metadata, kind), _labels(metadata), _offload(metadata, offload), _summaries(metadata),
        _times(metadata), Table(HISTORY, metadata, Column("schema_version", Integer, nullable=False)),
    )  # fmt: skip


def _archive(metadata: MetaData, kind: str) -> Table:
    body = JSON().with_variant(JSONB(), "postgresql")
    table = Table(
        ARCHIVE,
        metadata,
        Column("clustername", _CLUSTER, nullable=False),
        Column("uid", _UID, nullable=False),
        Column("instanceid", String(64), nullable=False),
        Column("name", String(256), nullable=False),
        Column("namespace", String(256), nullable=False),
        Column("phase", String(25), nullable=False),
        Column("startedat", TIMESTAMP, nullable=False, server_default=func.current_timestamp()),
        Column("finishedat", TIMESTAMP, nullable=False, server_default=func.current_timestamp()),
        Column("creationtimestamp", TIMESTAMP, nullable=kind != "mysql", server_default=func.current_timestamp()),
        Column("workflow", body, nullable=False),
        PrimaryKeyConstraint("clustername", "uid"),
    )
    at = table.c
    Index(f"{ARCHIVE}_i1", at.clustername, at.instanceid, at.namespace, at.startedat.desc())
    Index(f"{ARCHIVE}_i2", at.clustername, at.instanceid, at.finishedat)
    Index(f"{ARCHIVE}_i3", at.clustername, at.instanceid, at.name)
    Index(f"{ARCHIVE}_i4", at.clustername, at.startedat)
    Index(f"{ARCHIVE}_i5", at.creationtimestamp)
    # ours: the beginning of a name is found in it whatever the database's collation, and a page of many sorted by it alone
    Index(NAMES, at.clustername, at.name, at.startedat, at.uid, postgresql_ops={"name": "text_pattern_ops"})
    return table


def _labels(metadata: MetaData) -> Table:
    table = Table(
        LABELS,
        metadata,
        Column("clustername", _CLUSTER, nullable=False),
        Column("uid", _UID, nullable=False),
        Column("name", String(317), nullable=False),
        Column("value", String(63), nullable=False),
        PrimaryKeyConstraint("clustername", "uid", "name"),
        ForeignKeyConstraint(["clustername", "uid"], [f"{ARCHIVE}.clustername", f"{ARCHIVE}.uid"], ondelete="CASCADE"),
    )
    Index(f"{LABELS}_i1", table.c.name, table.c.value)
    return table


def _offload(metadata: MetaData, name: str) -> Table:
    table = Table(
        name,
        metadata,
        Column("clustername", _CLUSTER, nullable=False),
        Column("uid", _UID, nullable=False),
        Column("version", String(64), nullable=False),
        Column("namespace", String(256), nullable=False),
        Column("nodes", JSON, nullable=False),
        Column("updatedat", TIMESTAMP, nullable=False, server_default=func.current_timestamp()),
        PrimaryKeyConstraint("clustername", "uid", "version"),
    )
    Index(f"{name}_i1", table.c.clustername, table.c.namespace, table.c.updatedat)
    return table


def _summaries(metadata: MetaData) -> Table:
    return Table(
        SUMMARIES,
        metadata,
        Column("clustername", _CLUSTER, nullable=False),
        Column("uid", _UID, nullable=False),
        Column("summary", Text().with_variant(LONGTEXT(), "mysql", "mariadb"), nullable=False),
        PrimaryKeyConstraint("clustername", "uid"),
        ForeignKeyConstraint(["clustername", "uid"], [f"{ARCHIVE}.clustername", f"{ARCHIVE}.uid"], ondelete="CASCADE"),
    )


def _times(metadata: MetaData) -> Table:
    table = Table(
        TIMES,
        metadata,
        Column("clustername", _CLUSTER, nullable=False),
        Column("name", String(317), nullable=False),
        Column("value", String(63), nullable=False),
        Column("startedat", TIMESTAMP, nullable=False, server_default=func.current_timestamp()),
        Column("uid", _UID, nullable=False),
        PrimaryKeyConstraint("clustername", "name", "value", "startedat", "uid"),
        ForeignKeyConstraint(["clustername", "uid"], [f"{ARCHIVE}.clustername", f"{ARCHIVE}.uid"], ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    Index(f"{TIMES}_uid", table.c.clustername, table.c.uid)
    return table
