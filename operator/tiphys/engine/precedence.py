"""Which spec wins: a workflow's own over that of the template it references over the controller's defaults.

Works on JSON, since "said" and "not said" are the presence of a key there.

Source: argo-semantics 22.3, 22.5.
"""

from collections.abc import Mapping, Sequence

from tiphys.engine.patch import as_json
from tiphys.model.base import Json
from tiphys.model.parse import parse_as
from tiphys.model.spec import WorkflowSpec

LIST_KEYS: Mapping[str, str] = {
    "arguments.artifacts": "name",
    "arguments.parameters": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "templates": "name",
    "templates.hostAliases": "ip",
    "templates.initContainers": "name",
    "templates.inputs.artifacts": "name",
    "templates.inputs.parameters": "name",
    "templates.outputs.artifacts": "name",
    "templates.outputs.parameters": "name",
    "templates.dag.tasks": "name",
    "templates.sidecars": "name",
    "templates.tolerations": "key",
    "templates.volumes": "name",
    "tolerations": "key",
    "volumes": "name",
}
"""Path of a list -> the key by which its entries are the same; other lists are taken whole."""

_WHOLE = frozenset({"arguments.parameters"})
_BY_KEY = frozenset({"hooks", "workflowMetadata.labelsFrom"})
_STORES = ("s3", "gcs", "azure", "oss", "hdfs", "http", "git", "raw", "artifactory", "plugin")


def merged_spec(*specs: WorkflowSpec) -> WorkflowSpec:
    """The specs in one, the first being the strongest; `suspend` is the first one's alone."""
    merged: Json = {}
    for spec in reversed(specs):
        merged = _merge(merged, as_json(spec), "")
    merged.pop("suspend", None)
    own = {} if specs[0].suspend is None else {"suspend": specs[0].suspend}
    return parse_as(WorkflowSpec, {**merged, **own})


def _merge(weak: Json, strong: Json, path: str) -> Json:
    """`strong` over `weak`: objects key by key, keyed lists entry by entry; what only `weak` says stays."""
    made = dict(weak)
    for key, value in strong.items():
        below, at = made.get(key), f"{path}.{key}" if path else key
        if isinstance(value, dict) and isinstance(below, dict):
            made[key] = {**below, **value} if at in _BY_KEY else _merge(below, value, at)
        elif isinstance(value, list | tuple) and isinstance(below, list | tuple) and at in LIST_KEYS:
            made[key] = _merge_lists(below, value, at)
        else:
            made[key] = value
    return made


def _merge_lists(weak: Sequence[Json], strong: Sequence[Json], path: str) -> list[Json]:
    """Entries in the order of `weak`, then those that only `strong` has."""
    key = LIST_KEYS[path]
    above = {entry.get(key): entry for entry in strong}
    known = {entry.get(key) for entry in weak}
    kept = [_entry(entry, above[entry.get(key)], path) if entry.get(key) in above else entry for entry in weak]
    return kept + [entry for entry in strong if entry.get(key) not in known]


def _entry(weak: Json, strong: Json, path: str) -> Json:
    if path in _WHOLE:
        return strong
    if path.endswith("artifacts") and _stores(weak) != _stores(strong) and _stores(strong):
        # two places for one artifact would contradict each other
        weak = {key: value for key, value in weak.items() if key not in _stores(weak)}
    return _merge(weak, strong, path)


def _stores(artifact: Json) -> set[str]:
    return {key for key in artifact if key in _STORES}
