"""Leaves: what is ordered, and how time ends them."""

import pytest

from tiphys.engine.actions import StopNode
from tiphys.engine.events import NodeGone, NodeReported
from tiphys.engine.premises import Premises
from tiphys.model.report import NodeReport
from tiphys.testing.world import World

HANGS = lambda _order: {"hangs": True}  # noqa: E731
AROUND = """
entrypoint: m
arguments: {parameters: [{name: zone, value: north}]}
templates:
- name: m
  nodeSelector: {zone: "{{workflow.parameters.zone}}"}
  tolerations: [{key: body}]
  steps: [[{name: a, template: bare}, {name: b, template: own}]]
- name: bare
  container: {image: i}
- name: own
  nodeSelector: {disk: ssd}
  container: {image: i}
"""


@pytest.mark.parametrize("restores", [False, True])
def test_what_a_body_says_about_nodes_holds_for_those_inside_that_say_nothing(restores):
    bare, own = (order.template for order in World(AROUND, restores=restores).play().orders)
    assert (bare.node_selector, bare.tolerations) == ({"zone": "north"}, ({"key": "body"},))
    assert (own.node_selector, own.tolerations) == ({"disk": "ssd"}, ({"key": "body"},))


def test_a_timeout_of_a_second_leaves_no_time_to_start():
    world = World("{entrypoint: a, templates: [{name: a, timeout: 1s, container: {image: i}}]}").play()
    assert (world.phase, world.message) == ("Error", "hello exceeded its deadline")
    assert not world.orders


def test_an_order_tells_timeout_and_deadline_apart():
    world = World("{entrypoint: a, activeDeadlineSeconds: 5, templates: [{name: a, timeout: 60s, container: {image: i}}]}", HANGS)
    order = world.orders[0]
    assert (order.deadline - world.now).total_seconds() == 5
    assert (order.timeout - world.now).total_seconds() == 60


EVICTED = {"phase": "Failed", "message": "low on memory", "restart_reason": "Evicted: low on memory", "is_final": True}
ONE = "{entrypoint: a, templates: [{name: a, container: {image: i}}]}"


def lost(uid: str, **fields: object) -> NodeReport:
    return NodeReport(node_id="hello", uid=uid, **(EVICTED | fields))


@pytest.mark.parametrize("restores", [False, True])
def test_a_runner_that_the_cluster_ended_before_it_began_is_made_again_as_often_as_allowed(restores):
    world = World(ONE, HANGS, restores=restores, premises=Premises(failed_pod_restarts=2))
    world._events.clear()
    for count, uid in enumerate(("u1", "u2"), 1):
        world._started.clear()
        world.send(NodeReported(lost(uid)))
        node = world.node("hello")
        assert (node.phase, node.message) == ("Pending", "Pod auto-restarting due to Evicted: low on memory")
        assert (node.failed_pod_restarts, node.restarting_pod_uid) == (count, uid)
        world.send(NodeReported(lost(uid)))
        assert world.node("hello").failed_pod_restarts == count
        world.send(NodeGone("hello"))
        assert len(world.orders) == (count + 1 if not restores else len(world.orders))
    world.send(NodeReported(lost("u3")))
    assert (world.phase, world.message) == ("Failed", "low on memory")
    stops = [action for action in world.actions if isinstance(action, StopNode)]
    assert {stop.uid for stop in stops} == {"u1", "u2"}


def test_without_leave_nothing_is_made_again():
    world = World(ONE, HANGS)
    world._events.clear()
    world.send(NodeReported(lost("u1")))
    assert (world.phase, world.message) == ("Failed", "low on memory")


def test_pods_are_named_as_the_administrator_says_for_workflows_that_begin():
    steps = "{entrypoint: m, templates: [{name: m, steps: [[{name: a, template: a}]]}, {name: a, container: {image: i}}]}"
    v1, v2 = (World(steps, premises=Premises(pod_name_format=version)).play().orders[0] for version in ("v1", "v2"))
    assert v1.pod_name == v1.node_id
    assert v2.pod_name == f"hello-a-{v2.node_id.rpartition('-')[2]}"


NAMED = """
entrypoint: m
templates:
- name: m
  steps: [[{name: a, template: a, arguments: {parameters: [{name: who, value: WHO}]}}]]
- name: a
  annotations: {workflows.argoproj.io/display-name: "for-{{inputs.parameters.who}}"}
  inputs: {parameters: [{name: who}]}
  RETRY
  container: {image: i}
"""


def test_an_annotation_of_the_template_says_how_its_node_is_called():
    plain = World(NAMED.replace("WHO", "you").replace("RETRY", "")).play()
    assert plain.node("hello[0].a").display_name == "for-you"
    retried = World(NAMED.replace("WHO", "you").replace("RETRY", "retryStrategy: {limit: 1}")).play()
    assert (retried.node("hello[0].a").display_name, retried.node("hello[0].a(0)").display_name) == ("for-you", "a(0)")


def test_a_node_cannot_be_called_anything():
    world = World(NAMED.replace("WHO", '"no way!"').replace("RETRY", "")).play()
    assert world.node("hello[0].a").message == "displayName must match the regex ^[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]$"
