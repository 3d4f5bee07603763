"""How long calls took in earlier runs."""

from datetime import timedelta

import msgspec
import pytest

from tiphys.engine.history import is_earlier_run, measured
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow
from tiphys.testing.world import World, workflow_of

STEPS = """
metadata: {name: %s}
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: a, template: say}], [{name: b, template: say}, {name: many, template: each, withItems: [1, 2]}]]
  - {name: say, container: {image: i}}
  - {name: each, container: {image: i}, retryStrategy: {limit: 1}}
"""


def run(name: str, **seconds: int) -> Workflow:
    """A finished run in which members took so long."""
    world = World(workflow_of(STEPS % name), lambda order: {"seconds": next((took for key, took in seconds.items() if key in order.node_name), 1)})
    return parse_workflow(world.play().stored)


def test_calls_and_templates_took_the_median_of_their_runs() -> None:
    taken = measured([run("w-1", b=5), run("w-2", b=9), run("w-3", b=6)])
    assert taken["main.b"] == 6
    assert taken["main.a"] == 1
    assert taken["say"] == 3


def test_members_of_loops_count_for_their_call_and_bodies_for_nothing() -> None:
    taken = measured([run("w-1", many=4)])
    assert taken["main.many"] == 4
    assert "main" not in taken


@pytest.mark.parametrize(
    ("name", "want"),
    [("w-x1y2z", True), ("w-other-x1y2z", False), ("v-x1y2z", False)],
    ids=["a name made from the same prefix", "a longer prefix", "another name"],
)
def test_runs_are_of_a_kind_by_what_their_names_are_made_from(name: str, want: bool) -> None:
    planned = workflow_of("metadata: {name: w-…, generateName: w-}\n" + STEPS.partition("\n")[2].partition("\n")[2])
    assert is_earlier_run(planned, run(name)) is want


def test_runs_of_a_stored_template_are_of_a_kind_by_its_label_and_only_good_ones_count() -> None:
    planned = workflow_of("{metadata: {name: w}, spec: {workflowTemplateRef: {name: t}}}")
    other = run("anything")
    labelled = msgspec.structs.replace(
        other, metadata=msgspec.structs.replace(other.metadata, labels={"workflows.argoproj.io/workflow-template": "t"})
    )
    assert is_earlier_run(planned, labelled)
    assert not is_earlier_run(planned, other)
    failed = msgspec.structs.replace(labelled, status=msgspec.structs.replace(labelled.status, phase="Failed"))
    assert not is_earlier_run(planned, failed)


def test_a_node_that_never_ended_says_nothing() -> None:
    done = run("w-1")
    first = next(node for node in done.status.nodes.values() if node.display_name == "a")
    assert first.started_at is not None
    open_ = msgspec.structs.replace(first, finished_at=None, started_at=first.started_at - timedelta(hours=1))
    cut = msgspec.structs.replace(done, status=msgspec.structs.replace(done.status, nodes={**done.status.nodes, first.id: open_}))
    assert "main.a" not in measured([cut])
