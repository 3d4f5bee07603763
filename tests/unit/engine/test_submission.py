"""Policies foreseen before a workflow is stored say what they say when it begins."""

import pytest

from tiphys.engine.library import Library
from tiphys.engine.premises import Premises
from tiphys.engine.submission import judge_submission
from tiphys.model.parse import parse_workflow
from tiphys.settings.own import Policy

DEADLINE = Policy(name="deadline", expression="has(workflow.spec.activeDeadlineSeconds)", message="say how long it may take")
TEAM = Policy(name="team", expression="has(workflow.metadata.labels) && 'team' in workflow.metadata.labels")
IMAGES = Policy(name="images", over="template", expression="template.container.image.startsWith('good/')")
RULES = (DEADLINE, TEAM, IMAGES)


def workflow(image: str = "good/a", **spec: object) -> dict[str, object]:
    templates = [{"name": "a", "container": {"image": image}}]
    return {"metadata": {"name": "w", "labels": {"team": "x"}}, "spec": {"entrypoint": "a", "templates": templates, **spec}}


def denials(manifest: dict[str, object], **premises: object) -> tuple[str, ...]:
    return judge_submission(parse_workflow(manifest), Premises(policies=RULES, **premises)).denials


def test_what_breaks_a_rule_is_told_and_what_keeps_them_is_not() -> None:
    assert denials(workflow("evil/a")) == (
        "policy deadline: say how long it may take",
        "policy images (template a): failed expression: template.container.image.startsWith('good/')",
    )
    assert denials(workflow(activeDeadlineSeconds=5)) == ()


def test_what_the_administrators_defaults_say_counts() -> None:
    defaults = parse_workflow({"metadata": {"name": "d", "labels": {"team": "y"}}, "spec": {"activeDeadlineSeconds": 9}})
    plain = workflow()
    plain["metadata"] = {"name": "w"}
    assert denials(plain, defaults=defaults) == ()
    assert len(denials(plain)) == 2


@pytest.mark.parametrize(("image", "count"), [("good/x", 1), ("evil/x", 2)])
def test_a_referenced_template_is_looked_at(image: str, count: int) -> None:
    reference = {"metadata": {"name": "w", "labels": {"team": "x"}}, "spec": {"workflowTemplateRef": {"name": "t"}}}
    stored = parse_workflow(workflow(image)).spec
    assert len(denials(reference, library=Library({"namespaced/t": stored}))) == count
    assert denials(reference) == (), "who cannot know the template says nothing: the controller does"
