"""Every metric of the controller, with Argo's names where Argo has them.

Source: argo-semantics 26.1.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from platform import machine, python_version, system

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from tiphys import __version__
from tiphys.settings.configuration import MetricsConfig
from tiphys.settings.own import OwnConfiguration
from tiphys.telemetry.custom import CustomMetrics
from tiphys.telemetry.exposition import PREFIX, Family, Line, expose, modified

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_TURN = (*_FAST, 5.0, 15.0, 20.0, 25.0, 30.0)
_REQUEST = (*_FAST, 5.0, 20.0, 30.0, 60.0, 180.0)
_LONG = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 86400.0)
_LABELS_OF_VERSION = ("version", "platform", "go_version", "build_date", "compiler", "git_commit", "git_tree_state", "git_tag")
Readings = Callable[[], Mapping[tuple[str, ...], float]]


class _NamedCounter(Counter):
    """A counter whose name is shown as it is given."""

    def _child_samples(self) -> Iterable[Sample]:
        return (Sample("", {}, self._value.get(), None, None),)


class _Measured(Collector):
    """A metric whose values are read when somebody looks."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], read: Readings) -> None:
        self._name, self._text, self._labels, self._read = name, text, labels, read

    def collect(self) -> Iterable[Metric]:
        """The values as they are now."""
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in self._read().items():
            family.add_metric(labels, value)
        yield family


class ControllerMetrics:
    """The metrics of one controller, in a registry of its own.

    Attributes:
        custom: Those that users define.
        depths: Queue -> how much waits in it, for those that measure it when somebody looks.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:  # noqa: TID251 when somebody looks
        self.registry = CollectorRegistry()
        self.config = MetricsConfig()
        self._histograms: dict[str, Histogram] = {}
        self._shown: dict[str, str] = {}
        self.depths: dict[str, Callable[[], float]] = {}
        self.custom = CustomMetrics(now, self._shown.values)
        count, gauge = self._counter, self._gauge
        self.workflows = count("total_count", "Workflows that entered a phase.", "phase", "namespace")
        self.pods = count("pods_total_count", "Pods that entered a phase.", "phase", "namespace")
        self.pods_pending = count("pod_pending_count", "Times a pod was pending, by reason.", "reason", "namespace")
        self.pods_missing = count("pod_missing", "Pods that vanished.", "recently_started", "node_phase")
        self.pod_restarts = count("pod_restarts_total", "Pods made again before they began.", "reason", "condition", "namespace")
        self.errors = count("error_count", "Errors of the controller by cause.", "cause")
        self.logged = count("log_messages", "Lines of the log by level.", "level")
        self.deprecated = count("deprecated_feature", "Uses of what is deprecated.", "feature", "namespace")
        self.requests = count("k8s_request_total", "Requests to the API server.", "kind", "verb", "status_code")
        self.templates_used = count(
            "workflowtemplate_triggered_total", "Workflows by the template they run.",
            "name", "namespace", "cluster_scope", "phase",
        )  # fmt: skip
        self.crons_triggered = count("cronworkflows_triggered_total", "Slots that led to a workflow.", "name", "namespace")
        self.cron_policies = count(
            "cronworkflows_concurrencypolicy_triggered", "Slots that the concurrency policy decided.",
            "name", "namespace", "concurrency_policy",
        )  # fmt: skip
        self.queue_adds = count("queue_adds_count", "Turns that were asked for.", "queue_name")
        self.queue_retries = count("queue_retries", "What was asked for again, or was not taken by the API server.", "queue_name")
        lock = ("type", "storage", "lock_name", "namespace")
        self.locks_held = gauge("locks_held", "Holders of a lock.", *lock)
        self.locks_pending = gauge("locks_pending", "Requests that wait for a lock.", *lock)
        self.locks_taken = count("locks_taken_total", "Times a lock was given.", *lock)
        gauge("is_leader", "1 where this process works.").set(1)
        self._gauge_of_version()
        histogram = self._histogram
        histogram("k8s_request_duration", "Seconds a request took.", _REQUEST, "kind", "verb", "status_code")
        histogram("operation_duration_seconds", "Seconds of one turn of a workflow.", _TURN)
        histogram("queue_latency", "Seconds that a turn was waited for.", _FAST, "queue_name")
        histogram("queue_duration", "Seconds that a turn took.", _FAST, "queue_name")
        histogram("workflowtemplate_runtime", "Seconds that a workflow ran.", _LONG, "name", "namespace", "cluster_scope")
        histogram("client_rate_limiter_latency", "Seconds that a request waited for its turn.", _FAST)
        histogram("resource_rate_limiter_latency", "Seconds that a pod's creation waited for the rate limit.", _FAST)
        self.start_seconds = Histogram(
            "tiphys_pod_create_delay_seconds", "Seconds from the event that made a node ready to the answered create of its pod.",
            buckets=_FAST, registry=self.registry)  # fmt: skip
        self.configurations = Gauge(
            "tiphys_configuration_valid", "Whether the ConfigMap as it is now is in force: 0 after a bad edit.", ["config_map"],
            registry=self.registry)  # fmt: skip
        self.registry.register(_Dropped(self.custom))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        kind = Counter if name.endswith("_total") else _NamedCounter
        return kind(self._named(name), text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(self._named(name), text, labels, registry=self.registry)

    def _named(self, name: str) -> str:
        """The name with its prefix, known from now on as one of our own."""
        shown = PREFIX + name
        self._shown[shown.removesuffix("_total")] = shown
        return shown

    def _gauge_of_version(self) -> None:
        platform, python = f"{system()}/{machine()}".lower(), f"python{python_version()}"
        values = (__version__, platform, python, "", "cpython", "", "", f"v{__version__}")
        self._counter("version", "What runs here.", *_LABELS_OF_VERSION).labels(*values).inc()

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> None:
        made = Histogram(self._named(name), text, labels, buckets=tuple(sorted(buckets)), registry=self.registry)
        self._histograms[name] = made

    def histogram(self, name: str) -> Histogram:
        """A histogram by its name without prefix; its buckets may be configured."""
        return self._histograms[name]

    @property
    def turn_seconds(self) -> Histogram:
        """Seconds of one turn of a workflow."""
        return self._histograms["operation_duration_seconds"]

    def measure(self, name: str, text: str, labels: tuple[str, ...], read: Readings) -> None:
        """Show a gauge whose values are read when somebody looks: label values -> value."""
        self.registry.register(_Measured(self._named(name), text, labels, read))

    def configure(self, config: MetricsConfig, own: OwnConfiguration) -> None:
        """Take the configuration; a histogram with new buckets starts anew."""
        self.custom.ttl, self.custom.limit = config.metrics_ttl, own.metric_series_limit
        for name, known in list(self._histograms.items()):
            wanted = config.modifiers[name].histogram_buckets if name in config.modifiers else ()
            before = self.config.modifiers[name].histogram_buckets if name in self.config.modifiers else ()
            if wanted and wanted != before:
                self.registry.unregister(known)
                self._histogram(name, known._documentation, wanted, *known._labelnames)
        self.config = config

    def configuration_read(self, config_map: str, *, is_good: bool) -> None:
        """A configuration was taken, or was not."""
        self.configurations.labels(config_map).set(1 if is_good else 0)

    def observe_request(self, verb: str, kind: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.requests.labels(kind, verb, str(status)).inc()
        self._histograms["k8s_request_duration"].labels(kind, verb, str(status)).observe(seconds)

    def _shown_name(self, metric: Metric) -> str:
        return self._shown.get(metric.name, f"{metric.name}_total" if metric.type == "counter" else metric.name)

    def _families(self) -> Iterator[Family]:
        for metric in self.registry.collect():
            samples = (one for one in metric.samples if not one.name.endswith("_created"))
            lines = (Line(one.name, one.labels, one.value) for one in samples)
            yield Family(self._shown_name(metric), metric.documentation, metric.type, lines)
        yield from self.custom.families()

    def families(self) -> Iterator[Family]:
        """All metrics as they are now, as the administrator wants them."""
        return modified(self._families(), self.config.modifiers)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return expose(self.families())


class _Dropped(Collector):
    """How many values of users' metrics were refused because their metric has too many label combinations."""

    def __init__(self, custom: CustomMetrics) -> None:
        self._custom = custom

    def collect(self) -> Iterable[Metric]:
        """The count as it is now."""
        text = "Values of custom metrics with too many label combinations."
        yield CounterMetricFamily("tiphys_custom_metric_values_dropped", text, value=self._custom.dropped)
