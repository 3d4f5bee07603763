"""What a run does that was restored at an awkward moment; each was once found by the simulator."""

import pytest

from tiphys.engine.actions import CollectNode
from tiphys.engine.events import Restored
from tiphys.engine.run import Run
from tiphys.model.parse import parse_workflow
from tiphys.model.report import NodeReport
from tiphys.testing.faults import faults_of
from tiphys.testing.simulation import check_seed
from tiphys.testing.world import World

LEAF = "\n- {name: leaf, container: {image: i}}\n- {name: wait, suspend: {}}\n- {name: server, daemon: true, container: {image: i}}"
FAILS = {"phase": "Failed", "exit_code": 1}


def restored(world: World) -> World:
    """The world a moment after a crash."""
    return World(parse_workflow(world.stored))


def steps(*groups: str) -> str:
    return "entrypoint: main\ntemplates:\n- name: main\n  steps:\n" + "".join(f"  - [{group}]\n" for group in groups) + LEAF


def tasks(*entries: str) -> str:
    return "entrypoint: main\ntemplates:\n- name: main\n  dag:\n    tasks:\n" + "".join(f"    - {entry}\n" for entry in entries) + LEAF


def test_a_finished_loop_with_hooks_lets_what_follows_start():
    world = World(tasks("{name: a, template: leaf, withItems: [1, 2], hooks: {h: {template: leaf, expression: 'false'}}}",
                        "{name: b, template: wait, depends: a}")).play()  # fmt: skip
    assert world.phases()["hello.a"] == "Succeeded"
    del world.stored["status"]["nodes"][world.node("hello.b").id]
    assert restored(world).phases()["hello.b"] == "Running"


def test_a_task_that_never_ran_stays_as_it_is_though_it_has_hooks():
    world = World(tasks("{name: a, template: leaf}", "{name: b, template: leaf, depends: a.Failed, withParam: '[]', onExit: leaf}",
                        "{name: c, template: wait}")).play()  # fmt: skip
    again = restored(world)
    assert again.phases()["hello.b"] == "Omitted"
    assert again.node("hello.b").message == "omitted: depends condition not met"


def test_an_error_keeps_its_message():
    world = World(steps("{name: a, template: leaf, when: 'oops =='}, {name: b, template: wait}")).play()
    message = world.node("hello[0].a").message
    assert message.startswith("Invalid 'when' expression")
    world.stored["spec"]["templates"][0]["steps"][0][0]["template"] = "{{steps.x.outputs.result}}"
    assert restored(world).node("hello[0].a").message == message


def test_progress_counts_a_group_once_whether_it_is_looked_into_or_not():
    spec = tasks("{name: a, template: leaf, withItems: [1, 2], onExit: leaf}", "{name: b, template: wait, depends: a}")
    world = World(spec).play()
    before = world.stored["status"]["progress"]
    assert restored(world).stored["status"]["progress"] == before == "4/5"


def test_a_group_with_a_daemon_is_counted_one_by_one():
    world = World(steps("{name: a, template: leaf}, {name: d, template: server}", "{name: b, template: wait}")).play()
    assert world.stored["status"]["progress"] == restored(world).stored["status"]["progress"] == "1/3"


@pytest.mark.parametrize(
    ("strategy", "collected"),
    [("OnPodCompletion", {"a", "b"}), ("OnPodSuccess", {"a"}), ("OnWorkflowCompletion", set()), ("OnWorkflowSuccess", set())],
)
def test_pods_that_nobody_lived_to_delete_are_collected(strategy, collected):
    spec = steps("{name: a, template: leaf}, {name: b, template: leaf}, {name: w, template: wait}")
    world = World(spec + f"\npodGC: {{strategy: {strategy}}}", lambda order: FAILS if order.node_name.endswith(".b") else {}).play()
    reports = [NodeReport(node_id=order.node_id, phase="Succeeded", is_final=True) for order in world.orders]
    actions = Run(parse_workflow(world.stored)).handle(Restored(tuple(reports)), world.now)
    names = {order.pod_name: order.node_name[-1] for order in world.orders}
    assert {names[action.pod_name] for action in actions if isinstance(action, CollectNode)} == collected


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_every_invariant_holds_in_twenty_random_workflows_with_random_faults(first):
    for seed in range(first, first + 20):
        check_seed(seed, faults_of(seed))
