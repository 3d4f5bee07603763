"""Suspend, resume, stop, terminate, and setting suspend nodes by hand.

Source: argo-semantics 13.1, 13.2.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from tiphys.engine.operations.node_selector import selected
from tiphys.engine.outputs import publish
from tiphys.engine.suspend import supplied
from tiphys.errors import SpecError
from tiphys.model.arguments import Outputs, Parameter
from tiphys.model.phases import COMPLETED, ERROR, FAILED, RUNNING, SUCCEEDED, SUSPEND
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow

SETTABLE = (SUCCEEDED, FAILED, ERROR)


class NodeChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to set on suspend nodes; what is empty stays as it is.

    Attributes:
        phase: One of `SETTABLE`.
        message: Added after the message that is there.
        outputs: Output parameter name -> value.
    """

    phase: str = ""
    message: str = ""
    outputs: Mapping[str, str] = {}


def suspend(workflow: Workflow) -> Workflow:
    """The workflow as one that starts nothing new.

    Raises:
        SpecError: It has ended.
    """
    if workflow.status.phase in COMPLETED:
        raise SpecError("cannot suspend completed workflows")
    return _with_spec(workflow, suspend=True)


def shut_down(workflow: Workflow, strategy: str) -> Workflow:
    """The workflow as one that ends by `Stop` or `Terminate`.

    Raises:
        SpecError: It has ended.
    """
    meta = workflow.metadata
    if workflow.status.phase in COMPLETED:
        raise SpecError(
            f'cannot shutdown a completed workflow: workflow: "{meta.name}", namespace: "{meta.namespace}"'
        )
    return _with_spec(workflow, shutdown=strategy)


def stop(workflow: Workflow, now: datetime, *, selector: str = "", message: str = "") -> Workflow:
    """The workflow stopped; with a selector, only its suspend nodes that match, as Failed.

    Raises:
        SpecError: It has ended, or no suspend node matches.
    """
    if not selector.strip():
        return shut_down(workflow, "Stop")
    return set_nodes(workflow, selector, NodeChange(phase=FAILED, message=message), now)


def resume(workflow: Workflow, now: datetime, *, selector: str = "", user: Mapping[str, str] | None = None) -> Workflow:
    """The workflow going on: not suspended, and its suspend nodes Succeeded; with a selector, only those that match.

    Args:
        workflow: As it is stored.
        now: Written as `finishedAt`.
        selector: A node field selector.
        user: What is known of who resumes; goes into the message.

    Raises:
        SpecError: An awaited output has neither a value nor a default, or no suspend node matches.
    """
    says = f"Resumed by: map[{' '.join(f'{key}:{text}' for key, text in sorted(user.items()))}]" if user else ""
    if selector.strip():
        return set_nodes(workflow, selector, NodeChange(phase=SUCCEEDED, message=says), now)
    done = {}
    for node in waiting_nodes(workflow.status.nodes.values()):
        outputs = supplied(node.outputs)
        done[node.id] = _ended(msgspec.structs.replace(node, outputs=outputs), SUCCEEDED, says, now)
    return _with_nodes(_with_spec(workflow, suspend=None), done)


def waiting_nodes(nodes: Iterable[NodeStatus]) -> list[NodeStatus]:
    """The suspend nodes that wait for somebody."""
    return [node for node in nodes if node.type == SUSPEND and node.phase == RUNNING]


def set_nodes(workflow: Workflow, selector: str, change: NodeChange, now: datetime) -> Workflow:
    """The workflow with the suspend nodes that match set by hand.

    Raises:
        SpecError: No selector, no match, a phase that cannot be set, or an output that the node does not await.
    """
    if change.phase and change.phase not in SETTABLE:
        raise SpecError(f"{change.phase} is an invalid phase to set to", hint=f"phases: {', '.join(SETTABLE)}")
    if not selector.strip():
        raise SpecError("'set' currently only targets suspend nodes, use a node field selector to target them")
    nodes = waiting_nodes(selected(workflow, selector))
    if not nodes:
        raise SpecError(
            f"currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector: {selector}"
        )
    return _with_nodes(workflow, {node.id: _set(node, change, now) for node in nodes})


def _set(node: NodeStatus, change: NodeChange, now: datetime) -> NodeStatus:
    if change.outputs:
        node = msgspec.structs.replace(node, outputs=_with_outputs(node.outputs, change.outputs))
    if change.phase:
        return _ended(node, change.phase, change.message, now)
    return msgspec.structs.replace(node, message=_joined(node.message, change.message))


def _with_outputs(awaited: Outputs | None, given: Mapping[str, str]) -> Outputs:
    if awaited is None or not awaited.parameters:
        raise SpecError("cannot set output parameters because node is not expecting any raw parameters")
    known = {parameter.name for parameter in awaited.parameters}
    for name in given:
        if name not in known:
            raise SpecError(f"node is not expecting output parameter '{name}'")
    return msgspec.structs.replace(awaited, parameters=tuple(_supply(p, given) for p in awaited.parameters))


def _supply(parameter: Parameter, given: Mapping[str, str]) -> Parameter:
    if parameter.name not in given:
        return parameter
    if parameter.value_from is None or parameter.value_from.supplied is None:
        raise SpecError(
            f"cannot set output parameter '{parameter.name}' because it does not use valueFrom.raw or it was already set"
        )
    value = given[parameter.name]
    if parameter.enum and value not in parameter.enum:
        raise SpecError(f"output parameter '{parameter.name}' must be one of {', '.join(parameter.enum)}, not '{value}'")
    return msgspec.structs.replace(parameter, value=value, value_from=None)


def _ended(node: NodeStatus, phase: str, message: str, now: datetime) -> NodeStatus:
    progress = "1/1" if phase == SUCCEEDED else node.progress
    says = _joined(node.message, message)
    return msgspec.structs.replace(node, phase=phase, message=says, finished_at=now, progress=progress)


def _joined(before: str, after: str) -> str:
    return f"{before}; {after}" if before and after else before or after


def _with_spec(workflow: Workflow, **fields: object) -> Workflow:
    return msgspec.structs.replace(workflow, spec=msgspec.structs.replace(workflow.spec, **fields))


def _with_nodes(workflow: Workflow, changed: Mapping[str, NodeStatus]) -> Workflow:
    """The workflow with these nodes instead; what they put out for all is put out at once."""
    if not changed:
        return workflow
    outputs = workflow.status.outputs or Outputs()
    for node in changed.values():
        outputs = publish(node.outputs, outputs)
    status = msgspec.structs.replace(
        workflow.status, nodes={**workflow.status.nodes, **changed}, outputs=None if outputs == Outputs() else outputs
    )
    return msgspec.structs.replace(workflow, status=status)
