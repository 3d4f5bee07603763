"""Container sets: a node for each container, wired by dependencies, and ended with the pod."""

import pytest

from tiphys.model.report import NodeReport
from tiphys.testing.world import World

SET = """
entrypoint: main
templates:
- name: main
  steps: [[{name: s, template: set}], [{name: t, template: last}]]
- name: set
  containerSet:
    containers:
    - {name: a, image: i, command: [a]}
    - {name: b, image: i, command: [b], dependencies: [a]}
    - {name: main, image: i, command: [m], dependencies: [a, b]}
- {name: last, container: {image: i}}
"""


def one(name: str, phase: str, message: str = "") -> NodeReport:
    return NodeReport(node_id=name, phase=phase, message=message, is_final=phase != "Running")


def well(order):
    return {"containers": {name: one(name, "Succeeded") for name in ("a", "b", "main")}} if order.template.container_set else {}


@pytest.mark.parametrize("restores", [False, True])
def test_each_container_has_a_node_below_the_pods(restores):
    world = World(SET, well, restores=restores).play()
    assert world.phase == "Succeeded"
    pod, a, b, main = (world.node(f"hello[0].s{part}") for part in ("", ".a", ".b", ".main"))
    assert [node.type for node in (pod, a, b, main)] == ["Pod", "Container", "Container", "Container"]
    assert (a.boundary_id, a.display_name, a.phase, a.task_result_synced) == (pod.id, "a", "Succeeded", None)
    assert (pod.children, a.children, b.children) == ((a.id,), (b.id, main.id), (main.id,))
    assert main.children == (world.node("hello[1]").id,)
    assert world.node("hello").progress == "5/5"


def test_a_failed_container_fails_the_pod_and_shows_where():
    ends = {"a": one("a", "Succeeded"), "b": one("b", "Failed", "b: Error (exit code 3)"), "main": one("main", "Failed", "main: Error (exit code 3)")}
    world = World(SET, lambda _: {"phase": "Failed", "message": "main: Error (exit code 3)", "containers": ends}).play()
    assert world.phase == "Failed"
    assert (world.node("hello[0].s.b").phase, world.node("hello[0].s.b").message) == ("Failed", "b: Error (exit code 3)")


def test_a_container_that_the_pod_took_along_failed_with_it():
    ends = {"a": one("a", "Succeeded"), "b": one("b", "Running")}
    world = World(SET, lambda _: {"phase": "Failed", "message": "The node was low on resource: memory.", "containers": ends}).play()
    assert world.node("hello[0].s.b").message == "Pod Failed whilst container running"
    assert world.node("hello[0].s.main").phase == "Failed"


def test_a_stopped_pod_stops_its_containers_with_the_same_message():
    world = World(SET, lambda _: {"hangs": True}).play()
    world.change_spec(shutdown="Stop")
    assert world.node("hello[0].s").message == "workflow shutdown with strategy:  Stop"
    assert world.node("hello[0].s.main").message == "workflow shutdown with strategy:  Stop"


def test_attempts_have_containers_of_their_own():
    retried = SET.replace("- name: set", "- name: set\n  retryStrategy: {limit: 1}")
    failed = {name: one(name, "Failed", f"{name}: Error (exit code 1)") for name in ("a", "b", "main")}
    world = World(
        retried, lambda order: {"phase": "Failed", "message": "x", "containers": failed} if order.node_name.endswith("(0)") else well(order)
    ).play()
    assert world.phase == "Succeeded"
    assert world.node("hello[0].s(0).a").phase == "Failed"
    assert world.node("hello[0].s(1).a").phase == "Succeeded"
