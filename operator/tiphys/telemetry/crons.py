"""Metrics of schedules.

Source: argo-semantics 26.1.
"""

from tiphys.engine.cron.actions import Fired
from tiphys.telemetry.metrics import ControllerMetrics


class CronMetrics:
    """What slots of schedules led to, among the metrics of a controller."""

    def __init__(self, metrics: ControllerMetrics) -> None:
        self._errors = metrics.errors
        self._triggered, self._policies = metrics.crons_triggered, metrics.cron_policies

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
