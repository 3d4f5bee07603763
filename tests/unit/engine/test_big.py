"""What is big works, and where a limit is met it is told with its numbers."""

from collections import deque

import pytest

from tiphys.engine.actions import StartNode
from tiphys.engine.events import NodeReported, Restored
from tiphys.engine.run import Run
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.report import NodeReport
from tiphys.model.workflow import Workflow
from tiphys.testing.world import START, merge

LEAF = {"name": "leaf", "inputs": {"parameters": [{"name": "m", "value": "-"}]}, "container": {"image": "i", "args": ["{{inputs.parameters.m}}"]}}


def workflow_with(*templates: dict[str, object], **spec: object) -> Workflow:
    known = {"entrypoint": "main", "templates": [*templates, LEAF], **spec}
    return parse_workflow({"metadata": {"name": "big", "uid": "u"}, "spec": known})


def play(workflow: Workflow, result: str | None = None) -> tuple[Run, dict[str, object]]:
    """The run at its end, and the object as it is stored."""
    run, stored = Run(workflow), to_json(workflow)
    waiting = deque(action.order for action in run.handle(Restored(), START) if isinstance(action, StartNode))
    events = 0
    while waiting:
        order = waiting.popleft()
        report = NodeReport(node_id=order.node_id, phase="Succeeded", exit_code=0, is_final=True, finished_at=START,
                            result=result if order.wants_result else None)  # fmt: skip
        waiting.extend(a.order for a in run.handle(NodeReported(report), START) if isinstance(a, StartNode))
        events += 1
        if events % 100 == 0:
            merge(stored, run.take_patch() or {})
    merge(stored, run.take_patch() or {})
    return run, stored


def test_a_graph_of_ten_thousand_tasks_runs_to_its_end_and_reads_back():
    tasks = [{"name": f"t{i}", "template": "leaf", **({"depends": f"t{i - 10} && t{i - 9}"} if i >= 10 else {})} for i in range(10_000)]
    run, stored = play(workflow_with({"name": "main", "dag": {"tasks": tasks}}))
    assert (run.status.phase, run.status.progress, len(run.tree)) == ("Succeeded", "10000/10000", 10_001)
    again = Run(parse_workflow(stored))
    assert again.handle(Restored(), START) == []
    assert again.snapshot().status.nodes == run.snapshot().status.nodes


def test_a_chain_of_ten_thousand_tasks_does_not_recurse():
    tasks = [{"name": f"t{i}", "template": "leaf", **({"depends": f"t{i - 1}"} if i else {})} for i in range(10_000)]
    run, _ = play(workflow_with({"name": "main", "dag": {"tasks": tasks}}))
    assert run.status.phase == "Succeeded"


def test_a_chain_of_ten_thousand_skipped_tasks_ends_in_one_turn():
    tasks = [{"name": f"t{i}", "template": "leaf", "when": "1 == 2", **({"depends": f"t{i - 1}"} if i else {})} for i in range(10_000)]
    run, _ = play(workflow_with({"name": "main", "dag": {"tasks": tasks}}))
    assert (run.status.phase, len(run.tree)) == ("Succeeded", 10_001)


@pytest.mark.parametrize("kind", ["steps", "dag"])
def test_a_loop_of_five_thousand_runs_and_its_results_are_one_list(kind):
    loop = {"name": "a", "template": "leaf", "withSequence": {"count": 5000}}
    use = {"name": "b", "template": "leaf", "arguments": {"parameters": [{"name": "m", "value": f"{{{{{'steps' if kind == 'steps' else 'tasks'}.a.outputs.result}}}}"}]}}
    body = {"steps": [[loop], [use]]} if kind == "steps" else {"dag": {"tasks": [loop, {**use, "depends": "a"}]}}
    run, _ = play(workflow_with({"name": "main", **body}), result="7")
    assert run.status.phase == "Succeeded"
    last = next(node for node in run.tree if node.display_name == "b")
    assert last.inputs is not None
    assert last.inputs.parameters[0].value == "[" + ",".join(["7"] * 5000) + "]"


def test_a_sequence_that_is_too_long_is_refused_with_its_number():
    run, _ = play(workflow_with({"name": "main", "steps": [[{"name": "a", "template": "leaf", "withSequence": {"count": 200_000}}]]}))
    assert run.status.phase == "Failed"
    assert "withSequence makes 200000 items; at most 100000 are allowed" in run.status.message


def test_recursion_ends_at_a_hundred_levels_with_a_clear_error():
    run, _ = play(workflow_with({"name": "main", "steps": [[{"name": "again", "template": "main"}]]}))
    assert run.status.phase == "Failed"
    assert sum(node.type == "Steps" for node in run.tree) == 101
    assert [node.message for node in run.tree if node.type == "Skipped"] == ["Maximum recursion depth exceeded"]


def test_recursion_that_ends_by_itself_is_fine():
    body = {
        "name": "main",
        "inputs": {"parameters": [{"name": "n", "value": "60"}]},
        "steps": [[{
            "name": "again", "template": "main", "when": "{{inputs.parameters.n}} > 0",
            "arguments": {"parameters": [{"name": "n", "value": "{{=asInt(inputs.parameters.n) - 1}}"}]},
        }]],
    }  # fmt: skip
    run, _ = play(workflow_with(body))
    assert (run.status.phase, sum(node.type == "Steps" for node in run.tree)) == ("Succeeded", 61)


def test_parameters_of_a_quarter_of_a_megabyte_are_passed_on_whole():
    text = "x{{y}}" * 43_691
    steps = [[{"name": "a", "template": "leaf", "arguments": {"parameters": [{"name": "m", "value": "{{workflow.parameters.t}}"}]}}],
             [{"name": "b", "template": "leaf", "arguments": {"parameters": [{"name": "m", "value": "{{steps.a.outputs.result}}"}]}}]]  # fmt: skip
    run, _ = play(workflow_with({"name": "main", "steps": steps}, arguments={"parameters": [{"name": "t", "value": text}]}), result=text)
    assert run.status.phase == "Succeeded"
    for name in ("a", "b"):
        node = next(node for node in run.tree if node.display_name == name)
        assert node.inputs is not None
        assert node.inputs.parameters[0].value == text
