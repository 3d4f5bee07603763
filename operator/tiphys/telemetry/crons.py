"""Metrics of schedules, among them those of what Argo calls their queue: what is heard of them is decided on at once.

Source: argo-semantics 26.1.
"""

from tiphys.engine.cron.actions import Fired
from tiphys.telemetry.metrics import ControllerMetrics

QUEUE = "cron_wf_queue"


class CronMetrics:
    """What slots of schedules led to, among the metrics of a controller."""

    def __init__(self, metrics: ControllerMetrics) -> None:
        self._errors = metrics.errors
        self._metrics = metrics
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

    def decided(self, seconds: float) -> None:
        """Count what was heard of a schedule, and the seconds that deciding took."""
        self._metrics.queue_adds.labels(QUEUE).inc()
        self._metrics.histogram("queue_latency").labels(QUEUE).observe(0)
        self._metrics.histogram("queue_duration").labels(QUEUE).observe(seconds)

    def retried(self) -> None:
        """Count what is asked of the API server again."""
        self._metrics.queue_retries.labels(QUEUE).inc()
