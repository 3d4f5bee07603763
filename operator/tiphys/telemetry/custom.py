"""Metrics that users define in their templates: kept over workflows, bounded in number, forgotten when nobody touches them.

Source: argo-semantics 26.1. Differs from Argo: one metric has a limited number of label combinations.
"""

import re
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

from tiphys.engine.actions import EmitMetric
from tiphys.errors import SpecError
from tiphys.telemetry.exposition import PREFIX, Family, Line

_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
Labels = tuple[tuple[str, str], ...]


class _Series:
    """One label combination."""

    def __init__(self, bucket_count: int) -> None:
        self.value = 0.0
        self.counts = [0] * bucket_count
        self.count = 0
        self.touched: datetime | None = None
        self.owner = ""
        self.since: datetime | None = None
        self.until: datetime | None = None


class _Kept:
    """One metric."""

    def __init__(self, metric: EmitMetric) -> None:
        self.help, self.kind, self.buckets = metric.help, metric.kind, tuple(sorted(metric.buckets))
        self.series: dict[Labels, _Series] = {}


class CustomMetrics:
    """All user-defined metrics of a controller.

    Args:
        now: The time.
        reserved: Names of the controller's own metrics, with prefix.
    """

    def __init__(self, now: Callable[[], datetime], reserved: Callable[[], Collection[str]]) -> None:
        self._now = now
        self._reserved = reserved
        self._kept: dict[str, _Kept] = {}
        self.limit = 1000
        self.ttl = timedelta(0)
        self.dropped = 0

    def emit(self, owner: str, metric: EmitMetric) -> None:
        """Take one value.

        Args:
            owner: Uid of the workflow; a gauge of its duration goes with it.
            metric: What to do.

        Raises:
            SpecError: The metric contradicts what is known of its name, or has too many label combinations.
        """
        series = self._series(metric)
        series.touched = self._now()
        if metric.since is not None:
            series.owner, series.since, series.until = owner, metric.since, metric.until
        elif metric.kind == "histogram":
            self._observe(series, metric)
        elif metric.kind == "gauge":
            series.value = _operated(series.value, metric)
        else:
            series.value += metric.value

    def _series(self, metric: EmitMetric) -> _Series:
        name = PREFIX + metric.name
        if name in self._reserved():
            raise SpecError(f"metric '{metric.name}' is one of the controller's own")
        labels = tuple(sorted(metric.labels))
        wrong = [key for key, _ in labels if not _LABEL.fullmatch(key) or (metric.kind == "histogram" and key == "le")]
        if wrong:
            raise SpecError(f"metric '{metric.name}' has the label '{wrong[0]}', which is no name of a label")
        if len({key for key, _ in labels}) < len(labels):
            raise SpecError(f"metric '{metric.name}' has a label twice")
        if metric.kind == "counter" and metric.value < 0:
            raise SpecError(f"counter '{metric.name}' cannot be decreased")
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = _Kept(metric)
        _check(kept, metric)
        if labels not in kept.series:
            if len(kept.series) >= self.limit:
                self.dropped += 1
                raise SpecError(f"metric '{metric.name}' has more than {self.limit} label combinations")
            kept.series[labels] = _Series(len(kept.buckets))
        return kept.series[labels]

    def _observe(self, series: _Series, metric: EmitMetric) -> None:
        buckets = self._kept[PREFIX + metric.name].buckets
        series.count += 1
        series.value += metric.value
        for index, bound in enumerate(buckets):
            if metric.value <= bound:
                series.counts[index] += 1

    def forget(self, owner: str) -> None:
        """A workflow is gone: so are the gauges of its duration."""
        for kept in self._kept.values():
            for labels in [labels for labels, series in kept.series.items() if series.owner == owner]:
                del kept.series[labels]

    def families(self) -> Iterator[Family]:
        """What is shown now; what was not touched for longer than `ttl` is forgotten."""
        now = self._now()
        for name, kept in list(self._kept.items()):
            if self.ttl:
                for labels in [labels for labels, series in kept.series.items() if self._is_old(series, now)]:
                    del kept.series[labels]
            if not kept.series:
                if self.ttl:
                    del self._kept[name]
                continue
            yield Family(name, kept.help, kept.kind, list(_lines(name, kept, now)))

    def _is_old(self, series: _Series, now: datetime) -> bool:
        is_live = series.since is not None and series.until is None
        return not is_live and series.touched is not None and now - series.touched > self.ttl


def _check(kept: _Kept, metric: EmitMetric) -> None:
    if kept.kind != metric.kind:
        raise SpecError(f"metric '{metric.name}' is a {kept.kind} elsewhere, not a {metric.kind}")
    if kept.help != metric.help:
        raise SpecError(f"metric '{metric.name}' has another help text elsewhere: '{kept.help}'")
    if kept.buckets != tuple(sorted(metric.buckets)):
        raise SpecError(f"metric '{metric.name}' has other buckets elsewhere")


def _operated(value: float, metric: EmitMetric) -> float:
    match metric.operation:
        case "Add":
            return value + metric.value
        case "Sub":
            return value - metric.value
        case _:
            return metric.value


def _lines(name: str, kept: _Kept, now: datetime) -> Iterator[Line]:
    for pairs, series in kept.series.items():
        labels = dict(pairs)
        if kept.kind == "histogram":
            for bound, count in zip(kept.buckets, series.counts, strict=True):
                yield Line(f"{name}_bucket", {**labels, "le": repr(float(bound))}, count)
            yield Line(f"{name}_bucket", {**labels, "le": "+Inf"}, series.count)
            yield Line(f"{name}_sum", labels, series.value)
            yield Line(f"{name}_count", labels, series.count)
        elif series.since is not None:
            yield Line(name, labels, ((series.until or now) - series.since).total_seconds())
        else:
            yield Line(name, labels, series.value)
