"""A run is restored after a time in which nobody looked."""

from datetime import timedelta

from tiphys.engine.actions import StopNode
from tiphys.engine.events import Restored
from tiphys.engine.run import Run
from tiphys.model.parse import parse_workflow
from tiphys.model.report import NodeReport
from tiphys.testing.world import World

ENDLESS = """
entrypoint: main
activeDeadlineSeconds: 10
templates:
- name: main
  steps: [[{name: endless, template: one}]]
- {name: one, container: {image: i, command: [a]}}
"""


def later(*reports: NodeReport) -> tuple[Run, list[StopNode]]:
    """The run, restored a minute after it was last seen running."""
    world = World(ENDLESS, lambda _order: {"hangs": True})
    while world.phases().get("hello[0].endless") != "Running":
        world.step()
    run = Run(parse_workflow(world.stored))
    actions = run.handle(Restored(tuple(reports)), world.now + timedelta(seconds=60))
    return run, [action for action in actions if isinstance(action, StopNode)]


def test_a_deadline_that_passed_meanwhile_ends_what_still_runs() -> None:
    run, stopped = later(NodeReport(node_id="hello-2299011921", phase="Running"))
    node = next(node for node in run.tree if node.name == "hello[0].endless")
    assert (node.phase, node.message) == ("Failed", "Step exceeded its deadline")
    assert [action.node_id for action in stopped] == [node.id]


def test_a_runner_that_is_gone_after_the_deadline_was_ended_by_it() -> None:
    run, _ = later()
    node = next(node for node in run.tree if node.name == "hello[0].endless")
    assert (node.phase, node.message) == ("Failed", "Step exceeded its deadline")
    assert run.status.phase == "Failed"
