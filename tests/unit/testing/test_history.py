"""Recorded histories: the engine of today decides as the one that wrote them, and a difference is told."""

import pathlib

import pytest

from tiphys.cli.app import run
from tiphys.errors import SpecError
from tiphys.testing.history import replay

HISTORIES = sorted((pathlib.Path(__file__).parents[2] / "replay").glob("*.jsonl"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_recorded_history_is_decided_the_same_way_today(path: pathlib.Path) -> None:
    moments = list(replay(path))
    assert moments
    assert [moment.differs for moment in moments if moment.differs] == []
    assert moments[-1].workflow.status.phase in ("Succeeded", "Failed")


def test_a_history_can_be_looked_at_in_the_middle() -> None:
    (*_, last) = replay(HISTORIES[0], until=3)
    assert last.number == 3
    assert last.workflow.status.phase == "Running"


def test_another_decision_is_told(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = HISTORIES[0].read_text()
    changed = tmp_path / "changed.jsonl"
    changed.write_text(text.replace('"action":"WorkflowChanged"', '"action":"SomethingElse"', 1))
    assert run(["replay", str(changed)]) == 1
    assert "SomethingElse" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["no json", '{"at":"2026-01-01T00:00:00Z","event":{"event":"Woke"}}', '{"run":{}}\n{"event":{"event":"Nothing"}}'])
def test_what_is_no_history_is_told(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(SpecError):
        list(replay(path))
