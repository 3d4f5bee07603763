"""What `{{steps.x...}}`, `{{tasks.x...}}` and `{{inputs...}}` stand for: values looked up when asked, never copied beforehand.

Source: argo-semantics 8.4, 9.5, 10.3.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from tiphys.engine.artifacts import artifact_value
from tiphys.engine.tree import NodeTree
from tiphys.expr.scope import MISSING
from tiphys.model.arguments import Inputs, Outputs, Parameter
from tiphys.model.phases import OMITTED, RETRY, SKIPPED, SKIPPED_TYPE, SUCCEEDED
from tiphys.model.status import NodeStatus

_RESULT = "outputs.result"
_PARAMETERS = "outputs.parameters"
ARTIFACTS = "outputs.artifacts."


def time_text(at: datetime | None) -> object:
    """RFC 3339 in UTC with seconds; `MISSING` without a time."""
    return MISSING if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: str) -> object:
    return value or MISSING


_NODE_VARIABLES: dict[str, Callable[[NodeStatus], object]] = {
    "id": lambda node: node.id,
    "status": lambda node: node.phase,
    "startedAt": lambda node: time_text(node.started_at),
    "finishedAt": lambda node: time_text(node.finished_at),
    "ip": lambda node: _text(node.pod_ip),
    "hostNodeName": lambda node: _text(node.host_node_name),
    "exitCode": lambda node: _text(node.outputs.exit_code) if node.outputs else MISSING,
}


def node_variable(tree: NodeTree, node: NodeStatus, suffix: str, declared: Outputs) -> object:
    """The value of `<ref>.<suffix>` for a node that is no loop; `MISSING` when it has none, None for an absent optional.

    Args:
        tree: The nodes; a Retry answers with its last attempt.
        node: What the reference names.
        suffix: As in `outputs.result`.
        declared: What the node's template declares, for producers that were skipped.
    """
    if node.type == RETRY and (attempts := tree.attempts(node)):
        node = attempts[-1]
    if suffix.startswith("outputs."):
        return _output_variable(node, suffix, declared)
    read = _NODE_VARIABLES.get(suffix)
    return MISSING if read is None else read(node)


def _output_variable(node: NodeStatus, suffix: str, declared: Outputs) -> object:
    if node.phase in (SKIPPED, OMITTED) and node.outputs is None:
        return _absent_output(suffix, declared)
    outputs = node.outputs or Outputs()
    if suffix == _RESULT:
        return MISSING if outputs.result is None else outputs.result
    if suffix == _PARAMETERS:
        return parameters_json(outputs.parameters) if outputs.parameters else MISSING
    if suffix.startswith(ARTIFACTS):
        return next((artifact_value(a) for a in outputs.artifacts if a.name == suffix.removeprefix(ARTIFACTS)), MISSING)
    name = suffix.removeprefix(_PARAMETERS + ".")
    for parameter in outputs.parameters:
        if parameter.name == name:
            return MISSING if parameter.value is None else parameter.value
    return MISSING


def _absent_output(suffix: str, declared: Outputs) -> object:
    if suffix == _RESULT:
        return None
    for parameter in declared.parameters:
        if suffix == f"{_PARAMETERS}.{parameter.name}":
            return parameter.value_from.default if parameter.value_from else None
    return MISSING


def parameters_json(parameters: Iterable[Parameter]) -> str:
    """The JSON list of parameter objects."""
    return json.dumps([{"name": p.name, "value": p.value or ""} for p in parameters], separators=(",", ":"), ensure_ascii=False)


def input_values(inputs: Inputs) -> dict[str, object]:
    """`inputs.parameters.*` of resolved inputs, and the paths of input artifacts."""
    values: dict[str, object] = {f"inputs.parameters.{p.name}": p.value for p in inputs.parameters if p.value is not None}
    if inputs.parameters:
        values["inputs.parameters"] = parameters_json(inputs.parameters)
    for artifact in inputs.artifacts:
        values[f"inputs.artifacts.{artifact.name}"] = artifact_value(artifact)
        if artifact.path:
            values[f"inputs.artifacts.{artifact.name}.path"] = artifact.path
    return values


def output_paths(outputs: Outputs) -> dict[str, object]:
    """`outputs.parameters.x.path` and `outputs.artifacts.x.path` of a template."""
    values: dict[str, object] = {f"outputs.artifacts.{a.name}.path": a.path for a in outputs.artifacts if a.path}
    for parameter in outputs.parameters:
        if parameter.value_from is not None and parameter.value_from.path:
            values[f"outputs.parameters.{parameter.name}.path"] = parameter.value_from.path
    return values


def loop_variable(tree: NodeTree, members: Sequence[NodeStatus], suffix: str) -> object:
    """An aggregated output over the members of a loop, in loop order, of those that succeeded and have outputs.

    Raises:
        ExpressionError: A member's result is not JSON.
    """
    if not members:
        return MISSING
    outputs = [found for member in members if (found := _succeeded_outputs(tree, member)) is not None]
    if suffix == _RESULT:
        return _dump([_parse_result(found.result) for found in outputs if found.result is not None])
    if suffix == _PARAMETERS:
        return _dump([{p.name: p.value or "" for p in found.parameters} for found in outputs if found.parameters])
    name = suffix.removeprefix(_PARAMETERS + ".")
    values = [p.value or "" for found in outputs for p in found.parameters if p.name == name]
    return _dump(_as_json(values)) if values else MISSING


def _succeeded_outputs(tree: NodeTree, node: NodeStatus) -> Outputs | None:
    if node.phase != SUCCEEDED or node.type == SKIPPED_TYPE:
        return None
    if node.outputs is None and node.type == RETRY and (attempts := tree.attempts(node)):
        return attempts[-1].outputs
    return node.outputs


def _parse_result(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        # Differs from Argo: a result that is no JSON is a text in the list instead of an error that ends the run
        return text


def _as_json(values: list[str]) -> list[object]:
    parsed = []
    for value in values:
        try:
            parsed.append(json.loads(value))
        except ValueError:
            return list(values)
        if not isinstance(parsed[-1], dict | list):
            return list(values)
    return parsed


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def retry_values(attempt: int, last: NodeStatus | None, now: datetime) -> dict[str, object]:
    """`retries` and `lastRetry.*` for the template of attempt number `attempt`. Source: argo-semantics 11.4."""
    return {"retries": str(attempt), **last_retry(last, now, unknown_exit_code="0")}


def last_retry(last: NodeStatus | None, now: datetime, *, unknown_exit_code: str) -> Mapping[str, object]:
    """`lastRetry.*` of the attempt `last`."""
    if last is None:
        return {"lastRetry.exitCode": "0", "lastRetry.status": "", "lastRetry.duration": "0", "lastRetry.message": ""}
    started = last.started_at or now
    seconds = int(((last.finished_at or now) - started).total_seconds())
    exit_code = last.outputs.exit_code if last.outputs else ""
    return {
        "lastRetry.exitCode": exit_code or unknown_exit_code,
        "lastRetry.status": last.phase,
        "lastRetry.duration": str(seconds),
        "lastRetry.message": last.message,
    }
