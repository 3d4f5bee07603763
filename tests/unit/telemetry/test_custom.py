from datetime import UTC, datetime, timedelta

import pytest

from tiphys.engine.actions import EmitMetric
from tiphys.errors import SpecError
from tiphys.settings import OwnConfiguration
from tiphys.settings.configuration import MetricModifier, MetricsConfig
from tiphys.telemetry.metrics import ControllerMetrics

START = datetime(2026, 1, 1, tzinfo=UTC)


class Kept:
    def __init__(self, ttl=0, limit=1000, **modifiers):
        self.now = START
        self.metrics = ControllerMetrics(lambda: self.now)
        config = MetricsConfig(metrics_ttl=timedelta(seconds=ttl), modifiers=modifiers)
        self.metrics.configure(config, OwnConfiguration(metric_series_limit=limit))

    def emit(self, name="m", kind="counter", value=1.0, owner="w", help="h", **fields):  # noqa: A002 as users call it
        labels = tuple(fields.pop("labels", {}).items())
        self.metrics.custom.emit(owner, EmitMetric(name=name, help=help, kind=kind, value=value, labels=labels, **fields))

    def lines(self, word):
        return [line for line in self.metrics.text().decode().splitlines() if word in line and not line.startswith("#")]


def test_counters_keep_adding_over_workflows():
    kept = Kept()
    kept.emit(labels={"a": "x"})
    kept.emit(labels={"a": "x"}, value=2, owner="other")
    kept.emit(labels={"a": "y"})
    assert kept.lines("_m{") == ['argo_workflows_m{a="x"} 3.0', 'argo_workflows_m{a="y"} 1.0']
    assert "# TYPE argo_workflows_m counter" in kept.metrics.text().decode()


@pytest.mark.parametrize(("operation", "want"), [("", 2.0), ("Set", 2.0), ("Add", 7.0), ("Sub", 3.0)])
def test_a_gauge_is_set_added_to_or_subtracted_from(operation, want):
    kept = Kept()
    kept.emit(kind="gauge", value=5)
    kept.emit(kind="gauge", value=2, operation=operation)
    assert kept.lines("workflows_m ") == [f"argo_workflows_m {want}"]


def test_a_histogram_fills_its_buckets():
    kept = Kept()
    for value in (0.5, 2, 99):
        kept.emit(kind="histogram", value=value, buckets=(2.5, 1.0))
    assert kept.lines("workflows_m") == [
        'argo_workflows_m_bucket{le="1.0"} 1.0', 'argo_workflows_m_bucket{le="2.5"} 2.0', 'argo_workflows_m_bucket{le="+Inf"} 3.0',
        "argo_workflows_m_sum 101.5", "argo_workflows_m_count 3.0"]  # fmt: skip


def test_a_realtime_gauge_grows_until_its_end_and_goes_with_its_workflow():
    kept = Kept()
    kept.emit(kind="gauge", since=START)
    kept.now += timedelta(seconds=5)
    assert kept.lines("workflows_m ") == ["argo_workflows_m 5.0"]
    kept.emit(kind="gauge", since=START, until=START + timedelta(seconds=6))
    kept.now += timedelta(seconds=50)
    assert kept.lines("workflows_m ") == ["argo_workflows_m 6.0"]
    kept.metrics.custom.forget("w")
    assert kept.lines("workflows_m ") == []


def test_what_nobody_touches_is_forgotten_after_a_while():
    kept = Kept(ttl=60)
    kept.emit(labels={"a": "old"})
    kept.now += timedelta(seconds=50)
    kept.emit(labels={"a": "new"})
    kept.now += timedelta(seconds=50)
    assert kept.lines("workflows_m{") == ['argo_workflows_m{a="new"} 1.0']
    kept.now += timedelta(seconds=50)
    assert kept.lines("workflows_m{") == []
    kept.emit(kind="gauge", help="another kind is possible now")


def test_a_metric_has_a_limited_number_of_label_combinations():
    kept = Kept(limit=2)
    for label in ("x", "y"):
        kept.emit(labels={"a": label})
    with pytest.raises(SpecError, match="metric 'm' has more than 2 label combinations"):
        kept.emit(labels={"a": "z"})
    kept.emit(labels={"a": "x"})
    assert len(kept.lines("workflows_m{")) == 2
    assert kept.lines("values_dropped") == ["tiphys_custom_metric_values_dropped_total 1.0"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "gauge"}, "metric 'm' is a counter elsewhere, not a gauge"),
        ({"help": "other"}, "metric 'm' has another help text elsewhere: 'h'"),
        ({"value": -1}, "counter 'm' cannot be decreased"),
        ({"name": "total_count"}, "metric 'total_count' is one of the controller's own"),
        ({"name": "k8s_request_total"}, "metric 'k8s_request_total' is one of the controller's own"),
        ({"labels": {"no-name": "x"}}, "metric 'm' has the label 'no-name', which is no name of a label"),
        ({"labels": {"__reserved": "x"}}, "which is no name of a label"),
    ],
    ids=str,
)
def test_a_contradiction_is_refused(fields, message):
    kept = Kept()
    kept.emit()
    with pytest.raises(SpecError) as told:
        kept.emit(**fields)
    assert message in told.value.message


def test_hostile_label_values_stay_in_their_quotes():
    kept = Kept()
    kept.emit(labels={"a": 'x"} 1\nargo_workflows_evil 2\\'}, help="line\none")
    text = kept.metrics.text().decode()
    assert "\nargo_workflows_evil" not in text
    assert 'argo_workflows_m{a="x\\"} 1\\nargo_workflows_evil 2\\\\"} 1.0' in text


def test_modifiers_leave_out_metrics_and_labels():
    kept = Kept(m=MetricModifier(disabled_attributes=("pod",)), n=MetricModifier(disabled=True))
    kept.emit(labels={"a": "x", "pod": "1"})
    kept.emit(labels={"a": "x", "pod": "2"})
    kept.emit(name="n")
    assert kept.lines("workflows_m") == ['argo_workflows_m{a="x"} 2.0']
    assert kept.lines("workflows_n") == []
