from tiphys.model.unknown import unknown_fields
from tiphys.model.workflow import Workflow


def test_every_unknown_field_is_found_at_any_depth():
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


def test_the_nearest_known_name_is_told():
    assert next(unknown_fields(Workflow, {"spce": {}})).message == "unknown field 'spce', did you mean 'spec'?"


def test_what_pods_own_is_open():
    assert not list(unknown_fields(Workflow, {"spec": {"templates": [{"container": {"whatever": 1}}], "volumes": [{"x": {}}]}}))
