"""Which pods are deleted once they have ended.

Source: argo-semantics 21.1.
"""

from tiphys.model.phases import COMPLETED, FULFILLED, SUCCEEDED

AT_THE_END = ("OnWorkflowCompletion", "OnWorkflowSuccess")


def is_collected(strategy: str, node_phase: str, workflow_phase: str = "") -> bool:
    """Whether a node's pod may go, given the phases of the node and of its workflow."""
    match strategy:
        case "OnPodCompletion":
            return node_phase in FULFILLED
        case "OnPodSuccess":
            return node_phase == SUCCEEDED
        case "OnWorkflowCompletion":
            return workflow_phase in COMPLETED
        case "OnWorkflowSuccess":
            return workflow_phase == SUCCEEDED
        case _:
            return False
