"""Spans of workflows, nodes and their pods for OpenTelemetry. The only importer of it, and only where an endpoint is configured.

Trace and span ids are functions of the workflow's uid and of what the span is about, and times are those of the statuses of
workflow and pod. So a controller that was restarted goes on with the same trace, and a span told twice is the same span.

Source: features 24, "Tracing".
Differs from Argo: spans are about what users run, not about the controller's and executors' own calls.
"""

import os
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
from tiphys.pods.view import PodView, node_id
from tiphys.telemetry.endpoints import protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter


class Spans:
    """Tells of workflows, nodes and pods that ended.

    Args:
        provider: Who exports; tests bring their own.
    """

    def __init__(self, provider: "TracerProvider") -> None:
        self._provider = provider
        self._tracer: Any = provider.get_tracer("tiphys")
        self._ids: Any = provider.id_generator
        self._phases: dict[tuple[str, str], list[tuple[str, datetime]]] = {}
        self._told: dict[str, set[str]] = {}

    def node_changed(self, workflow: Workflow, node: NodeStatus, now: datetime, pod: PodView | None = None) -> None:
        """A node has a new phase; its span and those of its pod are told when that is its last."""
        key = (workflow.metadata.uid, node.id)
        if node.phase not in FULFILLED:
            self._phases.setdefault(key, []).append((node.phase, now))
            return
        self._tell_node(workflow, node, self._phases.pop(key, []), pod)

    def pod_gone(self, workflow: Workflow, pod: PodView, now: datetime) -> None:
        """A pod was deleted before its node's end; what went on then ended now."""
        end = {"ended": now, "message": "pod deleted", "exit_code": -1}
        phases = pod_phases(pod)
        self._tell_pod(workflow, pod, [msgspec.structs.replace(one, **end) if one.ended is None else one for one in phases])

    def _tell_pod(self, workflow: Workflow, pod: PodView, phases: Iterable[PodPhase]) -> None:
        uid, node = workflow.metadata.uid, node_id(pod)
        for one in phases:
            if one.ended is None:
                continue
            attributes = {
                "node.id": node,
                "pod": pod.metadata.name,
                "host": pod.spec.node_name,
                "container": one.container,
                "exit_code": "" if one.exit_code is None else str(one.exit_code),
                "message": one.message,
                "phase": FAILED if one.exit_code else "",
            }
            key = f"{one.name} {one.container} {pod.metadata.uid}"
            self._tell(uid, one.name, node, span_id(uid, "node", node), (one.began, one.ended), attributes, key=key)

    def workflow_ended(self, workflow: Workflow, pods: Mapping[str, PodView] = MappingProxyType({})) -> None:
        """A workflow has ended: its span, and those of nodes that ended before this process heard of them.

        Args:
            workflow: As it ended.
            pods: Node id -> its pod, where it is still there.
        """
        uid, status = workflow.metadata.uid, workflow.status
        told = self._told.get(uid, set())
        for node in status.nodes.values():
            if node.id not in told:
                self._tell_node(workflow, node, [], pods.get(node.id))
        self._told.pop(uid, None)
        for key in [key for key in self._phases if key[0] == uid]:
            del self._phases[key]
        meta = workflow.metadata
        attributes = {"workflow": meta.name, "namespace": meta.namespace, "phase": status.phase, "message": status.message}
        self._tell(uid, "workflow", "", 0, (status.started_at, status.finished_at), attributes)
        own = span_id(uid, "workflow")
        times = (meta.creation_timestamp, status.started_at, status.finished_at)
        for phase, began, ended in ((PENDING, *times[:2]), (RUNNING, *times[1:])):
            self._tell(uid, "workflow_phase", "", own, (began, ended), {"phase": phase}, key=f"workflow_phase {phase}")

    def _tell_node(self, workflow: Workflow, node: NodeStatus, lived: list[tuple[str, datetime]], pod: PodView | None) -> None:
        uid = workflow.metadata.uid
        self._told.setdefault(uid, set()).add(node.id)
        parent = span_id(uid, "node", node.boundary_id) if node.boundary_id else span_id(uid, "workflow")
        attributes = {
            "workflow": workflow.metadata.name,
            "namespace": workflow.metadata.namespace,
            "node.id": node.id,
            "node.name": node.name,
            "node.type": node.type,
            "node.template": node.template_name,
            "phase": node.phase,
            "message": node.message,
        }
        self._tell(uid, "node", node.id, parent, (node.started_at, node.finished_at), attributes)
        own = span_id(uid, "node", node.id)
        of_pod = pod_phases(pod) if pod is not None else ()
        if pod is not None:
            self._tell_pod(workflow, pod, of_pod)
        phases = _missed(lived, node, of_pod)
        ends = [at for _, at in phases[1:]] + [node.finished_at]
        for (phase, began), ended in zip(phases, ends, strict=False):
            said = {"phase": phase, "node.id": node.id}
            self._tell(uid, "node_phase", node.id, own, (began, ended), said, key=f"node_phase {phase}")

    def _tell(  # noqa: PLR0913 a span is all of this
        self, uid: str, name: str, node_id: str, parent: int, times: tuple[datetime | None, datetime | None],
        attributes: dict[str, str], *, key: str = "",
    ) -> None:  # fmt: skip
        from opentelemetry import trace

        began, ended = times
        if began is None:
            return
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        above = trace.NonRecordingSpan(trace.SpanContext(trace_id(uid), parent, is_remote=True, trace_flags=flags))
        around = trace.set_span_in_context(above if parent else trace.INVALID_SPAN)
        said = {one: text for one, text in attributes.items() if text}
        self._ids.next = (trace_id(uid), span_id(uid, key or name, node_id))
        span = self._tracer.start_span(name, context=around, start_time=_nanoseconds(began), attributes=said)
        if attributes.get("phase") in UNSUCCESSFUL:
            span.set_status(trace.StatusCode.ERROR, attributes.get("message") or None)
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
