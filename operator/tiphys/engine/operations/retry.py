"""Run again what failed of a workflow, and keep what went well.

Source: argo-semantics 14.1.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from tiphys.engine.artifact_gc import ERROR_CONDITION
from tiphys.engine.operations.node_selector import selected
from tiphys.engine.operations.parameters import override
from tiphys.errors import SpecError
from tiphys.model import names
from tiphys.model.arguments import Outputs, Parameter, SuppliedValueFrom, ValueFrom
from tiphys.model.base import ObjectMeta
from tiphys.model.phases import (
    CONTAINER,
    DAG,
    ERROR,
    FAILED,
    HTTP,
    PLUGIN,
    POD,
    RETRY,
    RUNNING,
    SKIPPED,
    STEP_GROUP,
    STEPS,
    SUCCEEDED,
    SUSPEND,
    TASK_GROUP,
    is_unsuccessful,
)
from tiphys.model.status import Condition, NodeStatus
from tiphys.model.workflow import Workflow, pod_name

_WORKERS = frozenset({POD, CONTAINER, HTTP, PLUGIN})
_GROUPS = frozenset({STEPS, DAG, STEP_GROUP, TASK_GROUP})
_ENCLOSING = frozenset({RETRY, STEP_GROUP, TASK_GROUP})
_EXIT = ".onExit"


class Retried(msgspec.Struct, frozen=True):
    """A workflow that runs again.

    Attributes:
        workflow: To be stored once the pods are gone.
        pods: Names of pods to delete: they belong to nodes that are no more.
    """

    workflow: Workflow
    pods: tuple[str, ...]


def retry(
    workflow: Workflow,
    now: datetime,
    *,
    restart_successful: bool = False,
    selector: str = "",
    parameters: Mapping[str, str] | None = None,
) -> Retried:
    """The workflow made ready to run again where it failed.

    Args:
        workflow: As it is stored, with its nodes.
        now: Written as the new start.
        restart_successful: Also run again the nodes that `selector` means, whatever their phase.
        selector: A node field selector.
        parameters: Arguments to override.

    Raises:
        SpecError: Its phase does not allow it, or the selector is wrong.
    """
    _check_phase(workflow, restart_successful=restart_successful, selector=selector)
    chosen = [node.id for node in selected(workflow, selector)] if restart_successful else []
    graph = _Graph(workflow)
    deleted, reset = graph.plan(chosen)
    if parameters:
        loops = [node_id for node_id in reset if graph.nodes[node_id].type in (TASK_GROUP, STEP_GROUP)]
        deleted |= {below for node_id in loops for below in graph.descendants(node_id)}
    exits = {node.id for node in workflow.status.nodes.values() if node.name.startswith(workflow.metadata.name + _EXIT)}
    deleted |= exits
    pods = tuple(pod_name(workflow, graph.nodes[node_id]) for node_id in graph.nodes if node_id in deleted)
    nodes = {
        node.id: _without(_reset(node, now) if node.id in reset else node, deleted)
        for node in workflow.status.nodes.values()
        if node.id not in deleted
    }
    return Retried(override(_reopened(workflow, nodes, now), parameters or {}), tuple(dict.fromkeys(filter(None, pods))))


def _check_phase(workflow: Workflow, *, restart_successful: bool, selector: str) -> None:
    phase = workflow.status.phase
    if phase in (FAILED, ERROR):
        return
    if phase != SUCCEEDED:
        raise SpecError(f"Cannot retry a workflow in phase {phase}")
    if not (restart_successful and selector.strip()):
        raise SpecError("To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector")


class _Graph:
    """The nodes and what is above and below each."""

    def __init__(self, workflow: Workflow) -> None:
        self.nodes = workflow.status.nodes
        self._root = workflow.metadata.name
        self._exit = f"{workflow.metadata.name}{_EXIT}"
        self._parent: dict[str, str] = {}
        for node in self.nodes.values():
            for child in node.children:
                # of several parents the one with the greatest id counts
                self._parent[child] = max(node.id, self._parent.get(child, ""))

    def descendants(self, node_id: str) -> list[str]:
        """Ids of all that is below a node."""
        found: dict[str, None] = {}
        stack = list(self.nodes[node_id].children)
        while stack:
            below = stack.pop()
            if below in self.nodes and below not in found:
                found[below] = None
                stack.extend(self.nodes[below].children)
        return list(found)

    def plan(self, chosen: Iterable[str]) -> tuple[set[str], set[str]]:
        """Ids to delete and ids to reset; what is in both is deleted."""
        seeds = set(chosen)
        seeds |= {node.id for node in self.nodes.values() if self._must_run_again(node, seeds)}
        deleted: set[str] = set()
        reset: set[str] = set()
        for node_id in self._from_root():
            if node_id in seeds and node_id not in deleted:
                deleted |= {node_id, *self.descendants(node_id)}
                self._climb(node_id, deleted, reset)
        return deleted, reset

    def _must_run_again(self, node: NodeStatus, chosen: set[str]) -> bool:
        if not is_unsuccessful(node) or node.type not in _WORKERS:
            return False
        judged = node
        if node.node_flag is not None and node.node_flag.retried:
            judged = self.nodes.get(self._parent.get(node.id, ""), node)
        below = (self.nodes[node_id] for node_id in self.descendants(judged.id) if node_id not in chosen)
        return all(found.phase != SUCCEEDED for found in below)

    def _from_root(self) -> list[str]:
        order: dict[str, None] = {}
        line = deque([self._root])
        while line:
            node_id = line.popleft()
            node = self.nodes.get(node_id)
            if node is None or node_id in order or node.name == self._exit:
                continue
            order[node_id] = None
            line.extend(node.children)
        return list(order)

    def _above(self, node_id: str) -> NodeStatus | None:
        return self.nodes.get(self._parent.get(node_id, ""))

    def _climb(self, node_id: str, deleted: set[str], reset: set[str]) -> None:
        node: NodeStatus | None = self.nodes[node_id]
        while node is not None:
            if node.type in _GROUPS:
                self._climb_boundaries(node, reset)
                return
            if node.type == RETRY and is_unsuccessful(node):
                reset.add(node.id)
            if node.type == CONTAINER:
                node = self._owning_pod(node)
                if node is None:
                    return
                deleted |= {node.id, *self.descendants(node.id)}
            node = self._above(node.id)

    def _owning_pod(self, node: NodeStatus) -> NodeStatus | None:
        found: NodeStatus | None = node
        while found is not None and found.type != POD:
            found = self._above(found.id)
        return found

    def _climb_boundaries(self, group: NodeStatus, reset: set[str]) -> None:
        node: NodeStatus | None = group
        while node is not None:
            reset.add(node.id)
            above = self._above(node.id)
            while above is not None and above.type in _ENCLOSING:
                reset.add(above.id)
                above = self._above(above.id)
            node = self.nodes.get(node.boundary_id)


def _reset(node: NodeStatus, now: datetime) -> NodeStatus:
    outputs = node.outputs
    if node.type == SUSPEND and outputs is not None:
        awaited = ValueFrom(supplied=SuppliedValueFrom())
        outputs = Outputs(parameters=tuple(Parameter(name=p.name, value_from=awaited) for p in outputs.parameters))
    phase = node.phase if node.phase == SKIPPED else RUNNING
    return msgspec.structs.replace(
        node, phase=phase, message="", started_at=now, finished_at=None, outputs=outputs, daemoned=None
    )


def _without(node: NodeStatus, deleted: set[str]) -> NodeStatus:
    children = tuple(child for child in node.children if child not in deleted)
    outbound = tuple(last for last in node.outbound_nodes if last not in deleted)
    return msgspec.structs.replace(node, children=children, outbound_nodes=outbound)


def _reopened(workflow: Workflow, nodes: dict[str, NodeStatus], now: datetime) -> Workflow:
    gone = (names.LABEL_COMPLETED, names.LABEL_ARCHIVING_STATUS)
    labels = {key: text for key, text in workflow.metadata.labels.items() if key not in gone}
    stored = workflow.status.stored_workflow_template_spec
    ended = ("Completed", ERROR_CONDITION)
    others = tuple(condition for condition in workflow.status.conditions if condition.type not in ended)
    status = msgspec.structs.replace(
        workflow.status,
        phase="",
        message="",
        started_at=now,
        finished_at=None,
        conditions=(*others, Condition(type="Completed", status="False")),
        nodes=nodes,
        persistent_volume_claims=(),
        artifact_gc_status=None,
        stored_workflow_template_spec=msgspec.structs.replace(stored, shutdown="") if stored else None,
    )
    spec = msgspec.structs.replace(
        workflow.spec, shutdown="", active_deadline_seconds=workflow.spec.active_deadline_seconds or None
    )
    meta = msgspec.structs.replace(workflow.metadata, labels=labels)
    return msgspec.structs.replace(workflow, metadata=meta, spec=spec, status=status)


def fresh(workflow: Workflow) -> Workflow:
    """The workflow as one that was never stored: what the server gives is left out. So an archived one comes back."""
    meta = workflow.metadata
    labels = {key: value for key, value in meta.labels.items() if key != names.LABEL_ARCHIVING_STATUS}
    made = ObjectMeta(
        name=meta.name, generate_name=meta.generate_name, namespace=meta.namespace, labels=labels, annotations=meta.annotations,
        owner_references=meta.owner_references, finalizers=meta.finalizers,
    )  # fmt: skip
    return msgspec.structs.replace(workflow, metadata=made)
