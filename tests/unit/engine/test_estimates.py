"""What a workflow will probably take, known before it begins or told while it runs."""

import pytest

from tiphys.engine.estimates import Estimate
from tiphys.engine.events import EstimateFound
from tiphys.engine.premises import Premises
from tiphys.testing.world import World

SPEC = """
entrypoint: main
templates:
- {name: main, steps: [[{name: a, template: leaf}], [{name: b, template: leaf}]]}
- {name: leaf, container: {image: i}}
"""
FOUND = Estimate(60, {"": 59, "[0].a": 20, "[1].b": 30})
WANT = {"main": 59, "a": 20, "b": 30}


def estimates(world):
    nodes = {"main": world.node("hello"), "a": world.node("hello[0].a"), "b": world.node("hello[1].b")}
    return {name: node.estimated_duration for name, node in nodes.items()}


def test_an_estimate_that_is_known_is_written_as_the_workflow_begins():
    world = World(SPEC, premises=Premises(estimate=FOUND))
    assert world.stored["status"]["estimatedDuration"] == 60
    world.play()
    assert estimates(world) == WANT


@pytest.mark.parametrize("restores", [False, True])
def test_an_estimate_that_comes_later_reaches_what_is_under_way_and_what_begins_then(restores):
    world = World(SPEC, restores=restores)
    assert "estimatedDuration" not in world.stored["status"]
    # where a run is restored, so is what it takes for granted
    world.premises = Premises(estimate=FOUND)
    world.send(EstimateFound(FOUND))
    assert world.stored["status"]["estimatedDuration"] == 60
    world.play()
    assert world.phase == "Succeeded"
    assert estimates(world) == WANT


def test_an_estimate_changes_nothing_of_what_has_ended_or_has_one():
    world = World(SPEC, premises=Premises(estimate=Estimate(60, {"[0].a": 20})))
    world.play()
    before = dict(world.stored["status"])
    world.send(EstimateFound(FOUND))
    assert world.stored["status"] == before
