"""`{{workflow.*}}`: what every template of a run may read.

Source: argo-semantics 9.5.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.artifacts import artifact_value
from tiphys.engine.binding import LABEL_BINDING
from tiphys.engine.patch import as_json
from tiphys.errors import ExpressionError, SpecError
from tiphys.expr.render import go_json
from tiphys.expr.scope import MISSING, Scope
from tiphys.expr.template import substitute_text
from tiphys.model.arguments import Arguments, Parameter
from tiphys.model.names import LABEL_CRON_WORKFLOW, PREFIX
from tiphys.model.phases import FULFILLED, OMITTED, POD, RUNNING, SKIPPED, SUCCEEDED, is_unsuccessful
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import Workflow

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_STRFTIME = frozenset("BbmAadHIMSYypZz")
_CREATION = "workflow.creationTimestamp"
_OUTPUTS = "workflow.outputs.parameters."
_ARTIFACTS = "workflow.outputs.artifacts."


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def parameter_values(spec: WorkflowSpec) -> dict[str, str]:
    """The workflow's parameters by name.

    Raises:
        SpecError: One has neither value nor default.
    """
    values = {}
    for parameter in spec.arguments.parameters:
        value = parameter.value
        if value is None:
            value = parameter.default
        if value is None and parameter.value_from is not None:
            value = parameter.value_from.default
        if value is None:
            raise SpecError(f"either value or valueFrom must be specified in order to set global parameter {parameter.name}")
        values[parameter.name] = value
    return values


def workflow_scope(workflow: Workflow, live: Callable[[str], object]) -> Scope:
    """The scope of `workflow.*`.

    Args:
        workflow: The stored object.
        live: Answers what changes: `workflow.status`, `.duration`, `.failures` and `.outputs.parameters.*`.

    Raises:
        SpecError: A parameter has no value.
    """
    meta, spec = workflow.metadata, workflow.spec
    parameters = parameter_values(spec)
    listed = _compact([{"name": name, "value": value} for name, value in parameters.items()])
    values: dict[str, object] = {
        "workflow.name": meta.name,
        "workflow.namespace": meta.namespace,
        "workflow.uid": meta.uid,
        "workflow.serviceAccountName": spec.service_account_name,
        "workflow.mainEntrypoint": spec.entrypoint,
        "workflow.parameters": listed,
        "workflow.parameters.json": listed,
    }
    values |= {f"workflow.parameters.{name}": value for name, value in parameters.items()}
    values |= _by_key("workflow.labels", meta.labels) | _by_key("workflow.annotations", meta.annotations)
    if spec.priority is not None:
        values["workflow.priority"] = str(spec.priority)
    if (slot := meta.annotations.get(PREFIX + "scheduled-time")) is not None:
        values["workflow.scheduledTime"] = slot
    created = meta.creation_timestamp

    def resolve(name: str) -> object:
        if name.startswith(_CREATION):
            return MISSING if created is None else _creation(created, name.removeprefix(_CREATION).removeprefix("."))
        return live(name) if name.startswith("workflow.") else MISSING

    return Scope(values, resolve=resolve)


def read_arguments(workflow: Workflow, written: Arguments, own: WorkflowSpec, now: datetime) -> Arguments:
    """The workflow's arguments, their values read once as text of the manifest, by the names that are known when it starts.

    Only who writes templates writes such text: what a workflow or an event hands to a stored template is a value, whatever it
    looks like (a schedule's author writes both), and so is what a ConfigMap holds. A value may name parameters that stand before
    it. What a value yields is not read again, and what stands for nothing or fails stays as it is written.

    Source: argo-semantics 2.6, 9.4; CVE-2021-37914.
    Differs from Argo: it reads all such values, wherever they are used.

    Args:
        workflow: With the spec that is executed, where each parameter has its value.
        written: The arguments before ConfigMaps were asked.
        own: The spec of the stored object.
        now: For expressions; the same for the whole life of the workflow.

    Raises:
        SpecError: A parameter has no value.
    """
    arguments, labels = workflow.spec.arguments, workflow.metadata.labels
    read = {one.name for one in written.parameters if one.value is not None and one.value_from is None and "{{" in one.value}
    if LABEL_BINDING in labels or (own.workflow_template_ref is not None and LABEL_CRON_WORKFLOW not in labels):
        read -= {one.name for one in own.arguments.parameters}
    if not read:
        return arguments
    scope = workflow_scope(workflow, lambda _: MISSING)
    parameters = []
    for parameter in arguments.parameters:
        if parameter.name in read:
            parameter = _read(parameter, scope, now)  # noqa: PLW2901 the one that was read
            scope = scope.child({f"workflow.parameters.{parameter.name}": parameter.value})
        parameters.append(parameter)
    return msgspec.structs.replace(arguments, parameters=tuple(parameters))


def _read(parameter: Parameter, scope: Scope, now: datetime) -> Parameter:
    try:
        return msgspec.structs.replace(parameter, value=substitute_text(parameter.value or "", scope, strict=False, now=now))
    except ExpressionError:
        return parameter


def _by_key(prefix: str, texts: Mapping[str, str]) -> dict[str, object]:
    listed = _compact(dict(texts))
    return {prefix: listed, prefix + ".json": listed, **{f"{prefix}.{key}": text for key, text in texts.items()}}


def _creation(created: datetime, piece: str) -> object:
    at = created.astimezone(UTC)
    match piece:
        case "" | "RFC3339":
            return at.strftime("%Y-%m-%dT%H:%M:%SZ")
        case "s":
            return str(int(at.timestamp()))
        case "L":
            return f".{at.microsecond // 1000:03d}"
        case "z":
            return "+0000"
        case _ if piece in _STRFTIME:
            return at.strftime(f"%{piece}")
        case _:
            return MISSING


def live_variable(run: "Run", name: str) -> object:
    """What changes while the workflow runs: `workflow.status`, `.duration`, `.failures` and `.outputs.parameters.*`."""
    match name:
        case "workflow.status":
            node = run.lifecycle.entry
            if node is None or node.phase not in FULFILLED:
                return run.status.phase or RUNNING
            return SUCCEEDED if node.phase in (SKIPPED, OMITTED) else node.phase
        case "workflow.duration":
            started = run.status.started_at or run.now
            return f"{(run.now - started).total_seconds():f}"
        case "workflow.failures":
            return _failures(run)
    if name.startswith(_ARTIFACTS) and run.status.outputs:
        wanted = name.removeprefix(_ARTIFACTS)
        return next((artifact_value(a) for a in run.status.outputs.artifacts if a.name == wanted), MISSING)
    if name.startswith(_OUTPUTS) and run.status.outputs:
        wanted = name.removeprefix(_OUTPUTS)
        return next((p.value for p in run.status.outputs.parameters if p.name == wanted), MISSING)
    return MISSING


def _failures(run: "Run") -> str:
    found = [
        {
            "displayName": node.display_name,
            "message": node.message,
            "templateName": node.template_name,
            "phase": node.phase,
            "podName": run.pod_of(node),
            "finishedAt": as_json(node.finished_at),
        }
        for node in run.tree
        if is_unsuccessful(node) and node.type == POD
    ]
    return go_json(go_json(found) if found else "null")
