"""The words for where a workflow or a node stands, and the questions asked of them. No transitions here.

Source: argo-semantics 2.1, 3.4, 3.6.
"""

from tiphys.model.status import NodeStatus

PENDING = "Pending"
RUNNING = "Running"
SUCCEEDED = "Succeeded"
SKIPPED = "Skipped"
FAILED = "Failed"
ERROR = "Error"
OMITTED = "Omitted"

COMPLETED = frozenset({SUCCEEDED, FAILED, ERROR})
FULFILLED = COMPLETED | {SKIPPED, OMITTED}
UNSUCCESSFUL = frozenset({FAILED, ERROR})

POD = "Pod"
CONTAINER = "Container"
STEPS = "Steps"
STEP_GROUP = "StepGroup"
DAG = "DAG"
TASK_GROUP = "TaskGroup"
RETRY = "Retry"
SKIPPED_TYPE = "Skipped"
SUSPEND = "Suspend"
HTTP = "HTTP"
PLUGIN = "Plugin"

LEAF_TYPES = frozenset({POD, CONTAINER, SUSPEND, HTTP, PLUGIN})


def is_fulfilled(node: NodeStatus) -> bool:
    """Whether dependants may go on: a final phase, or a daemon that is up."""
    return node.phase in FULFILLED or (bool(node.daemoned) and node.phase != PENDING)


def is_unsuccessful(node: NodeStatus) -> bool:
    """Whether the node Failed or ended in Error."""
    return node.phase in UNSUCCESSFUL


def is_own_error(node: NodeStatus) -> bool:
    """Whether the node is an Error of what is written (arguments, outputs), not because something inside of it ended so."""
    return node.phase == ERROR and (node.type == SKIPPED_TYPE or (node.type in (STEPS, DAG) and bool(node.message)))
