"""Who else is told of changes: metrics, the log, Kubernetes Events as Argo's.

Source: argo-semantics 24, 26.1.
"""

import logging

from tiphys.controller.live import Live
from tiphys.engine.actions import NodeChanged, WorkflowChanged
from tiphys.model.names import PREFIX
from tiphys.model.phases import COMPLETED, ERROR, FAILED, POD, RUNNING, SUCCEEDED
from tiphys.ports import Announcements, Clock
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.telemetry.tracing import Spans, annotations

log = logging.getLogger(__name__)
_NODE_REASONS = {RUNNING: "Running", SUCCEEDED: "Succeeded", FAILED: "Failed", ERROR: "Error"}
_REASONS = {RUNNING: "WorkflowRunning", SUCCEEDED: "WorkflowSucceeded", FAILED: "WorkflowFailed", ERROR: "WorkflowFailed"}
_SAYS = {RUNNING: "Workflow Running", SUCCEEDED: "Workflow completed"}


class Teller:
    """Tells of changes of nodes and workflows."""

    def __init__(self, announcements: Announcements, metrics: ControllerMetrics, clock: Clock, spans: Spans | None) -> None:
        self._announcements = announcements
        self._metrics = metrics
        self._clock = clock
        self._spans = spans

    def node_changed(self, live: Live, action: NodeChanged) -> None:
        """A node has a new phase."""
        node = live.run.tree.by_id(action.node_id) if self._spans and live.run else None
        if self._spans and node is not None:
            self._spans.node_changed(live.stored, node, self._clock.now())
        if action.type == POD:
            self._metrics.pods.labels(action.phase, live.namespace).inc()
        if action.phase not in _NODE_REASONS:
            return
        says = f"{action.phase} node {action.node_name}" + (f": {action.message}" if action.message else "")
        annotations = {
            PREFIX + "node-type": action.type,
            PREFIX + "node-name": action.node_name,
            PREFIX + "node-id": action.node_id,
        }
        self._announcements.announce(
            live.regarding,
            type_=_type(action.phase),
            reason=f"WorkflowNode{_NODE_REASONS[action.phase]}",
            message=says,
            annotations=annotations,
        )

    def workflow_changed(self, live: Live, action: WorkflowChanged) -> None:
        """The workflow has a new phase."""
        self._metrics.workflows.labels(action.phase, live.namespace).inc()
        if action.before:
            self._metrics.live.labels(action.before).dec()
        self._metrics.live.labels(action.phase).inc()
        if self._spans:
            self._trace(live, action, self._spans)
        log.info("workflow %s: %s -> %s %s", live.key, action.before or "new", action.phase, action.message)
        if action.phase not in _REASONS:
            return
        self._announcements.announce(
            live.regarding,
            type_=_type(action.phase),
            reason=_REASONS[action.phase],
            message=_SAYS.get(action.phase, action.message),
        )

    @staticmethod
    def _trace(live: Live, action: WorkflowChanged, spans: Spans) -> None:
        if action.phase == RUNNING:
            live.add_patch({"metadata": {"annotations": annotations(live.uid)}})
        elif action.phase in COMPLETED and live.run is not None:
            spans.workflow_ended(live.run.snapshot())


def _type(phase: str) -> str:
    return "Warning" if phase in (FAILED, ERROR) else "Normal"

