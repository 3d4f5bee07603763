"""Pods that an earlier controller meant to delete and did not live to: they are asked for again when a run is restored.

Source: argo-semantics 21.1.
"""

from typing import TYPE_CHECKING

from tiphys.engine.actions import CollectNode
from tiphys.model.phases import COMPLETED, FULFILLED, POD, SUCCEEDED
from tiphys.model.status import NodeStatus

if TYPE_CHECKING:
    from tiphys.engine.run import Run


def collect_left_over(run: "Run") -> None:
    """Ask for the deletion of every known pod whose node has ended, as the workflow's `podGC` says."""
    stored = run.status.stored_workflow_template_spec
    gc = run.spec.pod_gc or (stored.pod_gc if stored is not None else None)
    if gc is None:
        return
    for node_id in list(run.reports):
        node = run.tree.by_id(node_id)
        if node is not None and node.type == POD and node.phase in FULFILLED and _is_due(gc.strategy, node, run.status.phase):
            run.act(CollectNode(node.id, run.pod_of(node), run.pod_gc_delay, node.phase))
            run.reports.pop(node_id)


def _is_due(strategy: str, node: NodeStatus, phase: str) -> bool:
    match strategy:
        case "OnPodCompletion":
            return True
        case "OnPodSuccess":
            return node.phase == SUCCEEDED
        case "OnWorkflowCompletion":
            return phase in COMPLETED
        case "OnWorkflowSuccess":
            return phase == SUCCEEDED
        case _:
            return False
