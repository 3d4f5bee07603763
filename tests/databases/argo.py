"""Databases as Argo makes and fills them, in plain SQL: what an administrator has when he comes to us.

`schema` is version 68; `old_schema` one of a few releases before: JSON as it was, no creation timestamps, no index on them.
"""

import json
from typing import Any

_TIME = {"postgresql": "timestamp without time zone", "mysql": "timestamp"}
_BODY = {"postgresql": "jsonb", "mysql": "json"}


def schema(kind: str, offload: str = "argo_workflows") -> str:
    time, body = _TIME[kind], _BODY[kind]
    created = "not null default current_timestamp" if kind == "mysql" else "default current_timestamp"
    return f"""
create table {offload} (clustername varchar(64) not null, uid varchar(128) not null, version varchar(64) not null,
  namespace varchar(256) not null, nodes json not null, updatedat {time} not null default current_timestamp,
  primary key (clustername, uid, version));
create index {offload}_i1 on {offload} (clustername, namespace, updatedat);
create table argo_archived_workflows (clustername varchar(64) not null, uid varchar(128) not null, instanceid varchar(64) not null,
  name varchar(256) not null, namespace varchar(256) not null, phase varchar(25) not null,
  startedat {time} not null default current_timestamp, finishedat {time} not null default current_timestamp,
  creationtimestamp {time} {created}, workflow {body} not null, primary key (clustername, uid));
create index argo_archived_workflows_i1 on argo_archived_workflows (clustername, instanceid, namespace, startedat desc);
create index argo_archived_workflows_i2 on argo_archived_workflows (clustername, instanceid, finishedat);
create index argo_archived_workflows_i3 on argo_archived_workflows (clustername, instanceid, name);
create index argo_archived_workflows_i4 on argo_archived_workflows (clustername, startedat);
create index argo_archived_workflows_i5 on argo_archived_workflows (creationtimestamp);
create table argo_archived_workflows_labels (clustername varchar(64) not null, uid varchar(128) not null, name varchar(317) not null,
  value varchar(63) not null, primary key (clustername, uid, name),
  foreign key (clustername, uid) references argo_archived_workflows (clustername, uid) on delete cascade);
create index argo_archived_workflows_labels_i1 on argo_archived_workflows_labels (name, value);
create table schema_history (schema_version int not null);
insert into schema_history values (68);
"""


def old_schema(kind: str) -> str:
    return (
        schema(kind)
        + "drop index argo_archived_workflows_i5"
        + (" on argo_archived_workflows;" if kind == "mysql" else ";")
        + "alter table argo_archived_workflows drop column creationtimestamp;"
        + "drop index argo_archived_workflows_i3"
        + (" on argo_archived_workflows;" if kind == "mysql" else ";")
        + ("alter table argo_archived_workflows alter column workflow type json;" if kind == "postgresql" else "")
        + "update schema_history set schema_version = 59;"
    )


def workflow(number: int, *, namespace: str = "team") -> dict[str, Any]:
    """As Argo's controller stores one."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": f"argo-{number}", "generateName": "argo-", "namespace": namespace, "uid": f"3f0c-{number}",
            "creationTimestamp": f"2025-05-{number:02}T08:00:00Z", "resourceVersion": "77",
            "labels": {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": "Succeeded", "team": f"t{number % 2}",
                       "workflows.argoproj.io/workflow-archiving-status": "Persisted"},
            "managedFields": [{"manager": "workflow-controller", "operation": "Update", "fieldsV1": {"f:status": {}}}],
        },
        "spec": {"entrypoint": "main", "arguments": {"parameters": [{"name": "p", "value": "it's 100% \\ \"ok\""}]},
                 "templates": [{"name": "main", "container": {"image": "busybox", "command": ["true"], "resources": {}}}]},
        "status": {
            "phase": "Succeeded", "startedAt": f"2025-05-{number:02}T08:00:01Z", "finishedAt": f"2025-05-{number:02}T08:00:09Z",
            "progress": "1/1", "conditions": [{"type": "Completed", "status": "True"}],
            "nodes": {f"argo-{number}": {"id": f"argo-{number}", "name": f"argo-{number}", "type": "Pod", "phase": "Succeeded",
                                         "displayName": f"argo-{number}", "templateName": "main", "startedAt": f"2025-05-{number:02}T08:00:01Z",
                                         "finishedAt": f"2025-05-{number:02}T08:00:08Z"}},
        },
    }  # fmt: skip


def _text(kind: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return "'" + (text.replace("\\", "\\\\") if kind == "mysql" else text).replace("'", "''") + "'"


def insert(kind: str, number: int, *, with_creation: bool = True) -> str:
    """The rows of one archived workflow."""
    one = workflow(number)
    meta, status = one["metadata"], one["status"]
    columns = ["clustername", "uid", "instanceid", "name", "namespace", "phase", "startedat", "finishedat", "workflow"]
    times = [status[key].replace("T", " ").rstrip("Z") for key in ("startedAt", "finishedAt")]
    values: list[object] = ["default", meta["uid"], "", meta["name"], meta["namespace"], status["phase"], *times, one]
    if with_creation:
        columns.append("creationtimestamp")
        values.append(meta["creationTimestamp"].replace("T", " ").rstrip("Z"))
    rows = [f"insert into argo_archived_workflows ({', '.join(columns)}) values ({', '.join(_text(kind, value) for value in values)});"]
    for name, value in meta["labels"].items():
        said = ", ".join(_text(kind, part) for part in ("default", meta["uid"], name, value))
        rows.append(f"insert into argo_archived_workflows_labels (clustername, uid, name, value) values ({said});")
    return "\n".join(rows)
