"""Copies, summaries and positions of archived workflows."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tiphys.errors import SpecError
from tiphys.model.archived import Position, parse_cursor, print_cursor, to_archive


def workflow(**more: Any) -> dict[str, Any]:
    meta = {"name": "w", "namespace": "team", "uid": "u", "labels": {"a": "b"}, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": meta, "status": {"phase": "Succeeded", "startedAt": "2026-01-01T00:00:01Z", **more}}


def test_the_copy_is_labelled_as_persisted_and_the_original_is_not_touched() -> None:
    given = workflow()
    copy = to_archive(given)
    assert copy.labels == {"a": "b", "workflows.argoproj.io/workflow-archiving-status": "Persisted"}
    assert json.loads(copy.document)["metadata"]["labels"] == copy.labels
    assert given["metadata"]["labels"] == {"a": "b"}


def test_times_that_are_missing_are_those_before_them() -> None:
    copy = to_archive(workflow())
    assert copy.finished_at == copy.created_at == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("given", [{}, {"metadata": {"uid": "u"}}, {"metadata": {"uid": "u"}, "status": []}, workflow(startedAt="noon")])
def test_what_is_not_finished_or_no_workflow_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        to_archive(given)


def test_a_summary_stays_small_whatever_is_in_the_workflow() -> None:
    large = workflow(message="m" * 100_000)
    large["spec"] = {"arguments": {"parameters": [{"name": "p", "value": "v" * 200_000}]}}
    large["metadata"]["annotations"] = {"a": "a" * 200_000}
    copy = to_archive(large)
    assert len(copy.summary) < 64 * 1024
    assert json.loads(copy.summary)["status"]["phase"] == "Succeeded"


def test_a_position_comes_back_as_it_was_handed_out() -> None:
    position = Position(datetime(2026, 1, 1, 12, tzinfo=UTC), "uid")
    assert parse_cursor(print_cursor(position)) == position


@pytest.mark.parametrize("text", ["x", "00", print_cursor(Position(datetime(2026, 1, 1, tzinfo=UTC), "u"))[:-2]])
def test_a_position_that_is_none_of_ours_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="continue"):
        parse_cursor(text)
