from datetime import UTC, datetime

import pytest

from tiphys.engine.operations.retry import retry
from tiphys.errors import SpecError
from tiphys.model.parse import parse_workflow
from tiphys.testing.world import World

NOW = datetime(2026, 1, 1, 1, 0, tzinfo=UTC)
FAILS = {"phase": "Failed", "exit_code": 1, "message": "main: Error (exit code 1)"}
ECHO = """
- name: echo
  inputs: {parameters: [{name: m, value: hi}]}
  container: {image: i, args: ["{{inputs.parameters.m}}"]}
"""
STEPS = """
entrypoint: main
onExit: echo
templates:
- name: main
  steps:
  - - {name: a, template: echo}
    - {name: b, template: echo}
  - - {name: c, template: echo}
""" + ECHO
DAG = """
entrypoint: main
arguments: {parameters: [{name: n, value: '["x", "y"]'}]}
templates:
- name: main
  dag:
    tasks:
    - {name: A, template: echo}
    - {name: B, template: inner, depends: A}
    - {name: L, template: echo, depends: A, withParam: "{{workflow.parameters.n}}", arguments: {parameters: [{name: m, value: "{{item}}"}]}}
    - {name: D, template: echo, depends: "B && L"}
- name: inner
  retryStrategy: {limit: 1}
  steps: [[{name: one, template: echo}], [{name: two, template: echo}]]
""" + ECHO


def failing(*parts):
    return lambda order: FAILS if any(part in order.node_name for part in parts) else {}


def ended(spec, behave) -> World:
    return World(spec, behave).play()


def again(workflow, behave=lambda _: {}) -> World:
    return World(workflow, behave).play()


def ordered(world: World) -> set[str]:
    return {order.node_name for order in world.orders}


def test_a_retry_runs_what_failed_and_what_follows_and_keeps_the_rest():
    first = ended(STEPS, failing(".b"))
    assert first.phase == "Failed"
    made = retry(parse_workflow(first.stored), NOW)
    kept = {node.name: node.phase for node in made.workflow.status.nodes.values()}
    assert kept == {"hello": "Running", "hello[0]": "Running", "hello[0].a": "Succeeded"}
    second = again(made.workflow)
    assert second.phase == "Succeeded"
    assert ordered(second) == {"hello[0].b", "hello[1].c", "hello.onExit"}


def test_a_retry_names_the_pods_that_must_go():
    first = ended(STEPS, failing(".b"))
    made = retry(parse_workflow(first.stored), NOW)
    assert set(made.pods) == {order.pod_name for order in first.orders if order.node_name in ("hello[0].b", "hello.onExit")}


def test_a_retried_workflow_is_open_again():
    first = ended(STEPS.replace("onExit: echo", "shutdown: Stop\nactiveDeadlineSeconds: 0"), failing(".b"))
    workflow = retry(parse_workflow(first.stored), NOW).workflow
    assert (workflow.status.phase, workflow.status.message, workflow.spec.shutdown) == ("", "", "")
    assert (workflow.status.started_at, workflow.status.finished_at) == (NOW, None)
    assert workflow.spec.active_deadline_seconds is None
    assert "workflows.argoproj.io/completed" not in workflow.metadata.labels
    assert ("Completed", "False") in [(c.type, c.status) for c in workflow.status.conditions]


def test_a_retry_of_a_single_pod_deletes_it():
    first = ended("entrypoint: echo\ntemplates:" + ECHO, lambda _: FAILS)
    made = retry(parse_workflow(first.stored), NOW)
    assert made.workflow.status.nodes == {}
    assert made.pods == ("hello",)
    assert again(made.workflow).phase == "Succeeded"


def test_a_retry_in_a_dag_resets_groups_up_to_the_root_and_deletes_what_follows():
    first = ended(DAG, failing(".two", "(1:"))
    assert first.phases()["hello.D"] == "Omitted"
    made = retry(parse_workflow(first.stored), NOW)
    kept = {node.name: node.phase for node in made.workflow.status.nodes.values()}
    assert kept["hello"] == "Running"
    assert kept["hello.A"] == "Succeeded"
    assert kept["hello.L"] == "Running"
    assert kept["hello.L(0:x)"] == "Succeeded"
    assert "hello.L(1:y)" not in kept
    assert "hello.D" not in kept
    second = again(made.workflow)
    assert second.phase == "Succeeded"
    assert not {name for name in ordered(second) if name in ("hello.A", "hello.L(0:x)") or name.endswith(".one")}
    assert {"hello.L(1:y)", "hello.D"} <= ordered(second)


def test_parameters_expand_loops_anew():
    first = ended(DAG, failing("(1:"))
    made = retry(parse_workflow(first.stored), NOW, parameters={"n": '["p", "q", "r"]'})
    second = again(made.workflow)
    assert second.phase == "Succeeded"
    assert {"hello.L(0:p)", "hello.L(1:q)", "hello.L(2:r)"} <= ordered(second)
    assert "hello.L(0:x)" not in second.phases()


def test_attempts_are_judged_by_their_retry_node():
    spec = "entrypoint: echo\ntemplates:" + ECHO + "  retryStrategy: {limit: 2}"
    succeeded_at_last = ended(spec, failing("(0)"))
    assert succeeded_at_last.phase == "Succeeded"
    with pytest.raises(SpecError, match="To retry a succeeded workflow"):
        retry(parse_workflow(succeeded_at_last.stored), NOW)
    failed = retry(parse_workflow(ended(spec, lambda _: FAILS).stored), NOW).workflow
    assert {node.name: node.phase for node in failed.status.nodes.values()} == {"hello": "Running"}
    assert ordered(again(failed)) == {"hello(0)"}


def test_a_failed_step_that_led_to_success_is_not_run_again():
    spec = STEPS.replace("{name: a, template: echo}", "{name: a, template: echo, continueOn: {failed: true}}")
    spec = spec.replace("  - - {name: c, template: echo}\n", "  - - {name: c, template: echo}\n  - - {name: d, template: echo}\n")
    first = ended(spec, failing(".a", ".d"))
    assert ordered(again(retry(parse_workflow(first.stored), NOW).workflow)) == {"hello[2].d", "hello.onExit"}


def test_successful_nodes_run_again_when_a_selector_names_them():
    first = ended(STEPS, lambda _: {})
    made = retry(parse_workflow(first.stored), NOW, restart_successful=True, selector="displayName=a")
    second = again(made.workflow)
    assert ordered(second) == {"hello[0].a", "hello[1].c", "hello.onExit"}
    assert second.phase == "Succeeded"


@pytest.mark.parametrize("phase", ["", "Running"])
def test_a_workflow_that_has_not_ended_is_not_retried(phase):
    world = World(STEPS, lambda _: {"hangs": True}).play()
    world.stored["status"]["phase"] = phase
    with pytest.raises(SpecError, match=f"Cannot retry a workflow in phase {phase}"):
        retry(parse_workflow(world.stored), NOW)


def test_artifacts_that_are_made_again_are_collected_again():
    world = ended(STEPS, failing(".b"))
    world.stored["status"]["artifactGCStatus"] = {"podsRecouped": {"hello-artgc-wfcomp-1": True}}
    world.stored["status"]["conditions"] = [*world.stored["status"]["conditions"], {"type": "ArtifactGCError", "status": "True"}]
    again = retry(parse_workflow(world.stored), NOW).workflow
    assert again.status.artifact_gc_status is None
    assert "ArtifactGCError" not in [condition.type for condition in again.status.conditions]
