"""What a run does with workflows as people write them; and that a restored run does the same."""

import msgspec
import pytest

from tiphys.engine.actions import CollectNode, NodeChanged, WorkflowChanged
from tiphys.engine.events import NodeGone, SpecChanged, StartDelayed, StartRefused
from tiphys.model.parse import parse_workflow
from tiphys.testing.world import World

FAILS = {"phase": "Failed", "message": "main: Error (exit code 1)", "exit_code": 1}
ECHO = """
  - name: echo
    inputs: {parameters: [{name: m, default: hi}]}
    container: {image: busybox, command: [echo, "{{inputs.parameters.m}}"]}
"""
HELLO = "entrypoint: echo\ntemplates:" + ECHO


def failing(*parts: str):
    return lambda order: FAILS if any(part in order.node_name for part in parts) else {}


def test_one_container_runs_and_the_workflow_succeeds():
    world = World(HELLO).play()
    assert (world.phase, world.message) == ("Succeeded", "")
    assert world.phases() == {"hello": "Succeeded"}
    assert world.orders[0].template.container["command"] == ["echo", "hi"]
    assert world.orders[0].pod_name == "hello"
    assert world.stored["metadata"]["labels"] == {
        "workflows.argoproj.io/phase": "Succeeded",
        "workflows.argoproj.io/completed": "true",
    }


def test_a_failed_container_fails_the_workflow_with_its_message():
    world = World(HELLO, lambda _: FAILS).play()
    assert (world.phase, world.message) == ("Failed", "main: Error (exit code 1)")
    assert world.node("hello").outputs.exit_code == "1"


def test_a_workflow_parameter_reaches_the_container_and_what_it_yields_is_not_read_again():
    world = World(
        "entrypoint: a\narguments: {parameters: [{name: p, value: '{{=\"{{\" + \"=1+1}}{{workflow.name}}\"}}'}]}\ntemplates:\n"
        "- {name: a, container: {image: i, args: ['{{workflow.parameters.p}}']}}"
    ).play()
    assert world.orders[0].template.container["args"] == ["{{=1+1}}{{workflow.name}}"]


def test_an_argument_that_nobody_gives_is_an_error_naming_the_input():
    world = World("entrypoint: a\ntemplates: [{name: a, inputs: {parameters: [{name: p}]}, container: {image: i}}]").play()
    assert (world.phase, world.message) == ("Failed", "invalid spec: templates.a: inputs.parameters.p was not supplied")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("entrypoint: nope\ntemplates: [{name: note, container: {image: i}}]",
         "invalid spec: spec.entrypoint: template name 'nope' undefined, did you mean 'note'?"),
        ("entrypoint: a\ntemplates: [{name: a, steps: [[{name: x, template: bb}]]}, {name: b, container: {image: i}}]",
         "invalid spec: templates.a.steps[0][0]: template name 'bb' undefined, did you mean 'b'?"),
        ("entrypoint: a\ntemplates: [{name: a, dag: {tasks: [{name: x, template: a, depends: y}]}}]", "templates.a.tasks.x: invalid depends 'y': there is no task 'y'"),
        (("entrypoint: a\ntemplates: [{name: a, dag: {tasks: [{name: x, template: a, depends: y},"
         " {name: y, template: a, depends: x}]}}]"), "cycle"),
        ("entrypoint: a\ntemplates: [{name: a}]", "template type unspecified"),
        ("templates: []", "spec.entrypoint is required"),
    ],
)  # fmt: skip
def test_an_invalid_spec_fails_the_workflow_and_says_where(spec, message):
    world = World(spec).play()
    assert world.phase == "Failed"
    assert message in world.message


STEPS = (
    "entrypoint: main\ntemplates:\n  - name: main\n    steps:\n"
    + """
    - - {name: a, template: echo}
      - {name: b, template: echo, arguments: {parameters: [{name: m, value: "{{workflow.name}}"}]}}
    - - {name: c, template: echo, arguments: {parameters: [{name: m, value: "{{steps.a.outputs.result}}!"}]}}
"""
    + ECHO
)


def test_steps_pass_results_and_wire_the_graph_as_argo_does():
    world = World(STEPS, lambda order: {"result": "ra"} if order.wants_result else {}).play()
    assert world.phase == "Succeeded"
    assert [order.template.container["command"][1] for order in world.orders] == ["hi", "hello", "ra!"]
    assert [order.wants_result for order in world.orders] == [True, False, False]
    ids = {node["name"]: node["id"] for node in world.stored["status"]["nodes"].values()}
    assert world.node("hello").children == (ids["hello[0]"],)
    assert world.node("hello[0]").children == (ids["hello[0].a"], ids["hello[0].b"])
    assert world.node("hello[0].a").children == (ids["hello[1]"],)
    assert world.node("hello").outbound_nodes == (ids["hello[1].c"],)
    assert world.node("hello[1].c").boundary_id == "hello"
    assert world.node("hello").progress == "3/3"
    assert world.node("hello[0]").progress == "2/2"


def test_a_failed_step_fails_its_group_and_the_rest_never_starts():
    world = World(STEPS, failing("[0].a")).play()
    assert world.phase == "Failed"
    assert world.message == f"child '{world.node('hello[0].a').id}' failed"
    assert "hello[1]" not in world.phases()


def test_continue_on_lets_the_next_group_start():
    world = World(
        STEPS.replace("{name: a, template: echo}", "{name: a, template: echo, continueOn: {failed: true}}"),
        lambda order: {**FAILS, "result": "r"} if order.node_name == "hello[0].a" else {},
    ).play()
    assert world.phase == "Succeeded"


LOOP = (
    "entrypoint: main\ntemplates:\n  - name: main\n    steps:\n"
    + """
    - - {name: a, template: echo, withItems: [1, x, {k: v}], arguments: {parameters: [{name: m, value: "{{item}}"}]}}
    - - {name: b, template: echo, arguments: {parameters: [{name: m, value: "{{steps.a.outputs.result}}"}]}}
"""
    + ECHO
)


def test_a_loop_names_its_members_and_aggregates_their_results():
    world = World(LOOP, lambda order: {"result": "7"} if order.wants_result else {}).play()
    assert set(world.phases()) == {
        "hello",
        "hello[0]",
        "hello[0].a(0:1)",
        "hello[0].a(1:x)",
        "hello[0].a(2:k:v)",
        "hello[1]",
        "hello[1].b",
    }
    assert world.orders[2].template.container["command"][1] == '{"k":"v"}'
    assert world.orders[-1].template.container["command"][1] == "[7,7,7]"


def test_an_empty_loop_is_one_skipped_node():
    spec = "entrypoint: main\ntemplates:\n  - name: main\n    steps: [[{name: a, template: echo, withParam: '[]'}]]" + ECHO
    world = World(spec).play()
    assert world.phase == "Succeeded"
    assert world.node("hello[0].a").message == "Skipped, empty params"


DIAMOND = (
    "entrypoint: main\narguments: {parameters: [{name: target, value: E}]}\ntemplates:\n  - name: main\n    dag:\n"
    + """
      target: "{{workflow.parameters.target}}"
      tasks:
      - {name: A, template: echo}
      - {name: B, template: echo, depends: A}
      - {name: C, template: echo, depends: A}
      - {name: D, template: echo, depends: "B && C"}
      - {name: E, template: echo, depends: "C"}
"""
    + ECHO
)


def test_a_dag_runs_its_targets_and_what_they_need():
    assert set(World(DIAMOND).play().phases()) == {"hello", "hello.A", "hello.C", "hello.E"}
    both = World(DIAMOND.replace("value: E", "value: B E")).play()
    assert set(both.phases()) == {"hello", "hello.A", "hello.B", "hello.C", "hello.E"}
    assert both.phase == "Succeeded"


def test_a_failed_task_omits_what_depends_on_it_and_fails_the_dag_without_a_message():
    world = World(DIAMOND.replace("value: E", "value: D"), failing(".B")).play()
    assert (world.phase, world.message) == ("Failed", "")
    assert world.phases()["hello.D"] == "Omitted"
    assert world.node("hello.D").message == "omitted: depends condition not met"


def test_a_task_that_runs_because_another_failed_saves_the_dag():
    world = World(
        DIAMOND.replace('depends: "B && C"', 'depends: "B.Failed"').replace("value: E", "value: D"), failing(".B")
    ).play()
    assert world.phases()["hello.D"] == "Succeeded"
    assert world.phase == "Succeeded"


def test_a_loop_in_a_dag_is_a_task_group():
    spec = (
        "entrypoint: main\ntemplates:\n  - name: main\n    dag:\n      tasks:"
        + """
      - {name: A, template: echo, withSequence: {count: 3}}
      - {name: B, template: echo, depends: A.AnySucceeded, arguments: {parameters: [{name: m, value: "{{tasks.A.status}}"}]}}
"""
        + ECHO
    )
    world = World(spec, failing("(1:")).play()
    assert world.phases()["hello.A"] == "Failed"
    assert world.orders[-1].template.container["command"][1] == "Failed"


FLIP = (
    "entrypoint: main\ntemplates:\n  - name: main\n    steps:"
    + """
    - - {name: flip-coin, template: echo}
    - - {name: heads, template: echo, when: "{{steps.flip-coin.outputs.result}} == heads"}
      - {name: tails, template: echo, when: "{{steps.flip-coin.outputs.result}} == tails"}
    outputs: {parameters: [{name: stepresult, valueFrom: {expression:
      "steps['flip-coin'].outputs.result == 'heads' ? steps.heads.outputs.result : steps.tails.outputs.result"}}]}
"""
    + ECHO
)


@pytest.mark.parametrize(("side", "other"), [("heads", "tails"), ("tails", "heads")])
def test_a_coin_flip_skips_the_other_side_and_puts_out_the_result_of_the_one_that_ran(side, other):
    world = World(FLIP, lambda order: {"result": side if "flip" in order.node_name else f"it was {side}"}).play()
    assert world.phases()[f"hello[1].{other}"] == "Skipped"
    assert world.node(f"hello[1].{other}").message == f"when '{side} == {other}' evaluated false"
    assert world.node("hello").outputs.parameters[0].value == f"it was {side}"


RETRY = "entrypoint: a\ntemplates:\n- name: a\n  retryStrategy: {limit: 2}\n  container: {image: i, args: ['{{retries}}']}"


def test_a_failed_attempt_is_followed_by_the_next_one():
    world = World(RETRY, failing("(0)")).play()
    assert world.phases() == {"hello": "Succeeded", "hello(0)": "Failed", "hello(1)": "Succeeded"}
    assert [order.template.container["args"] for order in world.orders] == [["0"], ["1"]]
    assert world.node("hello").type == "Retry"


def test_attempts_end_at_the_limit():
    world = World(RETRY, lambda _: FAILS).play()
    assert list(world.phases()) == ["hello", "hello(0)", "hello(1)", "hello(2)"]
    assert (world.phase, world.message) == ("Failed", "No more retries left")


def test_on_error_does_not_retry_a_failing_exit_code():
    world = World(RETRY.replace("{limit: 2}", "{limit: 3, retryPolicy: OnError}"), lambda _: FAILS).play()
    assert list(world.phases()) == ["hello", "hello(0)"]


def test_a_back_off_waits_and_says_so():
    world = World(RETRY.replace("{limit: 2}", "{limit: 2, backoff: {duration: '10', factor: 2}}"), lambda _: FAILS)
    while "hello(0)" not in world.phases() or world.phases()["hello(0)"] != "Failed":
        world.step()
    assert world.node("hello").message == "Backoff for 10 seconds"
    started = world.now
    world.play()
    assert (world.now - started).total_seconds() == 30
    assert world.message == "No more retries left"


def test_an_exit_handler_runs_after_failure_and_knows_the_status():
    spec = HELLO + "  - {name: bye, container: {image: i, args: ['{{workflow.status}}']}}\nonExit: bye"
    world = World(spec, lambda order: FAILS if order.node_name == "hello" else {}).play()
    assert world.orders[-1].template.container["args"] == ["Failed"]
    assert world.orders[-1].is_exit_handler
    assert world.phase == "Failed"
    assert world.node("hello.onExit").node_flag.hooked


def test_a_step_s_exit_hook_runs_and_its_failure_changes_nothing():
    world = World(STEPS.replace("{name: a, template: echo}", "{name: a, template: echo, onExit: echo}"), failing("onExit")).play()
    assert world.phases()["hello[0].a.onExit"] == "Failed"
    assert world.phase == "Succeeded"


def test_a_suspended_node_waits_for_its_duration():
    world = World("entrypoint: s\ntemplates: [{name: s, suspend: {duration: '20'}}]").play()
    assert (world.now.second, world.phase) == (20, "Succeeded")


def test_a_resumed_node_goes_on():
    world = World("entrypoint: s\ntemplates: [{name: s, suspend: {}}]").play()
    assert world.phases() == {"hello": "Running"}
    world.stored["status"]["nodes"]["hello"]["phase"] = "Succeeded"
    world.send(SpecChanged(parse_workflow(world.stored), nodes_changed=True))
    assert world.play().phase == "Succeeded"


@pytest.mark.parametrize(("shutdown", "exit_runs"), [("Stop", True), ("Terminate", False)])
def test_a_stopped_workflow_ends_its_pods_and_says_how(shutdown, exit_runs):
    world = World(HELLO + "onExit: echo", lambda order: {} if order.is_exit_handler else {"hangs": True}).play()
    world.change_spec(shutdown=shutdown)
    world.play()
    assert world.node("hello").message == f"workflow shutdown with strategy:  {shutdown}"
    assert (world.phase, world.message) == ("Failed", f"Stopped with strategy '{shutdown}'")
    assert world.stopped == ["hello"]
    assert ("hello.onExit" in world.phases()) is exit_runs


def test_a_deadline_ends_what_runs():
    world = World(HELLO + "activeDeadlineSeconds: 30", lambda _: {"hangs": True}).play()
    assert world.node("hello").message == "Step exceeded its deadline"
    assert (world.phase, world.now.second) == ("Failed", 30)


def test_a_suspended_workflow_starts_nothing_new():
    world = World(STEPS)
    world.change_spec(suspend=True)
    world.play()
    assert "hello[1]" not in world.phases()
    world.change_spec(suspend=None)
    assert world.play().phase == "Succeeded"


FAN = (
    "entrypoint: main\n{spec}templates:\n  - name: main\n    {template}steps: [[{{name: a, template: echo, withSequence: {{count: 6}}}}]]"
    + (ECHO.replace("{", "{{").replace("}", "}}"))
)


@pytest.mark.parametrize(("spec", "template"), [("parallelism: 2\n", ""), ("", "parallelism: 2\n    ")])
def test_parallelism_holds_pods_back_and_lets_all_run_in_the_end(spec, template):
    world = World(FAN.format(spec=spec, template=template), lambda _: {"seconds": 5})
    most = 0
    while world.step():
        most = max(most, sum(phase in ("Pending", "Running") for name, phase in world.phases().items() if "(" in name))
    assert most == 2
    assert world.phase == "Succeeded"
    assert len(world.orders) == 6


def test_a_daemon_lets_the_next_step_start_and_ends_with_its_steps():
    world = World(
        STEPS.replace("{{steps.a.outputs.result}}", "{{steps.a.status}}").replace(
            "{name: a, template: echo}", "{name: a, template: server}"
        )
        + "  - {name: server, daemon: true, container: {image: i}}\n"
    ).play()
    assert world.phases()["hello[0].a"] == "Succeeded"
    assert world.stopped == [world.node("hello[0].a").id]


def test_a_pod_that_vanishes_while_it_runs_is_an_error():
    world = World(HELLO, lambda _: {"hangs": True}).play()
    world.send(NodeGone("hello"))
    assert (world.phase, world.message) == ("Error", "pod deleted")


def test_a_pod_that_cannot_start_is_an_error_and_one_that_cannot_start_yet_says_why():
    world = World(HELLO, lambda _: {"hangs": True})
    world.send(StartDelayed("hello", "exceeded quota"))
    assert world.node("hello").message == "exceeded quota"
    world.send(StartRefused("hello", "no such service account"))
    assert (world.phase, world.message) == ("Error", "no such service account")


def test_time_to_live_and_pod_collection_are_asked_for():
    world = World(HELLO + "ttlStrategy: {secondsAfterCompletion: 10}\npodGC: {strategy: OnPodCompletion}").play()
    kinds = {type(action) for action in world.actions}
    assert {CollectNode, NodeChanged, WorkflowChanged} <= kinds


EVERYTHING = [HELLO, STEPS, LOOP, DIAMOND, FLIP, RETRY, FAN.format(spec="parallelism: 2\n", template="parallelism: 3\n    ")]


def _final(world: World) -> object:
    status = parse_workflow(world.stored).status
    nodes = {name: msgspec.structs.replace(node, started_at=None, finished_at=None, children=tuple(sorted(node.children)))
             for name, node in status.nodes.items()}  # fmt: skip
    return status.phase, status.message, status.progress, nodes


@pytest.mark.parametrize("spec", EVERYTHING)
@pytest.mark.parametrize("fails", ["nothing", "(0", ".B", "[0].a"])
def test_restoring_before_every_event_ends_where_living_through_them_ends(spec, fails):
    def behave(order):
        return {**FAILS, "result": "1"} if fails in order.node_name else {"result": "heads" if order.wants_result else None}

    lived, restored = World(spec, behave).play(), World(spec, behave, restores=True).play()
    assert _final(lived) == _final(restored)
    assert len(lived.orders) == len({order.pod_name for order in lived.orders})


def test_a_layered_dag_costs_the_same_per_node_however_big_it_is():
    def events(width: int) -> float:
        tasks = [
            f"{{name: t{i}, template: echo" + (f", depends: 't{i - 5} && t{i - 4}'" if i >= 5 else "") + "}" for i in range(width)
        ]
        spec = "entrypoint: main\ntemplates:\n  - name: main\n    dag: {tasks: [" + ", ".join(tasks) + "]}" + ECHO
        world = World(spec).play()
        assert world.phase == "Succeeded"
        return len(world.actions) / width

    assert events(200) == pytest.approx(events(50), rel=0.05)
