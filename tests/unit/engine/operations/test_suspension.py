from datetime import UTC, datetime

import pytest

from tiphys.engine.events import SpecChanged
from tiphys.engine.operations.suspension import NodeChange, resume, set_nodes, shut_down, stop, suspend
from tiphys.errors import SpecError
from tiphys.model.parse import parse_workflow, to_json
from tiphys.testing.world import World

NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
APPROVE = """
entrypoint: main
templates:
- name: main
  steps:
  - - {name: ask, template: ask}
    - {name: other, template: other}
  - - {name: tell, template: tell, arguments: {parameters: [{name: m, value: "{{steps.ask.outputs.parameters.answer}}"}]}}
- name: ask
  suspend: {}
  outputs: {parameters: [{name: answer, globalName: said, enum: ["yes", "no"], valueFrom: {supplied: {}, default: "no"}}]}
- name: other
  suspend: {}
- name: tell
  inputs: {parameters: [{name: m}]}
  container: {image: i, args: ["{{inputs.parameters.m}}"]}
"""


def waiting() -> World:
    return World(APPROVE).play()


def after(world: World, changed) -> World:
    world.stored = to_json(changed)
    world.send(SpecChanged(changed, nodes_changed=True))
    return world.play()


def stored(world: World):
    return parse_workflow(world.stored)


def test_resume_ends_every_waiting_node_with_its_defaults_and_lets_the_workflow_go_on():
    world = waiting()
    done = after(world, resume(suspend(stored(world)), NOW))
    assert done.phase == "Succeeded"
    assert stored(done).spec.suspend is None
    assert [order.template.container["args"] for order in done.orders] == [["no"]]
    assert done.node("hello[0].ask").progress == "1/1"


def test_resume_says_who_resumed_it_after_the_message_that_is_there():
    changed = resume(stored(waiting()), NOW, user={"User": "ann", "Email": "ann@example.org"})
    assert {node.message for node in changed.status.nodes.values() if node.type == "Suspend"} == {
        "Resumed by: map[Email:ann@example.org User:ann]"
    }


def test_resume_without_a_default_is_refused():
    world = World(APPROVE.replace(', default: "no"', "")).play()
    with pytest.raises(SpecError, match="raw output parameter 'answer' has not been set and does not have a default value"):
        resume(stored(world), NOW)


def test_resume_with_a_selector_ends_only_what_matches():
    world = waiting()
    after(world, resume(stored(world), NOW, selector="displayName=other"))
    assert world.phases()["hello[0].other"] == "Succeeded"
    assert world.phases()["hello[0].ask"] == "Running"


def test_stop_with_a_selector_fails_only_what_matches():
    world = waiting()
    after(world, stop(stored(world), NOW, selector="displayName=other", message="not today"))
    assert (world.node("hello[0].other").phase, world.node("hello[0].other").message) == ("Failed", "not today")
    assert world.phase == "Running"
    assert stored(world).spec.shutdown == ""


def test_stop_and_terminate_set_the_shutdown():
    workflow = stored(waiting())
    assert stop(workflow, NOW).spec.shutdown == "Stop"
    assert shut_down(workflow, "Terminate").spec.shutdown == "Terminate"


def test_what_has_ended_is_neither_suspended_nor_stopped():
    ended = stored(World("entrypoint: a\ntemplates: [{name: a, container: {image: i}}]").play())
    with pytest.raises(SpecError, match="cannot suspend completed workflows"):
        suspend(ended)
    with pytest.raises(SpecError, match='cannot shutdown a completed workflow: workflow: "hello", namespace: ""'):
        stop(ended, NOW)


def test_outputs_that_are_set_reach_the_next_step_and_the_workflow_at_once():
    world = waiting()
    changed = set_nodes(stored(world), "displayName=ask", NodeChange(outputs={"answer": "yes"}), NOW)
    assert [(p.name, p.value) for p in changed.status.outputs.parameters] == [("said", "yes")]
    done = after(world, resume(changed, NOW))
    assert [order.template.container["args"] for order in done.orders] == [["yes"]]


def test_a_message_is_added_to_the_one_before():
    once = set_nodes(stored(waiting()), "displayName=ask", NodeChange(message="one"), NOW)
    twice = set_nodes(once, "displayName=ask", NodeChange(message="two"), NOW)
    assert [node.message for node in twice.status.nodes.values() if node.display_name == "ask"] == ["one; two"]


@pytest.mark.parametrize(
    ("selector", "change", "message"),
    [
        ("", NodeChange(phase="Failed"), "'set' currently only targets suspend nodes, use a node field selector to target them"),
        ("displayName=tell", NodeChange(phase="Failed"), "no suspend nodes matching nodeFieldSelector: displayName=tell"),
        ("displayName=ask", NodeChange(phase="Skipped"), "Skipped is an invalid phase to set to"),
        ("displayName=other", NodeChange(outputs={"a": "1"}), "node is not expecting any raw parameters"),
        ("displayName=ask", NodeChange(outputs={"a": "1"}), "node is not expecting output parameter 'a'"),
        ("displayName=ask", NodeChange(outputs={"answer": "maybe"}), "must be one of yes, no, not 'maybe'"),
    ],
)
def test_what_cannot_be_set_is_refused_by_name(selector, change, message):
    with pytest.raises(SpecError) as caught:
        set_nodes(stored(waiting()), selector, change, NOW)
    assert message in caught.value.message


def test_an_output_is_set_once():
    once = set_nodes(stored(waiting()), "displayName=ask", NodeChange(outputs={"answer": "yes"}), NOW)
    with pytest.raises(SpecError, match=r"does not use valueFrom\.raw or it was already set"):
        set_nodes(once, "displayName=ask", NodeChange(outputs={"answer": "no"}), NOW)
