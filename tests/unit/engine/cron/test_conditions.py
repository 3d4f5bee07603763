"""What `when` and a stop expression of a schedule see of it."""

from datetime import UTC, datetime

import pytest

from tiphys.engine.cron.conditions import is_to_stop, is_wanted
from tiphys.errors import ExpressionError
from tiphys.model.parse import parse_as
from tiphys.model.workflow import CronWorkflow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
META = {"name": "nightly", "namespace": "team", "labels": {"tier": "gold"}, "annotations": {"owner": "ops"}}
STATUS = {"failed": 2, "succeeded": 3, "lastScheduledTime": "2026-03-01T11:00:00Z"}


def cron(**spec: object) -> CronWorkflow:
    return parse_as(CronWorkflow, {"metadata": META, "spec": {"schedules": ["0 * * * *"], **spec}, "status": STATUS})


@pytest.mark.parametrize(
    "seen",
    [
        'cronworkflow.name == "nightly"',
        'cronworkflow.namespace == "team"',
        'cronworkflow.labels.tier == "gold"',
        'cronworkflow.annotations.owner == "ops"',
        'fromJson(cronworkflow["labels.json"]).tier == "gold"',
        'fromJson(cronworkflow["annotations.json"]).owner == "ops"',
        "cronworkflow.failed == 2 && cronworkflow.succeeded == 3",
        "cronworkflow.lastScheduledTime.Hour() == 11",
    ],
)
def test_a_stop_expression_sees_all_of_its_schedule(seen: str) -> None:
    assert is_to_stop(cron(stopStrategy={"expression": seen}), NOW)
    assert not is_to_stop(cron(stopStrategy={"expression": f"!({seen})"}), NOW)


@pytest.mark.parametrize(
    ("tag", "text"),
    [("name", "nightly"), ("namespace", "team"), ("labels.tier", "gold"), ("annotations.owner", "ops")],
)
def test_when_sees_the_texts_of_its_schedule(tag: str, text: str) -> None:
    assert is_wanted(cron(when=f"'{{{{cronworkflow.{tag}}}}}' == '{text}'"), NOW)
    assert not is_wanted(cron(when=f"'{{{{cronworkflow.{tag}}}}}' == 'other'"), NOW)


@pytest.mark.parametrize("tag", ["labels.json", "annotations.json"])
def test_all_labels_and_annotations_are_texts_of_json(tag: str) -> None:
    # quotation marks of any kind end a text of a condition, so that it cannot be compared there
    with pytest.raises(ExpressionError, match=r'"(tier|owner)":"'):
        is_wanted(cron(when=f"'{{{{cronworkflow.{tag}}}}}' == ''"), NOW)


def test_when_sees_numbers_and_times_by_expressions() -> None:
    assert is_wanted(cron(when="{{= cronworkflow.failed < 3 && cronworkflow.succeeded == 3 }}"), NOW)
    assert not is_wanted(cron(when="{{= cronworkflow.lastScheduledTime == nil }}"), NOW)
