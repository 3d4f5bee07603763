"""Metrics of schedules.

Source: argo-semantics 26.1.
"""

from prometheus_client import Counter

from tiphys.engine.cron.actions import Fired
from tiphys.telemetry.metrics import ControllerMetrics


class CronMetrics:
    """What slots of schedules led to, among the metrics of a controller."""

    def __init__(self, metrics: ControllerMetrics) -> None:
        self._errors = metrics.errors
        self._triggered = Counter(
            "argo_workflows_cronworkflows_triggered_total",
            "Workflows that schedules submitted.",
            ["name", "namespace"],
            registry=metrics.registry,
        )
        self._policies = Counter(
            "argo_workflows_cronworkflows_concurrencypolicy_triggered",
            "Slots in which a concurrency policy acted.",
            ["name", "namespace", "concurrency_policy"],
            registry=metrics.registry,
        )

    def fired(self, namespace: str, name: str, fired: Fired) -> None:
        """Count what a slot led to."""
        match fired.what:
            case "triggered":
                self._triggered.labels(name, namespace).inc()
            case "policy":
                self._policies.labels(name, namespace, fired.policy).inc()
            case "submission-error":
                self._errors.labels("CronWorkflowSubmissionError").inc()
            case "spec-error":
                self._errors.labels("CronWorkflowSpecError").inc()
