"""Locks of workflows and templates: what is shown, what is stored, who goes first, and that nothing leaks."""

import pytest

from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.workflow import Workflow
from tiphys.testing.shared import Shared
from tiphys.testing.world import World, workflow_of

MUTEX = """
metadata: {{name: {name}, namespace: argo, uid: {name}, creationTimestamp: "{created}"}}
spec:
  entrypoint: a
  templates:
  - name: a
    synchronization: {{mutexes: [{{name: build}}]}}
    container: {{image: i}}
"""
SEMAPHORE = """
metadata: {name: hello, namespace: argo, uid: u, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: s, template: a, withSequence: {count: 5}}]]
  - name: a
    synchronization: {semaphores: [{configMapKeyRef: {name: limits, key: gpu}}]}
    container: {image: i}
"""
GPU = "argo/ConfigMap/limits/gpu"


def mutex(name: str, created: str = "2026-01-01T00:00:00Z") -> Workflow:
    return workflow_of(MUTEX.format(name=name, created=created))


def shown(world: World) -> dict[str, object]:
    return to_json(parse_workflow(world.stored))["status"]["synchronization"]


def most_at_once(world: World, prefix: str) -> int:
    most = 0
    for _ in range(1000):
        if not world.step():
            return most
        nodes = parse_workflow(world.stored).status.nodes.values()
        most = max(most, sum(node.phase == "Running" and node.name.startswith(prefix) for node in nodes))
    raise AssertionError("it never comes to rest")


def test_a_free_mutex_is_recorded_before_the_pod_is_ordered():
    world = World(mutex("one"))
    assert not world.orders
    world.step()
    assert shown(world) == {"mutex": {"holding": [{"holder": "argo/one/one", "mutex": "argo/Mutex/build"}]}}
    assert not world.orders
    world.step()
    assert [order.node_name for order in world.orders] == ["one"]
    world.play()
    assert world.phase == "Succeeded"
    assert "synchronization" not in world.stored["status"]


def test_who_waits_shows_what_for_and_is_served_when_the_holder_ends():
    shared = Shared()
    first = World(mutex("one"), shared=shared)
    first.step()
    second = World(mutex("two"), shared=shared)
    second.play()
    node = second.node("two")
    assert (node.phase, node.type) == ("Pending", "Pod")
    assert node.message == "Waiting for argo/Mutex/build lock. Lock status: 0/1"
    assert node.synchronization_status.waiting == "argo/Mutex/build"
    assert shown(second)["mutex"]["waiting"] == [{"holder": "argo/one/one", "mutex": "argo/Mutex/build"}]
    first.play()
    assert first.phase == "Succeeded"
    second.play()
    node = second.node("two")
    assert (second.phase, node.message, node.synchronization_status) == ("Succeeded", "", None)


@pytest.mark.parametrize("restores", [False, True])
def test_a_semaphore_lets_as_many_run_as_its_config_map_says(restores):
    world = World(workflow_of(SEMAPHORE), lambda _: {"seconds": 10}, shared=Shared({GPU: 2}), restores=restores)
    assert most_at_once(world, "hello[0].s") == 2
    assert world.phase == "Succeeded"
    assert len(world.orders) == 5


def test_a_semaphore_without_a_limit_is_an_error_of_the_node():
    world = World(workflow_of(SEMAPHORE)).play()
    assert world.node("hello[0].s(0:0)").phase == "Error"
    assert world.node("hello[0].s(0:0)").message == f"Failed to get semaphore limit for {GPU}: no ConfigMap"
    assert world.phase == "Failed"


WORKFLOW_LEVEL = """
metadata: {name: hello, namespace: argo, uid: u}
spec:
  entrypoint: a
  arguments: {parameters: [{name: branch, value: main}]}
  synchronization: {mutexes: [{name: "deploy-{{workflow.parameters.branch}}"}]}
  templates: [{name: a, container: {image: i}}]
"""


def busy(key: str) -> Shared:
    shared = Shared()
    other = MUTEX.format(name="other", created="2020-01-01T00:00:00Z").replace("build", key)
    World(workflow_of(other), lambda _: {"hangs": True}, shared=shared).play()
    return shared


def test_a_workflow_waits_for_its_lock_in_pending_and_has_not_started_then():
    shared = busy("deploy-main")
    world = World(workflow_of(WORKFLOW_LEVEL), shared=shared).play()
    status = parse_workflow(world.stored).status
    assert (status.phase, status.message) == ("Pending", "Waiting for argo/Mutex/deploy-main lock. Lock status: 0/1")
    assert status.started_at is None
    assert not status.nodes
    assert world.stored["metadata"]["labels"]["workflows.argoproj.io/phase"] == "Pending"


def test_a_workflow_whose_lock_is_free_runs_and_gives_it_back():
    world = World(workflow_of(WORKFLOW_LEVEL)).play()
    assert (world.phase, world.message) == ("Succeeded", "")
    assert world.shared.table.holders("argo/Mutex/deploy-main") == ()


def test_a_workflow_that_is_stopped_while_it_waits_fails():
    world = World(workflow_of(WORKFLOW_LEVEL), shared=busy("deploy-main")).play()
    world.change_spec(shutdown="Terminate")
    assert (world.phase, world.message) == ("Failed", "Stopped with strategy 'Terminate'")
    assert world.shared.table.waits("argo/Mutex/deploy-main") == 0


def test_a_workflow_whose_lock_is_wrong_fails_and_says_so():
    world = World(workflow_of(WORKFLOW_LEVEL.replace("name: \"deploy-{{workflow.parameters.branch}}\"", "name: ''"))).play()
    assert world.phase == "Failed"
    assert world.message == "Failed to acquire the synchronization lock. requested configuration is invalid: a mutex has no name"


def test_a_node_that_waits_for_its_lock_is_ended_by_a_shutdown_and_leaves_the_line():
    shared = busy("build")
    world = World(mutex("one"), shared=shared).play()
    assert world.node("one").phase == "Pending"
    world.change_spec(shutdown="Stop")
    world.play()
    assert (world.node("one").phase, world.node("one").message) == ("Failed", "Stopped with strategy 'Stop'")
    assert shared.table.waits("argo/Mutex/build") == 0


def test_a_node_that_waits_longer_than_its_timeout_fails():
    text = MUTEX.format(name="one", created="2026-01-01T00:00:00Z").replace("    container", "    timeout: 10s\n    container")
    world = World(workflow_of(text), shared=busy("build")).play()
    assert (world.phase, world.node("one").message) == ("Failed", "timeout")


def test_the_lock_of_a_retried_template_is_held_by_the_retry_node_over_all_attempts():
    text = MUTEX.format(name="one", created="2026-01-01T00:00:00Z").replace(
        "    container", "    retryStrategy: {limit: 2}\n    container"
    )
    holders = []

    def behave(order):
        holders.append(world.shared.table.holders("argo/Mutex/build"))
        return {"phase": "Failed", "message": "no", "exit_code": 1}

    world = World(workflow_of(text), lambda _: {"hangs": True})
    world.behave = behave
    world.play()
    assert holders == [("argo/one/one",)] * 3
    assert world.node("one").type == "Retry"
    assert world.shared.table.holders("argo/Mutex/build") == ()


def test_a_steps_template_holds_its_lock_until_all_of_it_has_ended():
    text = """
metadata: {name: hello, namespace: argo, uid: u}
spec:
  entrypoint: main
  templates:
  - name: main
    synchronization: {mutexes: [{name: m}]}
    steps: [[{name: a, template: a}], [{name: b, template: a}]]
  - {name: a, container: {image: i}}
"""
    seen = []
    world = World(workflow_of(text), lambda _: seen.append(world.shared.table.holders("argo/Mutex/m")) or {})
    world.play()
    assert seen == [("argo/hello/hello",)] * 2
    assert world.phase == "Succeeded"


def test_a_lock_that_a_node_around_holds_is_an_error_not_a_wait_for_ever():
    text = """
metadata: {name: hello, namespace: argo, uid: u}
spec:
  entrypoint: main
  templates:
  - {name: main, synchronization: {mutexes: [{name: m}]}, steps: [[{name: a, template: a}]]}
  - {name: a, synchronization: {mutexes: [{name: m}]}, container: {image: i}}
"""
    world = World(workflow_of(text)).play()
    assert world.node("hello[0].a").message == (
        "lock argo/Mutex/m is held by argo/hello/hello around this node and would never be free"
    )


def test_several_locks_are_taken_together_or_not_at_all():
    text = MUTEX.format(name="one", created="2026-01-01T00:00:00Z").replace("[{name: build}]", "[{name: free}, {name: build}]")
    shared = busy("build")
    world = World(workflow_of(text), shared=shared).play()
    assert shared.table.holders("argo/Mutex/free") == ()
    assert world.node("one").synchronization_status.waiting == "argo/Mutex/build"


def test_the_same_lock_twice_is_refused():
    text = MUTEX.format(name="one", created="2026-01-01T00:00:00Z").replace("[{name: build}]", "[{name: build}, {name: build}]")
    world = World(workflow_of(text)).play()
    assert world.node("one").message == (
        "requested configuration is invalid: duplicate synchronization item found: argo/Mutex/build"
    )


def test_parallelism_is_not_exceeded_by_nodes_that_waited_for_a_lock():
    text = SEMAPHORE.replace("  entrypoint: main", "  entrypoint: main\n  parallelism: 1")
    world = World(workflow_of(text), lambda _: {"seconds": 10}, shared=Shared({GPU: 3}))
    assert most_at_once(world, "hello[0].s") == 1
    assert world.phase == "Succeeded"


def test_names_of_locks_may_hold_inputs_and_other_namespaces():
    text = """
metadata: {name: hello, namespace: argo, uid: u}
spec:
  entrypoint: main
  templates:
  - {name: main, steps: [[{name: a, template: a, arguments: {parameters: [{name: x, value: gpu}]}}]]}
  - name: a
    inputs: {parameters: [{name: x}]}
    synchronization: {mutexes: [{name: "m-{{inputs.parameters.x}}", namespace: team}]}
    container: {image: i}
"""
    world = World(workflow_of(text), lambda _: {"hangs": True}).play()
    assert world.shared.table.holders("team/Mutex/m-gpu") == (f"argo/hello/{world.node('hello[0].a').id}",)
