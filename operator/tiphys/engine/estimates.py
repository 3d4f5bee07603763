"""How long a workflow and its nodes will probably take: as long as the last one of its kind that succeeded.

Source: argo-semantics 26.3.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from tiphys.model.workflow import Workflow


class Estimate(msgspec.Struct, frozen=True):
    """What an earlier workflow took.

    Attributes:
        seconds: The whole of it.
        nodes: Node name without the workflow's name -> seconds.
    """

    seconds: int
    nodes: Mapping[str, int] = {}

    def of_node(self, workflow: str, node_name: str) -> int | None:
        """The seconds of the node that has this name in another workflow."""
        return self.nodes.get(node_name.removeprefix(workflow))


def estimate_of(workflow: Workflow) -> Estimate | None:
    """What a finished workflow took; None when it does not say."""
    status, name = workflow.status, workflow.metadata.name
    seconds = _seconds(status.started_at, status.finished_at)
    if seconds is None:
        return None
    taken = {node.name.removeprefix(name): _seconds(node.started_at, node.finished_at) for node in status.nodes.values()}
    return Estimate(seconds, {key: value for key, value in taken.items() if value is not None})


def _seconds(started: datetime | None, finished: datetime | None) -> int | None:
    return None if started is None or finished is None else int((finished - started).total_seconds())
