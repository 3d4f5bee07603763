"""Metrics that users define on templates and workflows: when they are emitted, with which value. A wrong one fails nothing.

Source: argo-semantics 26.1, 9.5.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.actions import EmitMetric
from tiphys.engine.variables import input_values
from tiphys.errors import SpecError, UserError
from tiphys.expr.condition import when
from tiphys.expr.scope import Scope
from tiphys.expr.template import substitute
from tiphys.model.status import Condition, NodeStatus
from tiphys.model.template import Metrics, Prometheus

if TYPE_CHECKING:
    from tiphys.engine.execution import Execution
    from tiphys.engine.run import Run

CONDITION = "MetricsError"
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ONE_TAG = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")


class RunMetrics:
    """The metrics of one run."""

    def __init__(self, run: "Run") -> None:
        self._run = run

    def node_started(self, execution: "Execution") -> None:
        """A node is under way: what follows its duration begins."""
        metrics = execution.call.found.template.metrics
        if metrics is not None:
            node = execution.node
            self._emit(metrics, self._scope_of(execution, node), "duration", node.started_at, None, is_start=True)

    def node_ended(self, execution: "Execution") -> None:
        """A node has ended."""
        metrics = execution.call.found.template.metrics
        if metrics is not None:
            node = execution.node
            self._emit(metrics, self._scope_of(execution, node), "duration", node.started_at, node.finished_at, is_start=False)

    def workflow_started(self) -> None:
        """The workflow is under way."""
        run = self._run
        if run.spec.metrics is not None:
            self._emit(run.spec.metrics, run.scope, "workflow.duration", run.status.started_at, None, is_start=True)

    def workflow_ended(self) -> None:
        """The workflow has ended."""
        run = self._run
        metrics = run.spec.metrics
        if metrics is None:
            return
        run.sum_up()
        status = run.status
        values: dict[str, object] = {"workflow.status": status.phase, "status": status.phase}
        values |= _resources("workflow.resourcesDuration", status.resources_duration)
        values |= _resources("resourcesDuration", status.resources_duration)
        seconds = _seconds(status.started_at, status.finished_at, run.now)
        values |= {"workflow.duration": seconds, "duration": seconds}
        self._emit(metrics, run.scope.child(values), "workflow.duration", status.started_at, status.finished_at, is_start=False)

    def refused(self, message: str) -> None:
        """Remember in a condition that a metric could not be emitted; several are joined."""
        run = self._run
        known = next((one for one in run.status.conditions if one.type == CONDITION), None)
        if known is not None:
            if message in known.message.split(", "):
                return
            message = f"{known.message}, {message}"
        kept = tuple(one for one in run.status.conditions if one.type != CONDITION)
        run.status = msgspec.structs.replace(
            run.status, conditions=(*kept, Condition(type=CONDITION, status="True", message=message))
        )

    def _scope_of(self, execution: "Execution", node: NodeStatus) -> Scope:
        values: dict[str, object] = {**execution.call.local, "node.name": node.name, "status": node.phase}
        values["duration"] = _seconds(node.started_at, node.finished_at, self._run.now)
        values |= _resources("resourcesDuration", node.resources_duration)
        if node.inputs is not None:
            values |= input_values(node.inputs)
        outputs = node.outputs
        if outputs is not None:
            values |= {"exitCode": outputs.exit_code} if outputs.exit_code else {}
            values |= {"outputs.result": outputs.result} if outputs.result is not None else {}
            values |= {f"outputs.parameters.{p.name}": p.value for p in outputs.parameters if p.value is not None}
        attempts = self._run.tree.attempts(node) if node.type == "Retry" else ()
        values |= {"retries": str(len(attempts) - 1)} if attempts else {}
        return self._run.scope.child(values)

    def _emit(
        self, metrics: Metrics, scope: Scope, live: str, since: datetime | None, until: datetime | None, *, is_start: bool
    ) -> None:
        for metric in metrics.prometheus:
            is_realtime = metric.gauge is not None and bool(metric.gauge.realtime)
            if is_start and not is_realtime:
                continue
            try:
                action = self._action(metric, scope, live, since, until)
            except UserError as e:
                self.refused(f"unable to emit metric '{metric.name}': {e.message}")
            else:
                if action is not None:
                    self._run.act(action)

    def _action(
        self, metric: Prometheus, scope: Scope, live: str, since: datetime | None, until: datetime | None
    ) -> EmitMetric | None:
        """What to emit; None when the metric's condition does not hold.

        Raises:
            UserError: The metric is wrong, or a variable unknown.
        """
        said = msgspec.structs.replace(metric, gauge=None, counter=None, histogram=None)
        said = substitute(said, scope, strict=True, now=self._run.now)
        if not _NAME.fullmatch(said.name):
            raise SpecError(f"metric name '{said.name}' is invalid. Metric names must contain alphanumeric characters or '_'")
        if not said.help:
            raise SpecError(f"metric '{said.name}' must contain a help string under 'help: ' field")
        if not when(said.when):
            return None
        labels = tuple((label.key, label.value) for label in said.labels)
        if metric.gauge is not None and metric.gauge.realtime:
            return _realtime(said, labels, metric.gauge.value, live, (since, until))
        kind, text = _kind_and_text(metric)
        value = _number(substitute(text, scope, strict=True, now=self._run.now))
        return EmitMetric(
            name=said.name,
            help=said.help,
            kind=kind,
            labels=labels,
            value=value,
            operation=metric.gauge.operation if metric.gauge is not None else "",
            buckets=metric.histogram.buckets if metric.histogram is not None else (),
        )


def _realtime(
    said: Prometheus, labels: tuple[tuple[str, str], ...], value: str, live: str, span: tuple[datetime | None, datetime | None]
) -> EmitMetric:
    tag = _ONE_TAG.fullmatch(value.strip())
    if tag is None:
        raise SpecError("real time metrics can only be used with metric variables")
    if tag.group(1) != live:
        raise SpecError(f"'{tag.group(1)}' is not available as a real time metric")
    since, until = span
    return EmitMetric(name=said.name, help=said.help, kind="gauge", labels=labels, since=since, until=until)


def _kind_and_text(metric: Prometheus) -> tuple[str, str]:
    for kind in ("gauge", "counter", "histogram"):
        part = getattr(metric, kind)
        if part is not None:
            return kind, part.value
    raise SpecError("missing gauge, counter or histogram")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as e:
        raise SpecError(f"value {text!r} is no number") from e


def _seconds(since: datetime | None, until: datetime | None, now: datetime) -> str:
    return f"{((until or now) - since).total_seconds():f}" if since is not None else "0.000000"


def _resources(prefix: str, seconds: Mapping[str, int]) -> dict[str, object]:
    return {f"{prefix}.{name}": str(count) for name, count in seconds.items()}

