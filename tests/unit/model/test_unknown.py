"""Fields that no type knows."""

from typing import Any

import pytest

from tiphys.model.unknown import unknown_fields
from tiphys.model.workflow import Workflow


def workflow(**template: Any) -> dict[str, Any]:
    spec = {"entrypoint": "a", "templates": [{"name": "a", **template}]}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "x"}, "spec": spec}


def test_what_is_known_is_no_fault() -> None:
    whole = workflow(container={"image": "x", "anything": 1}, inputs={"parameters": [{"name": "p", "value": 1}]})
    whole["metadata"]["managedFields"] = []
    assert list(unknown_fields(Workflow, whole)) == []


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ({"contaner": {}}, "spec.templates[0].contaner: unknown field 'contaner', did you mean 'container'?"),
        ({"inputs": {"parameter": []}}, "spec.templates[0].inputs.parameter: unknown field 'parameter', did you mean 'parameters'?"),
        ({"steps": [[{"name": "s", "template": "a", "wen": "x"}]]}, "spec.templates[0].steps[0][0].wen: unknown field 'wen'"),
        ({"hooks": {"exit": {"templte": "x"}}}, "spec.templates[0].hooks"),
    ],
)
def test_a_misspelt_field_is_told_with_the_nearest_name(template: dict[str, Any], says: str) -> None:
    (fault,) = unknown_fields(Workflow, workflow(**template))
    assert str(fault).startswith(says)


def test_every_unknown_field_is_found_at_any_depth() -> None:
    manifest = {
        "metadata": {"nam": "x"},
        "spec": {
            "entrypont": "main",
            "templates": [{"name": "main", "steps": [[{"name": "a", "templat": "b"}]]}, {"contaner": {"anything": "goes"}}],
            "arguments": {"parameters": [{"name": "a", "valeu": 3}]},
        },
    }
    found = [field.path for field in unknown_fields(Workflow, manifest)]
    assert found == [
        "metadata.nam",
        "spec.entrypont",
        "spec.templates[0].steps[0][0].templat",
        "spec.templates[1].contaner",
        "spec.arguments.parameters[0].valeu",
    ]


def test_the_nearest_known_name_is_told() -> None:
    assert next(unknown_fields(Workflow, {"spce": {}})).message == "spce: unknown field 'spce', did you mean 'spec'?"


def test_what_pods_own_is_open() -> None:
    assert not list(unknown_fields(Workflow, {"spec": {"templates": [{"container": {"whatever": 1}}], "volumes": [{"x": {}}]}}))
