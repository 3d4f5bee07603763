"""Manifests and the places of their fields."""

import pathlib

import pytest

from tiphys.cli.documents import Place, parse_documents, read_documents
from tiphys.errors import NotFound, SpecError

TEXT = """\
kind: Workflow
metadata:
  name: hello
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - name: one
        template: say
  - name: say
    container:
      image: x
"""


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("spec.entrypoint", Place(5, 3)),
        ("templates.say", Place(11, 5)),
        ("templates.main.steps[0][0].template", Place(10, 9)),
        ("spec.templates[1].container", Place(12, 5)),
        ("templates.main.nothing.like.it", Place(7, 5)),
        ("", Place(1, 1)),
    ],
)
def test_a_path_leads_to_the_place(path: str, want: Place) -> None:
    (document,) = parse_documents("x.yaml", TEXT)
    assert document.place(path) == want


def test_dates_stay_texts() -> None:
    (document,) = parse_documents("x", "kind: Workflow\nspec: {arguments: {parameters: [{name: a, value: 2026-11-24}]}}")
    assert document.value["spec"]["arguments"]["parameters"][0]["value"] == "2026-11-24"


def test_a_list_is_its_items() -> None:
    found = list(parse_documents("x", "kind: List\nitems:\n- {kind: A, metadata: {name: a}}\n- {kind: B}\n"))
    assert [(one.kind, one.name, one.place("kind")) for one in found] == [("A", "a", Place(3, 4)), ("B", "", Place(4, 4))]


def test_a_key_that_stands_twice_is_told_with_its_place() -> None:
    (document,) = parse_documents("x", "kind: Workflow\nspec:\n  a: 1\n  a: 2\n")
    assert document.repeated == [("spec.a", Place(4, 3))]


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\tx: 1", "a: &x [*x]\nb: !!python/object:os.system x"])
def test_what_is_no_yaml_is_told_with_its_place(text: str) -> None:
    with pytest.raises(SpecError, match=r"x\.yaml.*not valid YAML"):
        list(parse_documents("x.yaml", text))


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(SpecError, match="aliases may not multiply"):
        list(parse_documents("bomb", "\n".join(lines)))


def test_folders_are_read_whole_in_order(tmp_path: pathlib.Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.yml").write_text("kind: B")
    (tmp_path / "1.yaml").write_text("kind: A\n---\nkind: C\n---\njust text")
    (tmp_path / "notes.txt").write_text("kind: D")
    assert [document.kind for document in read_documents((str(tmp_path),))] == ["A", "C", "B"]


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(NotFound):
        list(read_documents(("/nowhere/x.yaml",)))
