"""A workflow again, as a new one; memoized, what went well before is not run again.

Source: argo-semantics 14.2.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tiphys.engine.operations.parameters import override
from tiphys.errors import SpecError
from tiphys.model import names
from tiphys.model.base import ObjectMeta
from tiphys.model.phases import ERROR, FAILED, PENDING, POD, RETRY, SKIPPED, SKIPPED_TYPE, is_unsuccessful
from tiphys.model.status import Condition, NodeStatus, WorkflowStatus
from tiphys.model.workflow import Workflow

SUFFIX_LENGTH = 5
SUFFIX_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NOT_KEPT = frozenset(
    names.PREFIX + key
    for key in (
        "creator", "creator-email", "creator-preferred-username", "actor", "actor-email", "actor-preferred-username", "action",
        "phase", "completed", "workflow-archiving-status",
    )
)  # fmt: skip


def resubmit(workflow: Workflow, parameters: Mapping[str, str] | None = None) -> Workflow:
    """A new workflow that does the same from the start."""
    meta = workflow.metadata
    return override(_again(workflow, ObjectMeta(generate_name=_generate_name(meta))), parameters or {})


def resubmit_memoized(
    workflow: Workflow, now: datetime, *, suffix: str, parameters: Mapping[str, str] | None = None
) -> Workflow:
    """A new workflow in which the nodes that went well count as done.

    Differs from Argo: nodes of type Skipped are dropped, with or without a succeeded descendant, for their conditions are
    evaluated again; of several attempts only the last one is open again. As Pending they would never end.

    Args:
        workflow: As it is stored, with its nodes.
        now: Written on the nodes that are taken over.
        suffix: Random letters of `SUFFIX_LETTERS`, `SUFFIX_LENGTH` of them.
        parameters: Arguments to override.

    Raises:
        SpecError: It did not fail.
    """
    if workflow.status.phase not in (FAILED, ERROR):
        raise SpecError("workflow must be Failed/Error to resubmit in memoized mode")
    name = _generate_name(workflow.metadata) + suffix
    again = _again(workflow, ObjectMeta(name=name))
    status = WorkflowStatus(
        nodes=_taken_over(workflow, name, now),
        stored_templates=workflow.status.stored_templates,
        stored_workflow_template_spec=workflow.status.stored_workflow_template_spec,
        conditions=(Condition(type="Completed", status="False"),),
    )
    return override(msgspec.structs.replace(again, status=status), parameters or {})


def _generate_name(meta: ObjectMeta) -> str:
    return meta.generate_name or f"{meta.name}-"


def _again(workflow: Workflow, named: ObjectMeta) -> Workflow:
    meta = workflow.metadata
    labels = {key: text for key, text in meta.labels.items() if key not in _NOT_KEPT}
    new = msgspec.structs.replace(
        named,
        namespace=meta.namespace,
        labels={**labels, names.LABEL_RESUBMITTED_FROM: meta.name},
        annotations=meta.annotations,
        owner_references=meta.owner_references,
    )
    return Workflow(metadata=new, spec=msgspec.structs.replace(workflow.spec, shutdown=""))


def _taken_over(workflow: Workflow, name: str, now: datetime) -> dict[str, NodeStatus]:
    old_name, nodes = workflow.metadata.name, workflow.status.nodes
    kept = [node for node in nodes.values() if node.type != SKIPPED_TYPE and not node.name.startswith(f"{old_name}.onExit")]
    renamed = {node.id: name + node.name.removeprefix(old_name) for node in kept}
    taken: dict[str, str] = {}
    ids = {old: names.free_id(name, new, taken) for old, new in renamed.items()}
    spent = _spent_attempts(nodes)
    inside = tuple(start for name in spent for start in (f"{name}[", f"{name}."))
    made = {}
    for node in kept:
        is_spent = node.name in spent or node.name.startswith(inside)
        new = msgspec.structs.replace(
            node if is_spent else _memo(node, now),
            id=ids[node.id],
            name=renamed[node.id],
            display_name=name if node.id == old_name else node.display_name,
            boundary_id=ids.get(node.boundary_id, ""),
            children=tuple(ids[child] for child in node.children if child in ids),
            outbound_nodes=tuple(ids[last] for last in node.outbound_nodes if last in ids),
            template_scope=f"local/{name}" if node.template_scope == f"local/{old_name}" else node.template_scope,
        )
        made[new.id] = new
    return made


def _spent_attempts(nodes: Mapping[str, NodeStatus]) -> frozenset[str]:
    """Names of the attempts that were followed by another."""
    spent: list[str] = []
    for node in nodes.values():
        if node.type == RETRY:
            below = (nodes[child] for child in node.children if child in nodes)
            spent += [child.name for child in below if child.node_flag is not None and child.node_flag.retried][:-1]
    return frozenset(spent)


def _memo(node: NodeStatus, now: datetime) -> NodeStatus:
    if node.type == POD and not is_unsuccessful(node):
        return msgspec.structs.replace(
            node, type=SKIPPED_TYPE, phase=SKIPPED, message=f"original pod: {node.id}", started_at=now, finished_at=now
        )
    at = None if node.type == POD else now
    return msgspec.structs.replace(node, phase=PENDING, message="", started_at=at, finished_at=at, daemoned=None)
