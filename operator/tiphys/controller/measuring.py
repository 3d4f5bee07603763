"""What is only counted when somebody looks: workflows and pods by phase, conditions, queues."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tiphys.model.status import Condition

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

Readings = Mapping[tuple[str, ...], float]
QUEUE, PODS, TTL, ARCHIVE = "workflow_queue", "pod_cleanup_queue", "workflow_ttl_queue", "workflow_archive_queue"


def measure(controller: "Controller") -> None:
    """Let the controller's metrics show these."""
    metrics = controller.metrics
    queue = ("queue_name",)
    metrics.measure("gauge", "Workflows by phase.", ("phase",), lambda: _workflows(controller))
    metrics.measure("workflow_condition", "Workflows by condition.", ("type", "status"), lambda: _conditions(controller))
    metrics.measure("pods_gauge", "Pods by phase.", ("phase",), lambda: _by(pod.status.phase for pod in controller.pods.all()))
    metrics.measure("queue_depth_gauge", "Workflows that wait for their turn, and other work that waits.", queue,
                    lambda: _depths(controller))  # fmt: skip
    for name, text in (
        ("queue_longest_running", "Seconds of the longest turn under way; nobody looks during a turn."),
        ("queue_unfinished_work", "Seconds of all turns under way; nobody looks during a turn."),
    ):
        metrics.measure(name, text, queue, lambda: {(QUEUE,): 0.0})
    metrics.measure("workers_busy_count", "Work beside the turns that is under way.", ("worker_type",),
                    lambda: {(QUEUE,): float(controller.effects.busy_count)})  # fmt: skip


def _by(words: Iterable[str]) -> Readings:
    return {(word,): float(count) for word, count in Counter(words).items() if word}


def _workflows(controller: "Controller") -> Readings:
    followed = Counter(live.phase for live in controller.lives.values())
    return {(phase,): float(count) for phase, count in (followed + Counter(controller.housekeeper.counts)).items() if phase}


def _conditions(controller: "Controller") -> Readings:
    def of(conditions: Iterable[Condition]) -> Iterable[tuple[str, str]]:
        return ((one.type, one.status) for one in conditions)

    followed = Counter(pair for live in controller.lives.values() for pair in of(live.status.conditions))
    return {pair: float(count) for pair, count in (followed + controller.housekeeper.conditions).items()}


def _depths(controller: "Controller") -> Readings:
    return {
        (QUEUE,): float(controller.queue_depth),
        (PODS,): float(controller.effects.waiting_count),
        (TTL,): float(controller.housekeeper.due_count),
        (ARCHIVE,): float(controller.keeping.backlog),
        **{(queue,): float(read()) for queue, read in controller.metrics.depths.items()},
    }
