"""The administrator's rules: what breaks one does not run, or says so."""

import pytest

from tiphys.engine.policies import judge_pod, judge_workflow
from tiphys.engine.premises import Premises
from tiphys.settings import parse_own_configuration
from tiphys.settings.own import Policy
from tiphys.testing.world import World, workflow_of

HELLO = "entrypoint: main\ntemplates: [{name: main, container: {image: 'evil.io/x:latest'}}, {name: other, container: {image: 'good.io/x'}}]"
IMAGES = Policy(
    name="images", over="template", message="images come from good.io",
    expression="!has(template.container) || template.container.image.startsWith('good.io/')",
)  # fmt: skip
NAMED = Policy(name="named", expression="workflow.metadata.name.startsWith('team-')")


def told(policy: Policy, spec: str = HELLO) -> World:
    return World(spec, premises=Premises(policies=(policy,))).play()


def test_a_denied_workflow_fails_with_the_policy_s_words_and_starts_nothing():
    world = told(IMAGES)
    assert (world.phase, world.message) == ("Failed", "policy images (template main): images come from good.io")
    assert world.orders == []


def test_without_words_of_its_own_a_policy_shows_its_expression():
    assert told(NAMED).message == "policy named: failed expression: workflow.metadata.name.startsWith('team-')"


def test_a_workflow_that_keeps_the_rules_runs():
    assert told(IMAGES, HELLO.replace("evil", "good")).phase == "Succeeded"


def test_a_warning_becomes_a_condition_and_the_workflow_runs():
    world = told(Policy(name="named", expression=NAMED.expression, action="warn", message="name it after your team"))
    assert world.phase == "Succeeded"
    conditions = {one["type"]: one for one in world.stored["status"]["conditions"]}
    assert conditions["SpecWarning"]["message"] == "policy named: name it after your team"


@pytest.mark.parametrize("expression", ["workflow.spec.nope == 1", "1 +", "'yes'"])
def test_a_rule_that_cannot_be_evaluated_or_is_not_true_denies(expression):
    assert told(Policy(name="broken", expression=expression)).phase == "Failed"


def test_rules_know_the_user_and_the_namespace():
    workflow = workflow_of(f"metadata: {{name: w, namespace: argo, labels: {{workflows.argoproj.io/creator: ann}}}}\nspec: {{{HELLO.replace(chr(10), ', ')}}}")
    rule = Policy(name="who", expression="user.name == 'ann' && namespace == 'argo'")
    assert judge_workflow((rule,), workflow, workflow.spec).denials == ()


def test_a_rule_over_pods_sees_the_pod_as_it_will_be_made():
    rule = Policy(name="root", over="pod", expression="pod.spec.securityContext.runAsNonRoot", message="no root")
    workflow = workflow_of(HELLO)
    assert judge_pod((rule,), workflow, {"spec": {"securityContext": {"runAsNonRoot": False}}}).denials == ("policy root: no root",)
    assert judge_pod((rule,), workflow, {"spec": {"securityContext": {"runAsNonRoot": True}}}).denials == ()
    assert judge_workflow((rule,), workflow, workflow.spec).denials == ()


def test_policies_are_read_from_our_configuration():
    text = "- name: images\n  over: template\n  expression: 'true'\n  action: warn\n"
    read = parse_own_configuration({"policies": text})
    assert read.policies == (Policy(name="images", over="template", expression="true", action="warn"),)
