"""Events and the bindings that take them."""

from typing import Any

import pytest

from tiphys.engine.binding import Event, is_wanted, submission
from tiphys.errors import ExpressionError, SpecError
from tiphys.model.parse import parse_as
from tiphys.model.workflow import WorkflowEventBinding

EVENT = Event.posted(
    "argo", "github", {"ref": "refs/heads/main", "size": 3, "user": {"name": "a"}}, {"X-GitHub-Event": ["push"], "Authorization": ["secret"]}
)


def binding(selector: str = "true", **submit: Any) -> WorkflowEventBinding:
    spec = {"event": {"selector": selector}, "submit": {"workflowTemplateRef": {"name": "build"}, **submit}}
    return parse_as(WorkflowEventBinding, {"metadata": {"name": "on-push", "namespace": "argo"}, "spec": spec})


@pytest.mark.parametrize(
    ("selector", "want"),
    [
        ("true", True),
        ('discriminator == "github"', True),
        ('discriminator == "gitlab"', False),
        ('namespace == "argo" && payload.ref == "refs/heads/main"', True),
        ('metadata["x-github-event"] == ["push"]', True),
        ('"push" in metadata["x-github-event"]', True),
        ("payload.size > 2", True),
        ('payload.missing == "x"', False),
    ],
)
def test_a_selector_says_whether_an_event_is_wanted(selector: str, want: bool) -> None:
    assert is_wanted(binding(selector), EVENT) is want


def test_headers_that_are_not_for_bindings_are_not_seen() -> None:
    assert EVENT.metadata == {"x-github-event": ["push"]}


@pytest.mark.parametrize("selector", ["", "payload.", "payload.size", "nobody()"])
def test_a_broken_selector_is_an_error(selector: str) -> None:
    with pytest.raises(ExpressionError):
        is_wanted(binding(selector), EVENT)


def test_a_submission_takes_its_arguments_from_the_event() -> None:
    parameters = [
        {"name": "ref", "valueFrom": {"event": "payload.ref"}},
        {"name": "user", "valueFrom": {"event": "payload.user"}},
        {"name": "size", "valueFrom": {"event": "payload.size"}},
        {"name": "other", "valueFrom": {"event": "payload.other", "default": "none"}},
        {"name": "plain", "value": "payload.ref"},
    ]
    made = submission(binding(arguments={"parameters": parameters}), EVENT, instance_id="i")
    assert made is not None
    assert {p.name: p.value for p in made.spec.arguments.parameters} == {
        "ref": "refs/heads/main", "user": '{"name":"a"}', "size": "3", "other": "none", "plain": "payload.ref",
    }  # fmt: skip
    assert made.spec.workflow_template_ref is not None
    assert made.spec.workflow_template_ref.name == "build"
    assert (made.metadata.name, made.metadata.generate_name, made.metadata.namespace) == ("", "build-", "argo")
    assert made.metadata.labels == {
        "workflows.argoproj.io/workflow-event-binding": "on-push", "workflows.argoproj.io/controller-instanceid": "i",
    }  # fmt: skip


def test_metadata_are_expressions() -> None:
    metadata = {"name": '"push-" + payload.user.name', "labels": {"user": "payload.user.name"}, "annotations": {"ref": "payload.ref"}}
    made = submission(binding(metadata=metadata), EVENT)
    assert made is not None
    assert (made.metadata.name, made.metadata.generate_name) == ("push-a", "")
    assert made.metadata.labels["user"] == "a"
    assert made.metadata.annotations == {"ref": "refs/heads/main"}


@pytest.mark.parametrize(
    ("submit", "error", "says"),
    [
        ({"metadata": {"name": "payload.size"}}, ExpressionError, "must evaluate to a string"),
        ({"metadata": {"labels": {"a": "payload."}}}, ExpressionError, "label 'a'"),
        ({"workflowTemplateRef": {}}, SpecError, "names no template"),
        ({"arguments": {"parameters": [{"name": "x"}]}}, SpecError, "neither value nor valueFrom.event"),
        ({"arguments": {"parameters": [{"name": "x", "valueFrom": {"event": "payload +"}}]}}, ExpressionError, "parameter 'x'"),
    ],
)
def test_what_cannot_be_submitted_is_told(submit: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        submission(binding(**submit), EVENT)


def test_a_value_of_the_event_is_data() -> None:
    hostile = Event.posted("argo", "", {"text": "{{=payload.ref}} {{workflow.name}}"}, {})
    made = submission(binding(arguments={"parameters": [{"name": "t", "valueFrom": {"event": "payload.text"}}]}), hostile)
    assert made is not None
    assert made.spec.arguments.parameters[0].value == "{{=payload.ref}} {{workflow.name}}"
