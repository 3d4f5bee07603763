"""A workflow as the terminal shows it."""

from datetime import timedelta

import msgspec

from tiphys.cli.spans import spell
from tiphys.cli.tree import render, rows
from tiphys.model.parse import parse_workflow
from tiphys.testing.world import START, World

SPEC = """
entrypoint: main
templates:
- name: main
  dag: {tasks: [{name: B, template: a, depends: A}, {name: A, template: a}, {name: L, template: a, depends: B, withItems: [x, y]}]}
- {name: a, container: {image: i}}
"""


def test_nodes_are_shown_as_a_tree_oldest_first_whatever_order_the_server_gives():
    world = World(SPEC, lambda _: {"seconds": 3}).play()
    stored = parse_workflow(world.stored)
    nodes = dict(sorted(stored.status.nodes.items()))
    shuffled = msgspec.structs.replace(stored, status=msgspec.structs.replace(stored.status, nodes=nodes))
    shown = [branch + node.display_name for branch, node in rows(shuffled)]
    assert shown == ["hello", "├─A", "├─B", "└─L", "  ├─L(0:x)", "  └─L(1:y)"]


def test_the_picture_names_status_pods_and_messages():
    world = World("{entrypoint: a, templates: [{name: a, container: {image: i}}]}", lambda _: {"phase": "Failed", "message": "why"}).play()
    text = render(parse_workflow(world.stored), START).plain
    assert "Status:              Failed" in text
    assert "✖ hello" in text
    assert "why" in text


def test_durations_show_their_two_largest_units():
    assert [spell(timedelta(seconds=s)) for s in (0, 59, 61, 3661, 90061)] == ["0s", "59s", "1m1s", "1h1m", "1d1h"]
