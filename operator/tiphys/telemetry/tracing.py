"""Spans of workflows, nodes and their pods for OpenTelemetry. The only importer of it, and only where an endpoint is configured.

Trace and span ids are functions of the workflow's uid and of what the span is about, and times are those of the statuses of
workflow and pod. So a controller that was restarted goes on with the same trace, and a span told twice is the same span.

Source: features 24, "Tracing"; names and attributes are those that Argo 4.1.2 sends, with ours besides.
Differs from Argo: nodes are below the nodes that they belong to; executors tell nothing of their own calls.
"""

import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.model.phases import FAILED, FULFILLED, PENDING, RUNNING, UNSUCCESSFUL
from tiphys.model.status import NodeStatus
from tiphys.model.trace import span_id, trace_id
from tiphys.model.workflow import Workflow
from tiphys.pods.phases import PodPhase, pod_phases
from tiphys.pods.view import PodView
from tiphys.telemetry.endpoints import protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter


_CREATION = "createWorkflowPod"
_Said = dict[str, str | bool]


class _Lived:
    """What was heard of a workflow whose end was not: phases of nodes that go on, nodes that were told."""

    def __init__(self) -> None:
        self.phases: dict[str, list[tuple[str, datetime]]] = {}
        self.told: set[str] = set()


class Spans:
    """Tells of workflows, nodes and pods that ended, and of calls of the controller's own.

    Args:
        provider: Who exports; tests bring their own.
    """

    def __init__(self, provider: "TracerProvider") -> None:
        self._provider = provider
        self._tracer: Any = provider.get_tracer("tiphys")
        self._ids: Any = provider.id_generator
        self._lived: dict[str, _Lived] = {}

    def forget(self, uid: str) -> None:
        """A workflow is gone, or somebody else's; nothing more is told of it here."""
        self._lived.pop(uid, None)

    def started(self, began: datetime, listed: datetime, ended: datetime) -> None:
        """The controller has started: a trace of its own.

        Args:
            began: When.
            listed: When it began to read what there is.
            ended: When it knew that.
        """
        uid = secrets.token_hex(16)
        self._tell(uid, "startupController", "", 0, (began, ended), {})
        self._tell(uid, "startupCacheSync", "", span_id(uid, "startupController"), (listed, ended), {})

    def called(self, uid: str, name: str, times: tuple[datetime, datetime], attributes: _Said) -> None:
        """The controller did something for a workflow."""
        self._tell(uid, name, "", span_id(uid, "workflow"), times, attributes, key=f"{name} {secrets.token_hex(8)}")

    def node_changed(self, workflow: Workflow, node: NodeStatus, now: datetime, pod: PodView | None = None) -> None:
        """A node has a new phase; its span and those of its pod are told when that is its last."""
        lived = self._lived.setdefault(workflow.metadata.uid, _Lived())
        if node.phase not in FULFILLED:
            lived.phases.setdefault(node.id, []).append((node.phase, now))
            return
        self._tell_node(workflow, node, lived, pod)

    def pod_gone(self, workflow: Workflow, node: NodeStatus, pod: PodView, now: datetime) -> None:
        """A pod was deleted before its node's end; what went on then ended now."""
        end = {"ended": now, "message": "pod deleted", "exit_code": -1}
        phases = pod_phases(pod)
        self._tell_pod(workflow, node, pod, [msgspec.structs.replace(one, **end) if one.ended is None else one for one in phases])

    def _tell_pod(self, workflow: Workflow, node: NodeStatus, pod: PodView, phases: Iterable[PodPhase]) -> None:
        uid, created = workflow.metadata.uid, pod.metadata.creation_timestamp
        whose: _Said = {"name": workflow.metadata.name, "namespace": workflow.metadata.namespace, "node_id": node.id,
                        "pod": pod.metadata.name}  # fmt: skip
        # a pod that takes the place of another was not asked for when the node began
        asked = created if node.failed_pod_restarts else node.started_at
        key = f"{_CREATION} {pod.metadata.uid}"
        self._tell(uid, _CREATION, node.id, span_id(uid, "node", node.id), (asked, created), whose, key=key)
        above = span_id(uid, key, node.id)
        for one in phases:
            if one.ended is None:
                continue
            attributes: _Said = {
                **whose,
                "host": pod.spec.node_name,
                "container": one.container,
                "exit_code": "" if one.exit_code is None else str(one.exit_code),
                "message": one.message,
                "phase": FAILED if one.exit_code else "",
            }
            key = f"{one.name} {one.container} {pod.metadata.uid}"
            self._tell(uid, one.name, node.id, above, (one.began, one.ended), attributes, key=key)

    def workflow_ended(self, workflow: Workflow, pods: Mapping[str, PodView] = MappingProxyType({})) -> None:
        """A workflow has ended: its span, and those of nodes that ended before this process heard of them.

        Args:
            workflow: As it ended.
            pods: Node id -> its pod, where it is still there.
        """
        uid, status = workflow.metadata.uid, workflow.status
        lived = self._lived.pop(uid, None) or _Lived()
        for node in status.nodes.values():
            if node.id not in lived.told:
                self._tell_node(workflow, node, lived, pods.get(node.id))
        meta = workflow.metadata
        attributes: _Said = {"name": meta.name, "namespace": meta.namespace, "phase": status.phase, "message": status.message}
        self._tell(uid, "workflow", "", 0, (status.started_at, status.finished_at), attributes)
        own = span_id(uid, "workflow")
        times = (meta.creation_timestamp, status.started_at, status.finished_at)
        for phase, began, ended in ((PENDING, *times[:2]), (RUNNING, *times[1:])):
            self._tell(uid, "workflowPhase", "", own, (began, ended), {"phase": phase}, key=f"workflowPhase {phase}")

    def _tell_node(self, workflow: Workflow, node: NodeStatus, lived: _Lived, pod: PodView | None) -> None:
        uid = workflow.metadata.uid
        lived.told.add(node.id)
        parent = span_id(uid, "node", node.boundary_id) if node.boundary_id else span_id(uid, "workflow")
        attributes: _Said = {
            "name": workflow.metadata.name,
            "namespace": workflow.metadata.namespace,
            "node_id": node.id,
            "node_name": node.name,
            "node_type": node.type,
            "template": node.template_name,
            "phase": node.phase,
            "message": node.message,
        }
        self._tell(uid, "node", node.id, parent, (node.started_at, node.finished_at), attributes)
        own = span_id(uid, "node", node.id)
        of_pod = pod_phases(pod) if pod is not None else ()
        if pod is not None:
            self._tell_pod(workflow, node, pod, of_pod)
        phases = _missed(lived.phases.pop(node.id, []), node, of_pod)
        ends = [at for _, at in phases[1:]] + [node.finished_at]
        for (phase, began), ended in zip(phases, ends, strict=False):
            said: _Said = {"node_phase": phase, "node_id": node.id}
            self._tell(uid, "nodePhase", node.id, own, (began, ended), said, key=f"nodePhase {phase}")

    def _tell(  # noqa: PLR0913 a span is all of this
        self, uid: str, name: str, node_id: str, parent: int, times: tuple[datetime | None, datetime | None],
        attributes: _Said, *, key: str = "",
    ) -> None:  # fmt: skip
        from opentelemetry import trace

        began, ended = times
        if began is None:
            return
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        above = trace.NonRecordingSpan(trace.SpanContext(trace_id(uid), parent, is_remote=True, trace_flags=flags))
        around = trace.set_span_in_context(above if parent else trace.INVALID_SPAN)
        said = {one: what for one, what in attributes.items() if what != ""}
        kind = trace.SpanKind.PRODUCER if name == "nodePhase" else trace.SpanKind.INTERNAL
        self._ids.next = (trace_id(uid), span_id(uid, key or name, node_id))
        span = self._tracer.start_span(name, context=around, kind=kind, start_time=_nanoseconds(began), attributes=said)
        if attributes.get("phase") in UNSUCCESSFUL:
            span.set_status(trace.StatusCode.ERROR, str(attributes.get("message", "")) or None)
        span.end(_nanoseconds(max(began, ended or began)))

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _missed(lived: list[tuple[str, datetime]], node: NodeStatus, pod: tuple[PodPhase, ...]) -> list[tuple[str, datetime]]:
    """The phases of a pod's node, with those that this process did not live through, as the pod tells them."""
    if not pod or node.started_at is None or (lived and lived[0][0] == PENDING):
        return lived
    ran = next((one.began for one in pod if one.container), None)
    later = lived or ([(RUNNING, max(ran, node.started_at))] if ran is not None else [])
    return [(PENDING, node.started_at), *later]


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


def _exporter(environment: Mapping[str, str]) -> "SpanExporter":
    if protocol("traces", environment) == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def open_spans(exporter: "SpanExporter | None" = None, environment: Mapping[str, str] = os.environ) -> Spans:
    """Spans that go to the endpoint which the environment names (`OTEL_EXPORTER_OTLP_ENDPOINT` and its like).

    Raises:
        SpecError: It names a protocol that is not known.
    """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Chosen(IdGenerator):
        """Ids that were decided beforehand."""

        next: tuple[int, int] = (1, 1)

        def generate_trace_id(self) -> int:
            return self.next[0]

        def generate_span_id(self) -> int:
            return self.next[1]

    provider = TracerProvider(id_generator=Chosen(), resource=Resource.create({"service.name": "tiphys-controller"}))
    provider.add_span_processor(BatchSpanProcessor(exporter or _exporter(environment), schedule_delay_millis=1000))
    return Spans(provider)
