import msgspec
import pytest
import yaml

from tiphys.engine.events import LibraryChanged, Restored
from tiphys.engine.library import Library
from tiphys.engine.premises import Premises
from tiphys.model.parse import parse_as, parse_workflow
from tiphys.model.spec import WorkflowSpec
from tiphys.testing.world import World, workflow_of

SHELVES = """
namespaced/greet:
  entrypoint: hello
  arguments: {parameters: [{name: who, value: world}, {name: tone, value: calm}]}
  templates:
  - {name: hello, steps: [[{name: a, template: say, arguments: {parameters: [{name: text, value: "hi {{workflow.parameters.who}}"}]}}]]}
  - {name: say, inputs: {parameters: [{name: text}]}, container: {image: i, args: ["{{inputs.parameters.text}}"]}}
namespaced/outer:
  templates:
  - {name: call, dag: {tasks: [{name: b, templateRef: {name: shared, template: work, clusterScope: true}}]}}
cluster/shared:
  templates:
  - {name: work, steps: [[{name: c, template: leaf}]]}
  - {name: leaf, container: {image: shared}}
"""


def library(text=SHELVES, **faults):
    specs = {scope: parse_as(WorkflowSpec, spec) for scope, spec in yaml.safe_load(text).items()}
    return Library(specs, {f"{kind}/": why for kind, why in faults.items()})


def premises(**fields):
    return Premises(**{"library": library(), **fields})


def status(world):
    return parse_workflow(world.stored).status


@pytest.mark.parametrize("restores", [False, True])
def test_a_referenced_workflow_runs_with_its_own_arguments_over_the_templates(restores):
    spec = "workflowTemplateRef: {name: greet}\narguments: {parameters: [{name: who, value: you}]}"
    world = World(spec, premises=premises(), restores=restores).play()
    assert world.phase == "Succeeded"
    assert world.orders[0].template.container["args"] == ["hi you"]
    assert world.stored["metadata"]["labels"]["workflows.argoproj.io/workflow-template"] == "greet"
    stored = status(world).stored_workflow_template_spec
    assert [(p.name, p.value) for p in stored.arguments.parameters] == [("who", "you"), ("tone", "calm")]
    assert world.node("hello[0].a").template_scope == "local/"
    assert "templates" not in world.stored["spec"]


def test_a_cluster_template_is_labelled_as_such():
    shelves = "cluster/big: {entrypoint: a, templates: [{name: a, container: {image: i}}]}"
    world = World("workflowTemplateRef: {name: big, clusterScope: true}", premises=premises(library=library(shelves))).play()
    assert world.phase == "Succeeded"
    labels = world.stored["metadata"]["labels"]
    assert labels["workflows.argoproj.io/cluster-workflow-template"] == "big"
    assert "workflows.argoproj.io/workflow-template" not in labels


@pytest.mark.parametrize("restores", [False, True])
def test_nested_references_change_the_scope_and_are_stored(restores):
    spec = "entrypoint: main\ntemplates: [{name: main, steps: [[{name: s, templateRef: {name: outer, template: call}}]]}]"
    world = World(spec, premises=premises(), restores=restores).play()
    assert world.phase == "Succeeded"
    assert list(status(world).stored_templates) == ["namespaced/outer/call", "cluster/shared/work", "cluster/shared/leaf"]
    called = world.node("hello[0].s")
    assert (called.template_scope, called.template_ref.template, called.template_name) == ("local/hello", "call", "")
    assert world.node("hello[0].s.b").template_scope == "namespaced/outer"
    leaf = world.node("hello[0].s.b[0].c")
    assert (leaf.template_scope, leaf.template_name) == ("cluster/shared", "leaf")
    assert world.orders[0].template.container["image"] == "shared"


def test_a_started_run_is_not_changed_by_later_edits_nor_by_deletion():
    spec = """
entrypoint: main
templates:
- name: main
  steps:
  - [{name: s, templateRef: {name: greet, template: say}, arguments: {parameters: [{name: text, value: x}]}}]
  - [{name: t, templateRef: {name: greet, template: say}, arguments: {parameters: [{name: text, value: y}]}}]
"""
    world = World(spec, premises=premises())
    world.step()
    world.send(LibraryChanged(Library()))
    assert world.play().phase == "Succeeded"
    assert [order.template.container["args"] for order in world.orders] == [["x"], ["y"]]


def test_an_edited_template_does_not_reach_a_run_that_references_it_whole():
    world = World("workflowTemplateRef: {name: greet}", premises=premises(), restores=True)
    world.premises = premises(library=library("namespaced/greet: {entrypoint: gone}"))
    assert world.play().phase == "Succeeded"


def test_a_template_added_later_can_be_called():
    late = """
entrypoint: main
templates:
- name: main
  steps:
  - [{name: s, template: one}]
  - [{name: t, templateRef: {name: "{{steps.s.outputs.result}}", template: work, clusterScope: true}}]
- {name: one, container: {image: i}}
"""
    world = World(late, lambda order: {"result": "shared"} if order.wants_result else {}, premises=Premises())
    world.send(LibraryChanged(library()))
    assert world.play().phase == "Succeeded"


MISSING = {
    "no such object": ("workflowTemplateRef: {name: gret}", "Error", "workflow template gret not found, did you mean 'greet'?"),
    "no such cluster object": ("workflowTemplateRef: {name: x, clusterScope: true}", "Error", "cluster workflow template x not found"),
    "no name": ("workflowTemplateRef: {clusterScope: true}", "Error", "spec.workflowTemplateRef.name: resource name is required"),
    "no entrypoint": ("workflowTemplateRef: {name: outer}", "Failed", "invalid spec: spec.entrypoint is required"),
    "templates beside the reference": (
        "workflowTemplateRef: {name: greet}\ntemplates: [{name: x, container: {image: i}}]", "Failed",
        "invalid spec: Templates is invalid field in spec if workflow referred WorkflowTemplate reference"),
    "a step's object": (
        "entrypoint: m\ntemplates: [{name: m, steps: [[{name: s, templateRef: {name: nope, template: x}}]]}]", "Failed",
        "invalid spec: templates.m.steps[0][0]: template reference nope.x not found: workflow template nope not found"),
    "a task's template": (
        "entrypoint: m\ntemplates: [{name: m, dag: {tasks: [{name: s, templateRef: {name: greet, template: sai}}]}}]", "Failed",
        "invalid spec: templates.m.tasks.s: template reference greet.sai not found in workflow template greet, did you mean 'say'?"),
    "both names": (
        "entrypoint: m\ntemplates: [{name: m, dag: {tasks: [{name: s, template: m, templateRef: {name: greet, template: say}}]}}]", "Failed",
        "invalid spec: templates.m.tasks.s: template name cannot be specified with templateRef"),
    "a reference without template": (
        "entrypoint: m\ntemplates: [{name: m, dag: {tasks: [{name: s, templateRef: {name: greet}}]}}]", "Failed",
        "invalid spec: templates.m.tasks.s: template name is required"),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "phase", "message"), MISSING.values(), ids=MISSING)
def test_a_reference_that_leads_nowhere_is_told(spec, phase, message):
    world = World(spec, premises=premises()).play()
    assert (world.phase, world.message) == (phase, message)


def test_a_nested_reference_that_leads_nowhere_is_told_before_anything_runs():
    shelves = "namespaced/a: {templates: [{name: t, steps: [[{name: s, template: u}]]}]}"
    spec = "entrypoint: m\ntemplates: [{name: m, steps: [[{name: s, templateRef: {name: a, template: t}}]]}]"
    world = World(spec, premises=premises(library=library(shelves))).play()
    assert world.message == (
        "invalid spec: namespaced/a.templates.t.steps[0][0]: template reference a.u not found in workflow template a")
    assert not world.orders


def test_a_missing_right_is_told_where_a_cluster_template_is_wanted():
    world = World("workflowTemplateRef: {name: x, clusterScope: true}", premises=premises(library=library(cluster="no right")))
    assert world.message == "cluster workflow template x cannot be read: no right"
    assert World("workflowTemplateRef: {name: greet}", premises=premises(library=library(cluster="no right"))).play().phase == "Succeeded"


def test_defaults_lie_under_every_workflow_and_are_written():
    defaults = parse_workflow({"metadata": {"labels": {"team": "a", "tier": "b"}, "annotations": {"x": "y"}},
                               "spec": {"onExit": "bye", "ttlStrategy": {"secondsAfterSuccess": 5}, "parallelism": 2}})  # fmt: skip
    spec = "entrypoint: a\nparallelism: 7\ntemplates: [{name: a, container: {image: i}}, {name: bye, container: {image: i}}]"
    workflow = workflow_of(spec)
    workflow = msgspec.structs.replace(workflow, metadata=msgspec.structs.replace(workflow.metadata, labels={"team": "mine"}))
    world = World(workflow, premises=premises(defaults=defaults), restores=True).play()
    assert "hello.onExit" in world.phases()
    assert world.stored["spec"]["parallelism"] == 7
    assert world.stored["spec"]["ttlStrategy"] == {"secondsAfterSuccess": 5}
    assert world.stored["metadata"]["labels"]["team"] == "mine"
    assert world.stored["metadata"]["labels"]["tier"] == "b"
    assert world.stored["metadata"]["annotations"]["x"] == "y"


def test_defaults_lie_under_the_referenced_template():
    defaults = parse_workflow({"spec": {"entrypoint": "weak", "priority": 3}})
    world = World("workflowTemplateRef: {name: greet}", premises=premises(defaults=defaults)).play()
    stored = status(world).stored_workflow_template_spec
    assert (stored.entrypoint, stored.priority) == ("hello", 3)


def test_a_change_of_the_defaults_does_not_reach_a_started_run():
    spec = "entrypoint: a\ntemplates: [{name: a, container: {image: i}}]"
    world = World(spec, premises=premises(), restores=True)
    world.premises = premises(defaults=parse_workflow({"spec": {"onExit": "nope"}}))
    assert world.play().phase == "Succeeded"


def test_workflow_metadata_labels_the_workflow_and_becomes_variables():
    spec = """
entrypoint: a
arguments: {parameters: [{name: team, value: red}]}
workflowMetadata:
  labels: {team: "{{workflow.parameters.team}}"}
  annotations: {note: "by {{workflow.name}}"}
  labelsFrom: {upper: {expression: "sprig.upper(workflow.parameters.team)"}}
templates: [{name: a, container: {image: i, args: ["{{workflow.labels.upper}} {{workflow.annotations.note}}"]}}]
"""
    world = World(spec, premises=premises(), restores=True).play()
    assert world.stored["metadata"]["labels"]["team"] == "red"
    assert world.stored["metadata"]["labels"]["upper"] == "RED"
    assert world.orders[0].template.container["args"] == ["RED by hello"]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("{labels: {a: 'not a value'}}", "invalid label value 'not a value' for label 'a'"),
        ("{labelsFrom: {a: {expression: '1 + 1'}}}", "failed to evaluate label 'a': expected string but got int"),
        ("{labelsFrom: {a: {expression: '1 +'}}}", ""),
    ],
)
def test_a_label_that_cannot_be_is_an_error_of_the_workflow(metadata, message):
    world = World(f"entrypoint: a\nworkflowMetadata: {metadata}\ntemplates: [{{name: a, container: {{image: i}}}}]").play()
    assert world.phase == "Error"
    assert message in world.message
    assert not world.orders


def test_strict_mode_wants_a_reference():
    world = World("entrypoint: a\ntemplates: [{name: a, container: {image: i}}]", premises=premises(referencing="Strict"))
    assert world.phase == "Error"
    assert world.message == "workflows must use workflowTemplateRef to be executed when the controller is in reference mode"
    assert World("workflowTemplateRef: {name: greet}", premises=premises(referencing="Strict"), restores=True).play().phase == "Succeeded"


def test_strict_mode_refuses_what_the_submitter_may_not_say():
    spec = "workflowTemplateRef: {name: greet}\npodSpecPatch: '{}'\nserviceAccountName: admin"
    world = World(spec, premises=premises(referencing="Strict"))
    assert world.message == (
        "fields [podSpecPatch serviceAccountName] are not permitted when using workflowTemplateRef with templateReferencing restriction")
    assert not world.orders


def test_secure_mode_ends_a_run_whose_spec_was_changed():
    world = World("workflowTemplateRef: {name: greet}", lambda _: {"hangs": True}, premises=premises(referencing="Secure"))
    world.change_spec(entrypoint="say")
    assert world.phase == "Error"
    assert world.message == "WorkflowSpec may not change during execution when the controller is set `templateReferencing: Secure`"


def test_secure_mode_lets_a_run_be_suspended():
    world = World("workflowTemplateRef: {name: greet}", premises=premises(referencing="Secure"))
    world.change_spec(suspend=True)
    assert world.phase == "Running"
    world.change_spec(suspend=None)
    assert world.play().phase == "Succeeded"


def test_a_status_forged_before_the_start_is_not_believed():
    forged = {"storedWorkflowTemplateSpec": {"entrypoint": "evil", "templates": [{"name": "evil", "container": {"image": "evil"}}]}}
    workflow = parse_workflow({"metadata": {"name": "hello"}, "spec": {"workflowTemplateRef": {"name": "greet"}}, "status": forged})
    world = World(workflow, premises=premises(referencing="Strict")).play()
    assert world.orders[0].template.container["image"] == "i"


def test_template_defaults_lie_under_called_templates_of_other_objects():
    spec = """
entrypoint: m
templateDefaults: {serviceAccountName: base}
templates: [{name: m, steps: [[{name: s, templateRef: {name: shared, template: leaf, clusterScope: true}}]]}]
"""
    world = World(spec, premises=premises()).play()
    assert world.orders[0].template.service_account_name == "base"


def test_stored_templates_are_written_once():
    spec = "entrypoint: m\ntemplates: [{name: m, steps: [[{name: s, templateRef: {name: shared, template: leaf, clusterScope: true}}]]}]"
    world = World(spec, lambda _: {"hangs": True}, premises=premises())
    world.run.status = msgspec.structs.replace(world.run.status, message="changed")
    assert world.run.take_patch() == {"status": {"message": "changed"}}


HELD = "Workflow processing has been postponed because too many workflows are already running"
SIMPLE = "entrypoint: a\ntemplates: [{name: a, container: {image: i}}]"


@pytest.mark.parametrize("restores", [False, True])
def test_a_workflow_that_is_held_back_waits_as_pending_and_begins_later(restores):
    world = World(SIMPLE, premises=premises(is_held=True), restores=restores)
    assert (world.phase, world.message) == ("Pending", HELD)
    assert "startedAt" not in world.stored["status"]
    assert not world.orders
    world.premises = premises()
    world.send(Restored(premises=world.premises))
    assert world.play().phase == "Succeeded"
    assert "message" not in world.stored["status"]


def test_a_workflow_terminated_while_it_is_held_back_never_begins():
    world = World(SIMPLE, premises=premises(is_held=True))
    world.change_spec(shutdown="Terminate")
    assert (world.phase, world.message) == ("Failed", "Stopped with strategy 'Terminate'")


def test_a_workflow_that_runs_is_not_held_back():
    world = World(SIMPLE, lambda _: {"hangs": True}, premises=premises(), restores=True)
    world.premises = premises(is_held=True)
    world.change_spec(suspend=True)
    assert world.phase == "Running"


def test_what_a_stored_object_says_about_its_pods_comes_with_its_templates_and_overrides_nothing():
    shelves = """
cluster/shared:
  podMetadata: {labels: {team: shared, tier: low}, annotations: {note: common}}
  templates: [{name: leaf, metadata: {labels: {tier: high}}, container: {image: i}}]
"""
    spec = """
entrypoint: m
templates: [{name: m, dag: {tasks: [{name: a, templateRef: {name: shared, template: leaf, clusterScope: true}}]}}]
"""
    metadata = World(spec, premises=premises(library=library(shelves))).play().orders[0].template.metadata
    assert metadata.labels == {"team": "shared", "tier": "high"}
    assert metadata.annotations == {"note": "common"}
