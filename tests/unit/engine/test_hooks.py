"""Hooks and exit handlers of workflows, steps and tasks; and templates that fail fast."""

import pytest

from tiphys.testing.world import World

FAILS = {"phase": "Failed", "message": "main: Error (exit code 1)", "exit_code": 1}
ECHO = """
- name: echo
  inputs: {parameters: [{name: m, default: hi}]}
  container: {image: busybox, command: [echo, "{{inputs.parameters.m}}"]}
"""


def said(world: World, name: str) -> str:
    return next(order for order in world.orders if order.node_name == name).template.container["command"][1]


def workflow(hooks: str, more: str = "") -> str:
    return f"entrypoint: echo\nhooks: {hooks}\n{more}\ntemplates:{ECHO}"


@pytest.mark.parametrize("restores", [False, True])
def test_a_hook_of_the_workflow_starts_while_it_runs_and_is_waited_for(restores):
    spec = workflow("{running: {expression: 'workflow.status == \"Running\"', template: echo, arguments: {parameters: [{name: m, value: started}]}}}")
    world = World(spec, lambda order: {"seconds": 60} if "hooks" in order.node_name else {}, restores=restores).play()
    assert world.phase == "Succeeded"
    assert said(world, "hello.hooks.running") == "started"
    hook = world.node("hello.hooks.running")
    assert (hook.phase, hook.boundary_id, hook.node_flag.hooked) == ("Succeeded", "", True)
    assert hook.id in world.node("hello").children


def test_hooks_at_the_end_come_before_the_exit_handler():
    spec = workflow("{ok: {expression: 'workflow.status == \"Succeeded\"', template: echo}, bad: {expression: 'workflow.status == \"Failed\"', template: echo},"
                    " exit: {template: echo}}")  # fmt: skip
    world = World(spec).play()
    assert [order.node_name for order in world.orders] == ["hello", "hello.hooks.ok", "hello.onExit"]


def test_a_failing_hook_fails_nothing():
    world = World(workflow("{ok: {expression: 'true', template: echo}}"), lambda order: FAILS if "hooks" in order.node_name else {}).play()
    assert (world.phase, world.node("hello.hooks.ok").phase) == ("Succeeded", "Failed")


def test_a_hook_that_cannot_be_decided_makes_the_workflow_an_error_at_its_end():
    world = World(workflow("{odd: {expression: 'asInt(workflow.name) == 1', template: echo}}")).play()
    assert world.phase == "Error"
    assert world.message.startswith("hook hello.hooks.odd: ")


def test_an_exit_handler_has_arguments_of_its_own_or_the_workflows():
    parameters = "arguments: {parameters: [{name: m, value: mine}]}"
    world = World(workflow("{exit: {template: echo}}", parameters)).play()
    assert said(world, "hello.onExit") == "mine"
    own = "{exit: {template: echo, arguments: {parameters: [{name: m, value: '{{workflow.status}} {{workflow.name}}'}]}}}"
    assert said(World(workflow(own, parameters)).play(), "hello.onExit") == "Succeeded hello"


STEP = """
entrypoint: main
templates:
- name: main
  steps:
  - - name: a
      template: echo
      hooks:
        running: {expression: 'steps.a.status == "Running"', template: echo}
        good: {expression: 'steps.a.status == "Succeeded"', template: echo, arguments: {parameters: [{name: m, value: "{{steps.a.status}}"}]}}
        exit: {template: echo}
""" + ECHO
TASK = STEP.replace("  steps:\n  - - name: a", "  dag:\n    tasks:\n    - name: a").replace("steps.a", "tasks.a")


@pytest.mark.parametrize(("spec", "prefix"), [(STEP, "hello[0].a"), (TASK, "hello.a")])
@pytest.mark.parametrize("restores", [False, True])
def test_hooks_of_a_step_and_a_task_are_waited_for(spec, prefix, restores):
    world = World(spec, lambda order: {"seconds": 9} if "hooks" in order.node_name else {}, restores=restores).play()
    assert world.phase == "Succeeded"
    assert set(world.phases()) >= {f"{prefix}.hooks.running", f"{prefix}.hooks.good", f"{prefix}.onExit"}
    assert said(world, f"{prefix}.hooks.good") == "Succeeded"
    assert world.node(f"{prefix}.hooks.good").boundary_id == "hello"


@pytest.mark.parametrize("spec", [STEP, TASK])
def test_a_hook_that_cannot_be_decided_is_an_error_of_what_is_around(spec):
    kind = "steps" if spec is STEP else "tasks"
    odd = spec.replace(f"expression: '{kind}.a.status == \"Running\"'", f"expression: 'asInt({kind}.a.status) == 1'")
    world = World(odd).play()
    assert world.phase in ("Error", "Failed")
    assert ".a.hooks.running: " in world.message


FAST = """
entrypoint: main
templates:
- name: main
  failFast: true
  parallelism: 2
  {body}
""" + ECHO
FAST_STEPS = FAST.replace("{body}", "steps: [[{name: a, template: echo}, {name: b, template: echo}, {name: c, template: echo}]]")
DAEMON = """
entrypoint: m
templates:
- name: m
  failFast: true
  dag:
    tasks:
    - {name: up, template: up}
    - {name: bad, template: bad, depends: up}
    - {name: next, template: bad, depends: bad.Failed}
- {name: up, daemon: true, container: {image: i, command: [c]}}
- {name: bad, container: {image: i, command: [c]}}
"""
FAST_DAG = FAST.replace("{body}", "dag: {failFast: false, tasks: [{name: a, template: echo}, {name: b, template: echo}, {name: c, template: echo}]}")


@pytest.mark.parametrize(("spec", "first"), [(FAST_STEPS, "hello[0]."), (FAST_DAG, "hello.")])
@pytest.mark.parametrize("restores", [False, True])
def test_a_template_that_fails_fast_starts_nothing_after_a_failure_and_waits_for_what_runs(spec, first, restores):
    world = World(spec, lambda order: FAILS if order.node_name.endswith(".a") else {"seconds": 30}, restores=restores).play()
    message = "template has failed or errored children and failFast enabled"
    assert (world.phase, world.message) == ("Failed", message)
    assert world.node("hello").message == message
    assert world.node(first + "b").phase == "Succeeded"
    assert first + "c" not in world.phases()
    if first == "hello[0].":
        assert (world.node("hello[0]").phase, world.node("hello[0]").message) == ("Failed", message)


def test_a_retried_step_of_a_template_that_fails_fast_makes_no_new_attempt():
    retried = ECHO.replace("echo", "again", 1).replace("  inputs", "  retryStrategy: {limit: 5}\n  inputs")
    spec = FAST_STEPS.replace("{name: b, template: echo}", "{name: b, template: again}").replace(", {name: c, template: echo}", "") + retried
    world = World(spec, lambda order: FAILS if order.node_name.endswith(".a") else {**FAILS, "seconds": 30}).play()
    assert world.phase == "Failed"
    assert [order.node_name for order in world.orders] == ["hello[0].a", "hello[0].b(0)"]
    assert world.node("hello[0].b").phase == "Failed"


def test_a_template_that_fails_fast_does_not_wait_for_its_daemons():
    world = World(DAEMON, lambda order: {"phase": "Failed"} if order.template_name == "bad" else {}).play()
    assert world.phase == "Failed"
    assert world.phases()["hello.up"] == "Succeeded"
    assert "hello.next" not in world.phases()
