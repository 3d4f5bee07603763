"""Who else is told of changes: metrics, the log, Kubernetes Events as Argo's.

Source: argo-semantics 24, 26.1.
"""

import logging
from typing import TYPE_CHECKING

from tiphys.controller.live import Live
from tiphys.engine.actions import NodeChanged, WorkflowChanged
from tiphys.model.names import PREFIX
from tiphys.model.phases import COMPLETED, ERROR, FAILED, FULFILLED, PENDING, POD, RUNNING, SUCCEEDED
from tiphys.model.status import NodeStatus
from tiphys.model.trace import annotations
from tiphys.pods.view import PodView, node_id
from tiphys.telemetry.tracing import Spans

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_NODE_REASONS = {RUNNING: "Running", SUCCEEDED: "Succeeded", FAILED: "Failed", ERROR: "Error"}
_REASONS = {RUNNING: "WorkflowRunning", SUCCEEDED: "WorkflowSucceeded", FAILED: "WorkflowFailed", ERROR: "WorkflowFailed"}
_SAYS = {RUNNING: "Workflow Running", SUCCEEDED: "Workflow completed"}


class Teller:
    """Tells of changes of nodes and workflows."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._announcements = controller.announcements
        self._metrics = controller.metrics
        self._clock = controller.clock
        self._spans = controller.spans

    def node_changed(self, live: Live, action: NodeChanged) -> None:
        """A node has a new phase; one that jumps to its end began before."""
        node = live.run.tree.by_id(action.node_id) if self._spans and live.run else None
        if self._spans and node is not None:
            self._spans.node_changed(live.stored, node, self._clock.now(), self._pod(live, node))
        settings = self._controller.configuration.node_events
        if action.phase not in _NODE_REASONS or not settings.enabled:
            return
        if action.phase != RUNNING and action.before in ("", PENDING):
            self._node_event(live, action, RUNNING, "")
        self._node_event(live, action, action.phase, action.message)

    def _pod(self, live: Live, node: NodeStatus) -> PodView | None:
        """The pod of a node, as it is known now."""
        if node.type != POD or live.run is None:
            return None
        return self._controller.pods.of(live.uid).get(f"{live.namespace}/{live.run.pod_of(node)}")

    def pod_gone(self, live: Live, pod: PodView) -> None:
        """A pod was deleted; where its node had not ended, nobody sees it later."""
        node = live.run.tree.by_id(node_id(pod)) if self._spans and live.run is not None else None
        if self._spans and node is not None and node.phase not in FULFILLED:
            self._spans.pod_gone(live.stored, node, pod, self._clock.now())

    def _node_event(self, live: Live, action: NodeChanged, phase: str, message: str) -> None:
        node = live.run.tree.by_id(action.node_id) if live.run is not None else None
        started = node.started_at if node is not None else None
        said = {
            PREFIX + "node-type": action.type,
            PREFIX + "node-name": action.node_name,
            PREFIX + "node-id": action.node_id,
            **({PREFIX + "node-start-time": str(int(started.timestamp()) * 10**9)} if started else {}),
        }
        regarding = live.regarding
        as_pod = self._controller.configuration.node_events.send_as_pod and action.type == POD
        if as_pod and live.run is not None and node is not None:
            said |= {PREFIX + "workflow-name": live.name, PREFIX + "workflow-uid": live.uid}
            regarding = {"apiVersion": "v1", "kind": "Pod", "namespace": live.namespace, "name": live.run.pod_of(node)}
        says = f"{phase} node {action.node_name}" + (f": {message}" if message else "")
        reason = f"WorkflowNode{_NODE_REASONS[phase]}"
        self._announcements.announce(regarding, type_=_type(phase), reason=reason, message=says, annotations=said)

    def _count(self, live: Live, action: WorkflowChanged) -> None:
        self._metrics.workflows.labels(action.phase, live.namespace).inc()
        ref = live.stored.spec.workflow_template_ref
        if ref is None:
            return
        labels = (ref.name, live.namespace, str(bool(ref.cluster_scope)).lower())
        self._metrics.templates_used.labels(*labels, action.phase).inc()
        status = live.status
        if status.finished_at is not None and status.started_at is not None:
            seconds = (status.finished_at - status.started_at).total_seconds()
            self._metrics.histogram("workflowtemplate_runtime").labels(*labels).observe(seconds)

    def workflow_changed(self, live: Live, action: WorkflowChanged) -> None:
        """The workflow has a new phase."""
        self._count(live, action)
        if self._spans:
            self._trace(live, action, self._spans)
        log.info("workflow %s: %s -> %s %s", live.key, action.before or "new", action.phase, action.message)
        if action.phase not in _REASONS or not self._controller.configuration.workflow_events.enabled:
            return
        self._announcements.announce(
            live.regarding,
            type_=_type(action.phase),
            reason=_REASONS[action.phase],
            message=_SAYS.get(action.phase, action.message),
        )

    def _trace(self, live: Live, action: WorkflowChanged, spans: Spans) -> None:
        if action.phase == RUNNING:
            live.add_patch({"metadata": {"annotations": annotations(live.uid)}})
        elif action.phase in COMPLETED and live.run is not None:
            pods = {node_id(pod): pod for pod in self._controller.pods.of(live.uid).values()}
            spans.workflow_ended(live.run.snapshot(), pods)


def _type(phase: str) -> str:
    return "Warning" if phase in (FAILED, ERROR) else "Normal"
