"""Facts about a workflow, one of each type.

Source: argo-semantics 2.2.
"""

import msgspec

from tiphys.model.status import Condition, WorkflowStatus

POD_RUNNING = "PodRunning"


def show_running(status: WorkflowStatus, *, is_running: bool) -> WorkflowStatus:
    """The status that says whether a pod runs; before the first one does, nothing is said."""
    word = str(is_running)
    known = next((one for one in status.conditions if one.type == POD_RUNNING), None)
    if (known is None and not is_running) or (known is not None and known.status == word):
        return status
    now = Condition(type=POD_RUNNING, status=word)
    if known is None:
        return msgspec.structs.replace(status, conditions=(now, *status.conditions))
    return msgspec.structs.replace(status, conditions=tuple(now if one is known else one for one in status.conditions))
