"""Plans as users see them."""

import json
import pathlib
from xml.etree import ElementTree

import pytest

from tiphys.cli.app import run

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
DIAMOND = str(EXAMPLES / "dag-diamond.yaml")


@pytest.fixture(autouse=True)
def home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A machine on which nothing has run."""
    monkeypatch.setenv("TIPHYS_HOME", str(tmp_path))
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(["plan", *arguments]) == code
    return capsys.readouterr().out


def test_the_tree_tells_the_order_the_needs_and_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, DIAMOND, "--seconds", "echo=10")
    assert "D (echo)  after B, C" in shown
    assert "images: alpine:3.7" in shown
    assert "most at a time: 2 pods" in shown
    assert "takes: 30s, by A → B → D" in shown


def test_mermaid_and_dot_draw_every_edge(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, DIAMOND, "-o", "mermaid").count("-->") == 4
    drawn = said(capsys, DIAMOND, "-o", "dot")
    assert drawn.count("->") == 4
    assert drawn.startswith("digraph workflow {")


def test_the_picture_is_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    picture = ElementTree.fromstring(said(capsys, DIAMOND, "-o", "svg"))  # noqa: S314 our own
    boxes = picture.findall(".//{http://www.w3.org/2000/svg}rect")
    places = {(box.get("x"), box.get("y")) for box in boxes}
    assert len(places) == 4


def test_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    plan = json.loads(said(capsys, DIAMOND, "-o", "json"))
    assert [call["name"] for call in plan["calls"][0]["calls"]] == ["A", "B", "C", "D"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_workflow_has_a_plan(path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    if "kind: Workflow\n" in path.read_text():
        assert "takes" in said(capsys, str(path))
