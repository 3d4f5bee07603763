"""The server's own numbers, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tiphys import __version__

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class ServerMetrics:
    """Requests by route, never by path: names of users' objects are no labels."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        version = Gauge("argo_workflows_version", "Which program this is.", ["version"], registry=self.registry)
        version.labels(f"v{__version__}").set(1)
        labels = ["method", "route", "code"]
        self._requests = Counter("tiphys_server_requests", "Answers that were begun.", labels, registry=self.registry)
        self._seconds = Histogram(
            "tiphys_server_request_duration_seconds", "Until an answer begins.", ["route"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._open = Gauge("tiphys_server_open_requests", "Answers under way, streams among them.", registry=self.registry)
        self._limited = Counter("tiphys_server_rate_limited", "Requests that were one too many.", registry=self.registry)

    def begin(self) -> None:
        """A request came."""
        self._open.inc()

    def answered(self, method: str, route: str, code: int, seconds: float) -> None:
        """An answer begins."""
        self._requests.labels(method, route, str(code)).inc()
        self._seconds.labels(route).observe(seconds)

    def limited(self) -> None:
        """A request was one too many."""
        self._limited.inc()

    def end(self) -> None:
        """An answer has ended."""
        self._open.dec()

    def text(self) -> bytes:
        """All of them, in the text format."""
        return generate_latest(self.registry)
