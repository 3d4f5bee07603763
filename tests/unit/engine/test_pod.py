"""Leaves: what is ordered, and how time ends them."""

import pytest

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
