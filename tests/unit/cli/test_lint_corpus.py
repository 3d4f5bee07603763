"""What lint says of broken manifests (`tests/corpus/lint`), and that it says nothing of good ones."""

import pathlib
from typing import Any

import pytest
import yaml

from tiphys.cli.documents import parse_documents, read_documents
from tiphys.cli.judge import is_ours, judge, library_of
from tiphys.engine.library import Library, scope_of
from tiphys.model.spec import WorkflowSpec
from tiphys.model.template import Template

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


NAMED = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}


def said_of(text: str, **how: bool) -> list[str]:
    (document,) = parse_documents("a.yaml", text)
    return [fault.reason for fault in judge(document, Library(), **how)]


def test_an_argument_that_comes_with_the_submission_may_lack_its_value_until_then() -> None:
    say = {"name": "say", "container": {"image": "i", "command": ["c"], "args": ["{{workflow.parameters.a}}"]}}
    spec = {"entrypoint": "say", "arguments": {"parameters": [{"name": "a"}]}, "templates": [say]}
    text = yaml.safe_dump({**NAMED, "metadata": {"name": "w"}, "spec": spec})
    assert said_of(text, needs_values=False) == []
    assert said_of(text, needs_values=True) == ["a.value or spec.arguments.a.valueFrom is required"]


def test_a_value_that_the_entry_point_needs_is_missed_at_once() -> None:
    say = {"name": "say", "inputs": {"parameters": [{"name": "a"}]}, "container": {"image": "i", "command": ["c"]}}
    spec = {"entrypoint": "say", "arguments": {"parameters": [{"name": "a"}]}, "templates": [say]}
    text = yaml.safe_dump({**NAMED, "metadata": {"name": "w"}, "spec": spec})
    assert said_of(text, needs_values=False) == ["inputs.parameters.a was not supplied"]


def test_a_name_may_come_with_the_submission() -> None:
    spec = {"entrypoint": "say", "templates": [{"name": "say", "container": {"image": "i", "command": ["c"]}}]}
    text = yaml.safe_dump({**NAMED, "metadata": {}, "spec": spec})
    assert (said_of(text, needs_values=False), said_of(text, needs_values=True)) == ([], ["a name is required"])


def test_somebody_says_the_entry_point_the_workflow_or_the_template_it_refers_to() -> None:
    text = yaml.safe_dump({**NAMED, "metadata": {"name": "w"}, "spec": {"workflowTemplateRef": {"name": "t"}}})
    stored = WorkflowSpec(templates=(Template(name="say"),))
    (document,) = parse_documents("a.yaml", text)
    (fault,) = judge(document, Library({scope_of("t", cluster_scope=False): stored}))
    assert (fault.path, fault.reason) == ("spec.workflowTemplateRef", "spec.entrypoint is required")


def test_an_artifact_argument_needs_its_location_at_once() -> None:
    say = {"name": "say", "container": {"image": "i", "command": ["c"]}}
    spec = {"entrypoint": "say", "arguments": {"artifacts": [{"name": "a"}]}, "templates": [say]}
    text = yaml.safe_dump({**NAMED, "metadata": {"name": "w"}, "spec": spec})
    assert said_of(text, needs_values=False) == ["a.from, artifact location, or key is required"]


def test_a_generated_name_is_cut_by_the_api_server_and_so_never_too_long() -> None:
    say = {"name": "say", "container": {"image": "i", "command": ["c"]}}
    spec = {"entrypoint": "say", "templates": [say]}
    assert said_of(yaml.safe_dump({**NAMED, "metadata": {"generateName": "n" * 62 + "-"}, "spec": spec})) == []


def test_what_cannot_be_read_is_not_missed_besides() -> None:
    spec = {"entrypoint": ["say"], "templates": [{"name": "say", "container": {"image": "i", "command": ["c"]}}]}
    text = yaml.safe_dump({**NAMED, "metadata": {"name": "w"}, "spec": spec})
    assert said_of(text) == ["Expected `str`, got `array`"]
