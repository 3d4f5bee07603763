"""Metrics on their way to OTLP receivers that decode what arrives."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.sdk.metrics.export import MetricExporter
from tests.integration.tracing.receivers import GrpcReceiver, HttpReceiver, Received

from tiphys.controller.clock import SystemClock
from tiphys.controller.pushing import Pushing, metrics_pushed
from tiphys.engine.actions import EmitMetric
from tiphys.errors import SpecError
from tiphys.settings import OwnConfiguration, parse_configuration
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.testing.clock import ManualClock

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["grpc", "http"])
def receiver(request: pytest.FixtureRequest) -> Iterator[HttpReceiver | GrpcReceiver]:
    one = GrpcReceiver() if request.param == "grpc" else HttpReceiver()
    yield one
    one.close()


def exporter(receiver: HttpReceiver | GrpcReceiver) -> MetricExporter:
    if isinstance(receiver, GrpcReceiver):
        return GrpcExporter(endpoint=receiver.address)
    return OTLPMetricExporter(endpoint=f"{receiver.address}/v1/metrics", timeout=20)


def measured() -> ControllerMetrics:
    clock = ManualClock()
    metrics = ControllerMetrics(clock.now)
    metrics.workflows.labels("Succeeded", "argo").inc(3)
    metrics.workflows.labels("Failed", "argo").inc()
    for seconds in (0.002, 0.03, 99.0):
        metrics.turn_seconds.observe(seconds)
    metrics.custom.emit("uid", EmitMetric(name="users_own", help="h", kind="gauge", labels=(("a", "b"),), value=4.5))
    return metrics


def numbers(metric: Metric) -> dict[tuple[str, ...], float]:
    points = metric.sum.data_points or metric.gauge.data_points
    return {tuple(sorted(pair.value.string_value for pair in point.attributes)): point.as_double for point in points}


async def pushed(receiver: Received, metrics: ControllerMetrics, sender: MetricExporter) -> dict[str, Metric]:
    pushing = Pushing(metrics, sender, ManualClock(), MINUTE)
    await pushing.push()
    sender.shutdown()
    return receiver.pushes[-1]


async def test_a_receiver_hears_what_prometheus_would_see(receiver: HttpReceiver | GrpcReceiver) -> None:
    heard = await pushed(receiver, measured(), exporter(receiver))
    assert receiver.services == {"tiphys-controller"}
    assert numbers(heard["total_count"]) == {("Succeeded", "argo"): 3, ("Failed", "argo"): 1}
    assert heard["total_count"].sum.is_monotonic
    assert heard["total_count"].sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert numbers(heard["is_leader"]) == {(): 1}
    assert numbers(heard["users_own"]) == {("b",): 4.5}
    [turn] = heard["operation_duration_seconds"].histogram.data_points
    assert (turn.count, turn.sum, turn.bucket_counts[-1]) == (3, pytest.approx(99.032), 1)
    assert len(turn.bucket_counts) == len(turn.explicit_bounds) + 1
    assert {turn.explicit_bounds[at] for at, count in enumerate(turn.bucket_counts[:-1]) if count} == {0.0025, 0.05}
    assert not turn.HasField("max")


async def test_what_the_administrator_leaves_out_is_not_pushed_either(receiver: HttpReceiver | GrpcReceiver) -> None:
    metrics = measured()
    text = "modifiers: {total_count: {disabledAttributes: [phase]}, is_leader: {disabled: true}}"
    metrics.configure(parse_configuration({"metricsConfig": text}).metrics_config, OwnConfiguration())
    heard = await pushed(receiver, metrics, exporter(receiver))
    assert numbers(heard["total_count"]) == {("argo",): 4}
    assert "is_leader" not in heard


async def test_only_differences_are_told_where_the_configuration_says_delta_and_none_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    receiver, metrics = HttpReceiver(), measured()
    metrics.configure(parse_configuration({"metricsConfig": "temporality: Delta"}).metrics_config, OwnConfiguration())
    sender = exporter(receiver)
    pushing = Pushing(metrics, sender, ManualClock(), MINUTE)
    await pushing.push()
    metrics.workflows.labels("Failed", "argo").inc(5)
    metrics.turn_seconds.observe(0.03)
    receiver.answer = 400
    await pushing.push()
    await pushing.push()
    assert [record.message for record in caplog.records if record.name == "tiphys.controller.pushing"] == ["metrics cannot be pushed"]
    receiver.answer = 200
    metrics.workflows.labels("Failed", "argo").inc(2)
    await pushing.push()
    first, last = receiver.pushes
    receiver.close()
    sender.shutdown()
    assert numbers(first["total_count"]) == {("Succeeded", "argo"): 3, ("Failed", "argo"): 1}
    assert numbers(last["total_count"]) == {("Succeeded", "argo"): 0, ("Failed", "argo"): 7}
    assert last["total_count"].sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    assert numbers(last["is_leader"]) == {(): 1}
    [turn] = last["operation_duration_seconds"].histogram.data_points
    assert (turn.count, turn.sum) == (1, pytest.approx(0.03))
    assert caplog.records[-1].message == "metrics are pushed again"


async def test_metrics_are_pushed_each_interval_and_once_more_at_the_end(receiver: HttpReceiver | GrpcReceiver) -> None:
    metrics = measured()
    pushing = Pushing(metrics, exporter(receiver), SystemClock(), timedelta(milliseconds=5))
    task = asyncio.get_running_loop().create_task(pushing.run())
    async with asyncio.timeout(20):
        while len(receiver.pushes) < 3:  # noqa: ASYNC110 another thread receives
            await asyncio.sleep(0.01)
    metrics.workflows.labels("Failed", "argo").inc(8)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert numbers(receiver.pushes[-1]["total_count"])[("Failed", "argo")] == 9


def test_an_interval_that_is_no_number_is_told() -> None:
    with pytest.raises(SpecError, match="OTEL_METRIC_EXPORT_INTERVAL: 'often' is no number of milliseconds"):
        metrics_pushed(ControllerMetrics(), SystemClock(), {"OTEL_METRIC_EXPORT_INTERVAL": "often"})
