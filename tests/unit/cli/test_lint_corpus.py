"""What lint says of broken manifests (`tests/corpus/lint`), and that it says nothing of good ones."""

import pathlib
from typing import Any

import pytest
import yaml

from tiphys.cli.documents import parse_documents, read_documents
from tiphys.cli.judge import is_ours, judge, library_of
from tiphys.engine.library import Library

ROOT = pathlib.Path(__file__).parents[3]
CASES = [
    case for file in sorted((ROOT / "tests/corpus/lint").glob("*.yaml")) for case in yaml.safe_load(file.read_text())["cases"]
]


def manifest(case: dict[str, Any]) -> str:
    whole = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": case.get("kind", "Workflow"),
        "metadata": case.get("metadata", {"name": "broken"}),
        "spec": case["spec"],
    }

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, _data: object) -> bool:
            return True

    return yaml.dump(whole, Dumper=Plain, sort_keys=False)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_is_wrong_is_said_once_with_its_place(case: dict[str, Any]) -> None:
    text = manifest(case)
    (document,) = parse_documents("broken.yaml", text)
    faults = judge(document, Library())
    said = [f"{fault.path}: {fault.reason}" if fault.path else fault.reason for fault in faults]
    assert any(case["says"] in one for one in said), said
    assert case.get("also") or len(said) == 1, said
    lines = text.splitlines()
    for fault in faults:
        assert lines[fault.line - 1][fault.column - 1 :].strip(), fault


def test_there_are_enough_broken_manifests() -> None:
    assert len(CASES) >= 150
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_the_examples_are_without_fault() -> None:
    documents = [document for document in read_documents((str(ROOT / "examples"),)) if is_ours(document)]
    assert documents
    library = library_of(documents)
    assert [fault for document in documents for fault in judge(document, library)] == []
