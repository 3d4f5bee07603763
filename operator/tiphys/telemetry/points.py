"""Metrics as OpenTelemetry's data points: what is shown to Prometheus, told to an OTLP receiver.

Names lose Argo's prefix, as in Argo. The only importer of OpenTelemetry's metrics, and only where an endpoint is configured.

Source: OpenTelemetry metrics data model (sums, gauges, explicit-bucket histograms, temporality); argo-semantics 26.1.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tiphys import __version__
from tiphys.telemetry.endpoints import protocol
from tiphys.telemetry.exposition import PREFIX, Family, Line

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData

Key = tuple[str, tuple[tuple[str, str], ...]]


class _Distribution(NamedTuple):
    """A histogram of one label combination: bounds without infinity, and one count more than bounds."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    def since(self, before: "_Distribution | None") -> "_Distribution":
        """What came since `before`; all where buckets are others or it began anew."""
        if before is None or before.bounds != self.bounds or sum(before.counts) > sum(self.counts):
            return self
        counts = tuple(now - then for now, then in zip(self.counts, before.counts, strict=True))
        return _Distribution(self.bounds, counts, self.total - before.total)


class _Told:
    """What a receiver knows."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.sums: dict[Key, float] = {}
        self.distributions: dict[Key, _Distribution] = {}


class Points:
    """Makes data points, and remembers what was told where only differences are wanted.

    Args:
        started: Since when values add up.
    """

    def __init__(self, started: datetime) -> None:
        self._started = _nanoseconds(started)
        self._told = self._offered = _Told(self._started)

    def of(self, families: Iterable[Family], now: datetime, *, delta: bool) -> "MetricsData":
        """All metrics now; with `delta` counters and histograms since what was `taken` last."""
        from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        at = _nanoseconds(now)
        since = self._told.at if delta else self._started
        self._offered = _Told(at)
        metrics = [self._metric(family, (since, at), delta=delta) for family in families]
        scope = ScopeMetrics(InstrumentationScope("tiphys", __version__), [one for one in metrics if one.data.data_points], "")
        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or "tiphys-controller"})
        return MetricsData([ResourceMetrics(resource, [scope], "")])

    def taken(self) -> None:
        """The receiver has what was made last."""
        self._told = self._offered

    def _metric(self, family: Family, times: tuple[int, int], *, delta: bool) -> Any:
        from opentelemetry.sdk.metrics import export

        way = export.AggregationTemporality.DELTA if delta else export.AggregationTemporality.CUMULATIVE
        data: Any
        match family.kind:
            case "histogram":
                data = export.Histogram(self._histogram(family, times, delta=delta), way)
            case "counter":
                data = export.Sum(self._sum(family, times, delta=delta), way, is_monotonic=True)
            case _:
                data = export.Gauge(_numbers(((line.labels, line.value) for line in family.lines), times))
        return export.Metric(family.name.removeprefix(PREFIX), family.help, "", data)

    def _sum(self, family: Family, times: tuple[int, int], *, delta: bool) -> Sequence[Any]:
        said = []
        for line in family.lines:
            key = (family.name, tuple(sorted(line.labels.items())))
            before = self._told.sums.get(key, 0.0) if delta else 0.0
            self._offered.sums[key] = line.value
            said.append((line.labels, line.value - before if line.value >= before else line.value))
        return _numbers(said, times)

    def _histogram(self, family: Family, times: tuple[int, int], *, delta: bool) -> list[Any]:
        from opentelemetry.sdk.metrics.export import HistogramDataPoint

        points: list[Any] = []
        unknown: Any = None
        for labels, whole in _distributions(family):
            key = (family.name, labels)
            one = whole.since(self._told.distributions.get(key)) if delta else whole
            self._offered.distributions[key] = whole
            points.append(HistogramDataPoint(
                dict(labels), *times, count=sum(one.counts), sum=one.total, bucket_counts=one.counts,
                explicit_bounds=one.bounds, min=unknown, max=unknown,
            ))  # fmt: skip
        return points


def _numbers(values: Iterable[tuple[Mapping[str, str], float]], times: tuple[int, int]) -> list[Any]:
    from opentelemetry.sdk.metrics.export import NumberDataPoint

    return [NumberDataPoint(dict(labels), *times, value) for labels, value in values]


def _distributions(family: Family) -> Iterable[tuple[tuple[tuple[str, str], ...], _Distribution]]:
    """The text format's lines of a histogram, put together: there, counts of buckets add up."""
    buckets: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    totals: dict[tuple[tuple[str, str], ...], float] = {}
    for line in family.lines:
        labels = tuple(sorted((name, text) for name, text in line.labels.items() if name != "le"))
        if line.name.endswith("_bucket"):
            buckets.setdefault(labels, []).append((_bound(line), int(line.value)))
        elif line.name.endswith("_sum"):
            totals[labels] = line.value
    for labels, found in buckets.items():
        found.sort()
        below = [0, *(count for _, count in found[:-1])]
        counts = tuple(count - before for (_, count), before in zip(found, below, strict=True))
        yield labels, _Distribution(tuple(bound for bound, _ in found[:-1]), counts, totals.get(labels, 0.0))


def _bound(line: Line) -> float:
    return float(line.labels["le"].replace("+Inf", "inf"))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


def open_exporter(environment: Mapping[str, str] = os.environ) -> "MetricExporter":
    """Sends to the endpoint that the environment names.

    Raises:
        SpecError: It names a protocol that is not known.
    """
    if protocol("metrics", environment) == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter

        return GrpcExporter()
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return OTLPMetricExporter()
