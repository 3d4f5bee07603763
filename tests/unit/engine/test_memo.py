"""Memos: what is remembered, what answers, and what is refused."""

from datetime import timedelta

import pytest

from tiphys.engine.memo import MemoEntry
from tiphys.model.arguments import Outputs, Parameter
from tiphys.model.parse import parse_workflow
from tiphys.testing.shared import Shared
from tiphys.testing.world import START, World, workflow_of

POD = """
metadata: {{name: hello, namespace: argo, uid: u}}
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{{name: a, template: a, arguments: {{parameters: [{{name: x, value: "{key}"}}]}}}}]]
  - name: a
    inputs: {{parameters: [{{name: x}}]}}
    {more}
    memoize: {{key: "k-{{{{inputs.parameters.x}}}}", maxAge: "{age}", cache: {{configMap: {{name: cache}}}}}}
    container: {{image: i}}
    outputs: {{parameters: [{{name: o, valueFrom: {{path: /o}}, globalName: g}}]}}
"""


def pod(key: str = "1", age: str = "", more: str = "") -> object:
    return workflow_of(POD.format(key=key, age=age, more=more))


def behave(_order: object) -> dict[str, object]:
    return {"parameters": {"o": "made"}}


def remembering(age_seconds: int = 0, value: str = "kept", node_id: str = "other") -> Shared:
    shared = Shared()
    outputs = Outputs(parameters=(Parameter(name="o", value=value, global_name="g"),))
    created = START - timedelta(seconds=age_seconds)
    shared.memos["cache", "k-1"] = MemoEntry(node_id=node_id, outputs=outputs, creation_timestamp=created)
    return shared


@pytest.mark.parametrize("restores", [False, True])
def test_a_miss_runs_the_pod_and_remembers_its_outputs(restores):
    world = World(pod(), behave, restores=restores).play()
    node = world.node("hello[0].a")
    assert world.phase == "Succeeded"
    status = node.memoization_status
    assert (status.hit, status.key, status.cache_name) == (False, "k-1", "cache")
    entry = world.shared.memos["cache", "k-1"]
    assert entry.node_id == node.id
    assert entry.outputs.parameters[0].value == "made"


def test_a_hit_gives_the_outputs_without_a_pod():
    world = World(pod(), behave, shared=remembering()).play()
    node = world.node("hello[0].a")
    assert not world.orders
    assert (world.phase, node.phase, node.type, node.memoization_status.hit) == ("Succeeded", "Succeeded", "Pod", True)
    assert node.outputs.parameters[0].value == "kept"
    assert parse_workflow(world.stored).status.outputs.parameters[0].value == "kept"


def test_a_memo_that_is_too_old_does_not_count():
    assert World(pod(age="10s"), behave, shared=remembering(9)).play().orders == []
    assert len(World(pod(age="10s"), behave, shared=remembering(11)).play().orders) == 1


def test_a_memo_of_no_node_does_not_count():
    assert len(World(pod(), behave, shared=remembering(node_id="")).play().orders) == 1


@pytest.mark.parametrize(
    ("workflow", "message"),
    [(pod(key="a b"), "invalid cache key: k-a b"), (pod(age="soon"), "invalid maxAge: ")],
)
def test_what_is_no_key_and_no_age_is_an_error_of_the_node(workflow, message):
    world = World(workflow).play()
    assert world.node("hello[0].a").phase == "Error"
    assert world.node("hello[0].a").message.startswith(message)


def test_a_memo_that_cannot_be_kept_is_an_error_of_the_node():
    shared = Shared()
    shared.save_error = "no room"
    world = World(pod(), behave, shared=shared).play()
    assert (world.node("hello[0].a").phase, world.node("hello[0].a").message) == ("Error", "no room")


def test_a_failure_is_not_remembered():
    world = World(pod(), lambda _: {"phase": "Failed", "message": "no", "exit_code": 1}).play()
    assert world.phase == "Failed"
    assert not world.shared.memos


def test_a_retried_template_is_looked_up_once_and_its_hit_is_a_retry_node():
    retried = pod(more="retryStrategy: {limit: 1}")
    world = World(retried, behave, shared=remembering()).play()
    assert (world.node("hello[0].a").type, world.node("hello[0].a").phase) == ("Retry", "Succeeded")
    assert not world.orders
    world = World(retried, behave).play()
    assert world.shared.memos["cache", "k-1"].node_id == world.node("hello[0].a").id


def test_steps_are_remembered_as_a_whole():
    text = """
metadata: {name: hello, namespace: argo, uid: u}
spec:
  entrypoint: main
  templates:
  - name: main
    memoize: {key: all, cache: {configMap: {name: cache}}}
    steps: [[{name: a, template: a}]]
    outputs: {parameters: [{name: o, valueFrom: {parameter: "{{steps.a.outputs.parameters.o}}"}}]}
  - {name: a, container: {image: i}, outputs: {parameters: [{name: o, valueFrom: {path: /o}}]}}
"""
    shared = Shared()
    first = World(workflow_of(text), behave, shared=shared).play()
    assert first.phase == "Succeeded"
    second = World(workflow_of(text), behave, shared=shared).play()
    assert second.phases() == {"hello": "Succeeded"}
    assert (second.node("hello").type, second.node("hello").outputs.parameters[0].value) == ("Steps", "made")


def test_the_lock_is_taken_before_the_memo_is_looked_at():
    locked = pod(more="synchronization: {mutexes: [{name: m}]}")
    shared = Shared()
    first = World(locked, behave, shared=shared).play()
    assert (first.phase, len(first.orders)) == ("Succeeded", 1)
    second = World(locked, behave, shared=shared).play()
    assert (second.phase, len(second.orders)) == ("Succeeded", 0)
    assert shared.table.holders("argo/Mutex/m") == ()
