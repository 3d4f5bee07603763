"""Spans on their way to a collector: a real OTLP receiver over HTTP that decodes what arrives."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.integration.tracing.receivers import HttpReceiver

from tiphys.errors import SpecError
from tiphys.model.base import ObjectMeta
from tiphys.model.status import NodeStatus, WorkflowStatus
from tiphys.model.trace import ANNOTATION_SPAN_ID, ANNOTATION_TRACE_ID, annotations
from tiphys.model.workflow import Workflow
from tiphys.pods.view import PodView, parse_pod
from tiphys.telemetry.endpoints import Signal, is_wanted, protocol
from tiphys.telemetry.tracing import open_spans

T0 = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.fixture
def collector() -> Iterator[HttpReceiver]:
    one = HttpReceiver()
    yield one
    one.close()


STEPS = NodeStatus(name="w", id="w", type="Steps", phase="Failed", started_at=at(0), finished_at=at(9), message="child failed")
STARTED = {"running": {"startedAt": "2026-11-24T12:00:03Z"}}
ENDED = {
    "terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-11-24T12:00:03Z", "finishedAt": "2026-11-24T12:00:08Z"}
}


def pod(state: dict[str, object]) -> PodView:
    annotations = {"workflows.argoproj.io/node-id": "w-1"}
    meta = {"name": "w-say-1", "uid": "pod-1", "creationTimestamp": "2026-11-24T12:00:01Z", "annotations": annotations}
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-24T12:00:02Z"}]
    status = {"conditions": conditions, "containerStatuses": [{"name": "main", "state": state}]}
    return parse_pod(json.dumps({"metadata": meta, "spec": {"nodeName": "host-1"}, "status": status}).encode())


POD = NodeStatus(
    name="w[0].a", id="w-1", type="Pod", phase="Failed", boundary_id="w", template_name="say", started_at=at(1),
    finished_at=at(8), message="exit 1",
)  # fmt: skip
WORKFLOW = Workflow(
    metadata=ObjectMeta(name="w", namespace="argo", uid="uid-1", creation_timestamp=at(-2)),
    status=WorkflowStatus(phase="Failed", started_at=at(0), finished_at=at(10), nodes={"w": STEPS, "w-1": POD}),
)


def phase_of(attributes: dict[str, str]) -> str:
    """Which phase a span is about, of those that are."""
    return attributes.get("node_phase") or ("" if attributes.keys() - {"phase"} else attributes["phase"])


def told(collector: HttpReceiver, *seen: str) -> dict[str, Span]:
    spans = open_spans(OTLPSpanExporter(endpoint=f"{collector.address}/v1/traces"))
    for phase, when in (("Pending", 1), ("Running", 3)):
        if phase in seen:
            spans.node_changed(WORKFLOW, NodeStatus(name="w[0].a", id="w-1", phase=phase), at(when))
    if "Failed" in seen:
        spans.node_changed(WORKFLOW, POD, at(8), pod(ENDED))
    if "gone" in seen:
        spans.pod_gone(WORKFLOW, POD, pod(STARTED), at(7))
    spans.workflow_ended(WORKFLOW, {"w-1": pod(ENDED)} if "pod" in seen else {})
    spans.close()
    names: dict[str, Span] = {}
    for span in collector.spans:
        attributes = {one.key: one.value.string_value for one in span.attributes}
        names[f"{span.name} {attributes.get('node_id', '')} {phase_of(attributes)}".strip()] = span
    return names


LIFE = ("Pending", "Running", "Failed")
EVEN_IF_NOT_SEEN = ["workflow", "workflowPhase  Pending", "workflowPhase  Running", "node w", "node w-1"]
OF_A_NODE = ["nodePhase w-1 Pending", "nodePhase w-1 Running", "createWorkflowPod w-1", "podScheduling w-1", "podPreparing w-1",
             "runMainContainer w-1"]  # fmt: skip


def seconds(span: Span) -> tuple[float, float]:
    start = T0.timestamp()
    return span.start_time_unix_nano / 1e9 - start, span.end_time_unix_nano / 1e9 - start


def test_a_workflow_is_one_trace_of_nodes_and_their_phases(collector: HttpReceiver) -> None:
    spans = told(collector, *LIFE)
    assert sorted(spans) == sorted([*EVEN_IF_NOT_SEEN, *OF_A_NODE])
    assert {span.trace_id for span in spans.values()} == {spans["workflow"].trace_id}
    assert spans["workflow"].parent_span_id == b""
    assert spans["node w"].parent_span_id == spans["workflow"].span_id
    assert spans["node w-1"].parent_span_id == spans["node w"].span_id
    assert spans["nodePhase w-1 Running"].parent_span_id == spans["node w-1"].span_id
    assert seconds(spans["workflow"]) == (0, 10)
    assert seconds(spans["node w-1"]) == (1, 8)
    assert seconds(spans["nodePhase w-1 Pending"]) == (1, 3)
    assert seconds(spans["nodePhase w-1 Running"]) == (3, 8)
    assert (spans["node w-1"].status.code, spans["node w-1"].status.message) == (Status.STATUS_CODE_ERROR, "exit 1")


def test_the_phases_of_a_pod_are_below_its_creation(collector: HttpReceiver) -> None:
    spans = told(collector, *LIFE)
    of_pod = {name: spans[f"{name} w-1"] for name in ("podScheduling", "podPreparing", "runMainContainer")}
    creation = spans["createWorkflowPod w-1"]
    assert (creation.parent_span_id, seconds(creation)) == (spans["node w-1"].span_id, (1, 1))
    assert {span.parent_span_id for span in of_pod.values()} == {creation.span_id}
    assert {name: seconds(span) for name, span in of_pod.items()} == {
        "podScheduling": (1, 2), "podPreparing": (2, 3), "runMainContainer": (3, 8),
    }  # fmt: skip
    run = of_pod["runMainContainer"]
    said = {one.key: one.value.string_value for one in run.attributes}
    assert said == {"name": "w", "namespace": "argo", "node_id": "w-1", "pod": "w-say-1", "host": "host-1", "container": "main",
                    "exit_code": "1", "message": "Error", "phase": "Failed"}  # fmt: skip
    assert (run.status.code, run.status.message) == (Status.STATUS_CODE_ERROR, "Error")


def test_a_workflow_waits_and_runs(collector: HttpReceiver) -> None:
    spans = told(collector)
    assert seconds(spans["workflowPhase  Pending"]) == (-2, 0)
    assert seconds(spans["workflowPhase  Running"]) == (0, 10)
    assert spans["workflowPhase  Running"].parent_span_id == spans["workflow"].span_id


def test_what_ran_in_a_pod_that_was_deleted_ends_with_it(collector: HttpReceiver) -> None:
    run = told(collector, "Pending", "Running", "gone")["runMainContainer w-1"]
    assert (seconds(run), run.status.message) == ((3, 7), "pod deleted")


@pytest.mark.parametrize("seen", [("Failed",), ("Running", "Failed"), ("pod",)])
def test_phases_before_a_restart_are_told_by_the_pod(collector: HttpReceiver, seen: tuple[str, ...]) -> None:
    whole = {name: (span.span_id, seconds(span)) for name, span in told(collector, *LIFE).items()}
    collector.spans.clear()
    assert {name: (span.span_id, seconds(span)) for name, span in told(collector, *seen).items()} == whole


def test_a_controller_that_was_restarted_goes_on_with_the_same_trace(collector: HttpReceiver) -> None:
    before = {name: (span.trace_id, span.span_id) for name, span in told(collector, *LIFE).items()}
    collector.spans.clear()
    after = {name: (span.trace_id, span.span_id) for name, span in told(collector).items()}
    assert after == {name: ids for name, ids in before.items() if name in EVEN_IF_NOT_SEEN}


def test_the_annotations_name_the_trace(collector: HttpReceiver) -> None:
    workflow = told(collector)["workflow"]
    assert annotations("uid-1") == {ANNOTATION_TRACE_ID: workflow.trace_id.hex(), ANNOTATION_SPAN_ID: workflow.span_id.hex()}


@pytest.mark.parametrize(
    ("environment", "signal", "want"),
    [
        ({}, "traces", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "traces", True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "metrics", True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, "traces", True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, "metrics", False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, "metrics", True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, "traces", False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, "metrics", True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, "metrics", False),
    ],
)
def test_nothing_is_sent_unless_an_endpoint_is_named(environment: dict[str, str], signal: Signal, want: bool) -> None:
    assert is_wanted(signal, environment) is want


def test_the_protocol_is_grpc_unless_a_variable_says_otherwise() -> None:
    assert protocol("metrics", {}) == "grpc"
    assert protocol("metrics", {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}) == "http/protobuf"
    said = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}
    assert [protocol(signal, said) for signal in ("traces", "metrics")] == ["http/protobuf", "grpc"]
    with pytest.raises(SpecError, match="'http/json' is not one of grpc, http/protobuf"):
        protocol("traces", {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})


def test_what_the_controller_does_is_below_the_workflow_and_its_start_is_a_trace_of_its_own(collector: HttpReceiver) -> None:
    spans = open_spans(OTLPSpanExporter(endpoint=f"{collector.address}/v1/traces"))
    spans.started(at(-9), at(-8), at(-5))
    for start in (1, 2):
        spans.called(
            "uid-1", "tryAcquireLock", (at(start), at(start + 1)), {"lock_name": "workflow-sync", "acquired": start == 2}
        )
    spans.workflow_ended(WORKFLOW)
    spans.close()
    by_name = {span.name: span for span in collector.spans}
    locks = [span for span in collector.spans if span.name == "tryAcquireLock"]
    assert {span.parent_span_id for span in locks} == {by_name["workflow"].span_id}
    assert len({span.span_id for span in locks}) == 2
    assert [{one.key: one.value.bool_value for one in span.attributes}["acquired"] for span in locks] == [False, True]
    start, listing = by_name["startupController"], by_name["startupCacheSync"]
    assert (seconds(start), seconds(listing), listing.parent_span_id) == ((-9, -5), (-8, -5), start.span_id)
    assert start.trace_id == listing.trace_id != by_name["workflow"].trace_id


def test_phases_of_a_workflow_that_is_forgotten_are_not_told_with_its_end(collector: HttpReceiver) -> None:
    spans = open_spans(OTLPSpanExporter(endpoint=f"{collector.address}/v1/traces"))
    spans.node_changed(WORKFLOW, NodeStatus(name="w[0].a", id="w-1", phase="Running"), at(3))
    spans.forget("uid-1")
    spans.workflow_ended(WORKFLOW)
    spans.close()
    assert "nodePhase" not in {span.name for span in collector.spans}
