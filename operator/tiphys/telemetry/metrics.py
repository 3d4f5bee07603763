"""Every metric of the controller, with Argo's names where Argo has them. The only importer of prometheus_client.

Source: argo-semantics 26.1.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ControllerMetrics:
    """The metrics of one controller, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.workflows = Counter(
            "argo_workflows_total_count", "Workflows that entered a phase.", ["phase", "namespace"], registry=registry)
        self.live = Gauge(
            "argo_workflows_gauge", "Workflows by phase, as the controller knows them.", ["phase"], registry=registry
        )
        self.pods = Counter(
            "argo_workflows_pods_total_count", "Pods that entered a phase.", ["phase", "namespace"], registry=registry)
        self.errors = Counter("argo_workflows_error_count", "Errors of the controller by cause.", ["cause"], registry=registry)
        self.requests = Counter(
            "argo_workflows_k8s_request_total", "Requests to the API server.", ["kind", "verb", "status_code"], registry=registry)
        self.request_seconds = Histogram(
            "argo_workflows_k8s_request_duration", "Seconds a request took.", ["kind", "verb", "status_code"], buckets=_FAST,
            registry=registry)
        self.turn_seconds = Histogram(
            "argo_workflows_operation_duration_seconds", "Seconds of one turn of a workflow.", buckets=_FAST, registry=registry)
        self.queue_depth = Gauge(
            "argo_workflows_queue_depth_gauge", "Workflows that wait for their turn.", ["queue_name"], registry=registry)
        self.start_seconds = Histogram(
            "tiphys_pod_create_delay_seconds", "Seconds from the event that made a node ready to the answered create of its pod.",
            buckets=_FAST, registry=registry)

        self.configurations = Gauge(
            "tiphys_configuration_valid", "Whether the ConfigMap as it is now is in force: 0 after a bad edit.", ["config_map"],
            registry=registry)
        lock = ["type", "storage", "lock_name", "namespace"]
        self.locks_held = Gauge("argo_workflows_locks_held", "Holders of a lock.", lock, registry=registry)
        self.locks_pending = Gauge("argo_workflows_locks_pending", "Requests that wait for a lock.", lock, registry=registry)
        self.locks_taken = Counter("argo_workflows_locks_taken_total", "Times a lock was given.", lock, registry=registry)

    def configuration_read(self, config_map: str, *, is_good: bool) -> None:
        """A configuration was taken, or was not."""
        self.configurations.labels(config_map).set(1 if is_good else 0)

    def observe_request(self, verb: str, kind: str, status: int, seconds: float) -> None:
        """Count one request."""
        self.requests.labels(kind, verb, str(status)).inc()
        self.request_seconds.labels(kind, verb, str(status)).observe(seconds)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
