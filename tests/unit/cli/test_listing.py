"""Workflows one a line."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tiphys.cli.listing import columns, print_list
from tiphys.cli.spans import duration, spell
from tiphys.model.status import WorkflowStatus
from tiphys.model.workflow import Workflow
from tiphys.testing.world import workflow_of

AT = datetime(2026, 1, 1, tzinfo=UTC)


def workflow(name: str, message: str = "") -> Workflow:
    made = workflow_of("{entrypoint: main, templates: [{name: main, suspend: {}}]}", name)
    meta = msgspec.structs.replace(made.metadata, namespace="ns")
    status = WorkflowStatus(phase="Failed", started_at=AT, finished_at=AT + timedelta(seconds=62), message=message)
    return msgspec.structs.replace(made, metadata=meta, status=status)


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    made = columns(["A", "BBBB"], [["one", "x"], ["2", ""]], is_bold=False)
    assert made == "A     BBBB\none   x\n2\n"


def test_heads_are_bold_on_a_terminal() -> None:
    assert columns(["A"], [], is_bold=True) == "\x1b[1mA\x1b[0m\n"


def test_a_list_shows_name_phase_duration_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    print_list([workflow("one", "first line\nsecond")], "", with_namespace=True)
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAMESPACE", "NAME", "STATUS", "AGE", "DURATION", "PRIORITY", "MESSAGE"]
    assert line.split() == ["ns", "one", "Failed", "1m2s", "0", "first", "line", "second"]


@pytest.mark.parametrize(("output", "expected"), [("name", "one\ntwo\n"), ("", "No workflows found\n")])
def test_names_alone_and_none(output: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_list([workflow("one"), workflow("two")] if output else [], output, with_namespace=False)
    assert capsys.readouterr().out == expected


def test_json_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_list([workflow("one")], "json", with_namespace=False)
    assert [one["metadata"]["name"] for one in json.loads(capsys.readouterr().out)] == ["one"]


@pytest.mark.parametrize(("seconds", "expected"), [(0, "0s"), (59, "59s"), (3600, "1h"), (90061, "1d1h"), (-5, "0s")])
def test_spans_show_their_two_largest_units(seconds: int, expected: str) -> None:
    assert spell(timedelta(seconds=seconds)) == expected


def test_what_has_not_begun_has_no_duration() -> None:
    assert duration(None, None, AT) == ""
    assert duration(AT, None, AT + timedelta(seconds=5)) == "5s"
