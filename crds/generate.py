"""Writes the CustomResourceDefinitions from the model's types: `python crds/generate.py` writes, `--check` only compares.

Source: argo-semantics 1; the names, scopes and columns are Argo's.
"""

import itertools
import sys
import types
import typing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tiphys.model import workflow as kinds
from tiphys.model.arguments import Artifact, ArtifactLocation, ArtifactPaths
from tiphys.model.base import AnyString, ObjectMeta
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import WorkflowStatus
from tiphys.model.template import Template

HERE = Path(__file__).parent
CHART = HERE.parent / "deploy/helm/tiphys/files/crds"
OPEN: dict[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
CLOSED = (ObjectMeta, Artifact, ArtifactLocation, ArtifactPaths)
"""Types left open: spelled out wherever they occur, they would fill the 256 KiB that `kubectl apply` can remember."""
TYPES = (("container", "script", "containerSet", "resource"), ("steps", "dag", "suspend"), ("data", "http", "plugin"))


def is_set(names: tuple[str, ...]) -> str:
    """A CEL expression: whether one of the fields is set."""
    return "(" + " || ".join(f"has(self.{name})" for name in names) + ")"


def at_most_one(groups: tuple[tuple[str, ...], ...]) -> list[str]:
    """CEL expressions: of all fields, one at most is set. Several, since one over all would cost more than is allowed."""
    inside = [f"!has(self.{name}) || !{is_set(group[at + 1 :])}" for group in groups for at, name in enumerate(group[:-1])]
    return inside + [f"!{is_set(one)} || !{is_set(other)}" for one, other in itertools.combinations(groups, 2)]


RULES: dict[type, list[dict[str, str]]] = {
    WorkflowSpec: [
        {
            "rule": "!has(self.workflowTemplateRef) || !has(self.templates) || size(self.templates) == 0",
            "message": "templates and workflowTemplateRef exclude each other",
        }
    ],
    Template: [
        *({"rule": rule, "message": "a template is of one type only"} for rule in at_most_one(TYPES)),
        {
            "rule": "!(has(self.steps) || has(self.dag)) || !(has(self.timeout) || has(self.activeDeadlineSeconds))",
            "message": "timeout and activeDeadlineSeconds are for templates that run something themselves",
        },
    ],
}
"""Type -> what the API server refuses at once. A rule inside a list costs as often as the list could be long, and our lists have no limit:
only what the API server's cost estimate lets pass stands here. All else is checked by `tiphys lint`, at submission and at the start."""
LEAST = {(WorkflowSpec, "parallelism"): 1, (Template, "parallelism"): 1}
"""Type and field -> the least number."""
AGE = {"name": "Age", "type": "date", "jsonPath": ".status.startedAt", "description": "When the workflow was started"}
STATUS = {"name": "Status", "type": "string", "jsonPath": ".status.phase", "description": "Status of the workflow"}
MESSAGE = {"name": "Message", "type": "string", "jsonPath": ".status.message", "description": "Why the workflow is in this status"}
# kind, plural, short names, scope, columns, type of spec, type of status
KINDS: list[tuple[str, str, list[str], str, list[dict[str, Any]], Any, Any]] = [
    ("Workflow", "workflows", ["wf"], "Namespaced", [STATUS, AGE, MESSAGE], WorkflowSpec, WorkflowStatus),
    ("WorkflowTemplate", "workflowtemplates", ["wftmpl"], "Namespaced", [], WorkflowSpec, None),
    ("ClusterWorkflowTemplate", "clusterworkflowtemplates", ["clusterwftmpl", "cwft"], "Cluster", [], WorkflowSpec, None),
    ("CronWorkflow", "cronworkflows", ["cwf", "cronwf"], "Namespaced", [], kinds.CronWorkflowSpec, kinds.CronWorkflowStatus),
    ("WorkflowEventBinding", "workfloweventbindings", ["wfeb"], "Namespaced", [], kinds.WorkflowEventBindingSpec, None),
    ("WorkflowTaskSet", "workflowtasksets", ["wfts"], "Namespaced", [], None, None),
    ("WorkflowTaskResult", "workflowtaskresults", [], "Namespaced", [], None, None),
    ("WorkflowArtifactGCTask", "workflowartifactgctasks", ["wfat"], "Namespaced", [], None, None),
]


WITH_STATUS = frozenset({"workflowtasksets"})
"""Kinds whose status is written apart, as with Argo: the roles of agents name `workflowtasksets/status`."""


def schema(kind: Any, inside: tuple[Any, ...] = ()) -> dict[str, Any]:
    """The schema of a type: known fields typed, unknown ones kept; what pods own is left open."""
    simple = {str: "string", int: "integer", float: "number", bool: "boolean"}
    if kind is AnyString:
        # a text that may be written as a number or a boolean: no type fits all three
        return dict(OPEN)
    if kind in simple:
        return {"type": simple[kind]}
    if kind is datetime:
        return {"type": "string", "format": "date-time"}
    origin, parts = typing.get_origin(kind), [part for part in typing.get_args(kind) if part is not Ellipsis]
    if origin in (typing.Union, types.UnionType):
        known = [part for part in parts if part is not type(None)]
        return schema(known[0], inside) if len(known) == 1 else {"x-kubernetes-int-or-string": True}
    if origin is tuple:
        return {"type": "array", "items": schema(parts[0], inside)}
    if origin is dict and parts[1] is not Any:
        return {"type": "object", "additionalProperties": schema(parts[1], inside)}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {"type": "object", **OPEN} if kind in (*inside, *CLOSED) else struct_schema(kind, (*inside, kind))
    return {"type": "object", **OPEN} if origin is dict or kind is dict else dict(OPEN)


def struct_schema(kind: type[msgspec.Struct], inside: tuple[Any, ...]) -> dict[str, Any]:
    """The schema of a struct. A template inside a template is left open: types must not be endless."""
    hints = typing.get_type_hints(kind)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    made = {encoded: schema(hints[name], inside) for name, encoded in names.items()}
    for name, encoded in names.items():
        if (kind, name) in LEAST:
            made[encoded]["minimum"] = LEAST[kind, name]
    if kind is WorkflowSpec:
        # defaults may say something for templates of every type
        made["templateDefaults"].pop("x-kubernetes-validations")
    rules = {"x-kubernetes-validations": RULES[kind]} if kind in RULES else {}
    return {"type": "object", "properties": dict(sorted(made.items())), **OPEN, **rules}


def definition(kind: str, plural: str, short: list[str], scope: str, columns: list[dict[str, Any]], spec: Any, status: Any) -> dict[str, Any]:
    """One CustomResourceDefinition."""
    properties: dict[str, Any] = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    if spec is not None:
        properties["spec"] = schema(spec)
    if status is not None:
        # one owner, one piece: without this, field tracking of every node costs more than the nodes
        properties["status"] = {"type": "object", "x-kubernetes-map-type": "atomic", **OPEN}
    names: dict[str, Any] = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    if short:
        names["shortNames"] = short
    version: dict[str, Any] = {
        "name": "v1alpha1", "served": True, "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties, **OPEN}},
    }  # fmt: skip
    if plural in WITH_STATUS:
        version["subresources"] = {"status": {}}
    if columns:
        version["additionalPrinterColumns"] = columns
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.argoproj.io"},
        "spec": {"group": "argoproj.io", "names": names, "scope": scope, "versions": [version]},
    }


def main() -> int:
    """Write or compare."""
    stale = []
    for entry in KINDS:
        made = definition(*entry)
        text = yaml.safe_dump(made, sort_keys=False, width=1000)
        for folder in (HERE, CHART):
            path = folder / f"argoproj.io_{entry[1]}.yaml"
            if "--check" in sys.argv:
                stale += [path] if not path.exists() or path.read_text() != text else []
            else:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    for path in stale:
        print(f"{path} is not what the model says: run `python crds/generate.py`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
