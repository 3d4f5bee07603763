"""What an event costs, counted and not timed: calls of functions, so that a busy machine changes nothing."""

import sys
from collections import deque

import pytest

from tiphys.engine.actions import StartNode
from tiphys.engine.events import NodeReported, Restored
from tiphys.engine.run import Run
from tiphys.model.report import NodeReport
from tiphys.testing.world import START, workflow_of

SHAPES = {
    "layered dag": lambda n: "dag: {tasks: [" + ", ".join(
        f"{{name: t{i}, template: one" + (f", depends: 't{i - 5} && t{i - 4}'" if i >= 5 else "") + "}" for i in range(n)) + "]}",
    "flat dag": lambda n: "dag: {tasks: [" + ", ".join(f"{{name: t{i}, template: one}}" for i in range(n)) + "]}",
    "dag after one task": lambda n: "dag: {tasks: [{name: t0, template: one}, " + ", ".join(
        f"{{name: t{i}, template: one, depends: t0}}" for i in range(1, n)) + "]}",
    "loop in a dag": lambda n: f"dag: {{tasks: [{{name: l, template: one, withSequence: {{count: {n}}}}}]}}",
    "loop in steps": lambda n: f"steps: [[{{name: l, template: one, withSequence: {{count: {n}}}}}]]",
    "chain of steps": lambda n: "steps: [" + ", ".join(f"[{{name: s{i}, template: one}}]" for i in range(n)) + "]",
    "loop under a limit": lambda n: f"parallelism: 7, steps: [[{{name: l, template: one, withSequence: {{count: {n}}}}}]]",
}  # fmt: skip


class Counter:
    """Counts calls of functions while it is on."""

    calls = 0

    def __enter__(self) -> "Counter":
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _count(self, _frame: object, event: str, _argument: object) -> None:
        self.calls += event == "call"


def calls_per_event(shape: str, size: int) -> float:
    run = Run(workflow_of(f"entrypoint: main\ntemplates: [{{name: main, {SHAPES[shape](size)}}}, {{name: one, container: {{image: i}}}}]"))
    waiting = deque(action.order for action in run.handle(Restored(), START) if isinstance(action, StartNode))
    run.take_patch()
    done = 0
    with Counter() as counter:
        while waiting:
            report = NodeReport(node_id=waiting.popleft().node_id, phase="Succeeded", exit_code=0, is_final=True, finished_at=START)
            waiting.extend(a.order for a in run.handle(NodeReported(report), START) if isinstance(a, StartNode))
            run.take_patch()
            done += 1
    assert (run.status.phase, done) == ("Succeeded", size)
    return counter.calls / size


@pytest.mark.parametrize("shape", SHAPES)
def test_an_event_costs_the_same_in_a_workflow_ten_times_as_big(shape):
    assert calls_per_event(shape, 1000) <= 1.1 * calls_per_event(shape, 100)
