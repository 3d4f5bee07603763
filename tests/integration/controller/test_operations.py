"""Retried and resumed by whoever writes the stored object, as Argo's own command line does: pods deleted, then one update."""

from collections import Counter
from typing import Any

import pytest
from tests.integration.controller.conftest import Harbour, place

from tiphys.engine.operations.resubmit import resubmit_memoized
from tiphys.engine.operations.retry import retry
from tiphys.engine.operations.suspension import NodeChange, resume, set_nodes
from tiphys.engine.patch import difference
from tiphys.model.names import node_id, pod_name
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.workflow import Workflow
from tiphys.testing.apiserver import Ending

CHAIN = """
entrypoint: main
onExit: one
templates:
- name: main
  dag:
    tasks:
    - {name: a, template: one}
    - {name: b, template: again, depends: a}
    - {name: c, template: one, depends: b}
- {name: one, container: {image: i, command: [a]}}
- {name: again, retryStrategy: {limit: 1}, container: {image: i, command: [a]}}
"""
ASK = """
entrypoint: main
templates:
- name: main
  steps:
  - [{name: ask, template: ask}]
  - [{name: tell, template: tell, arguments: {parameters: [{name: m, value: "{{steps.ask.outputs.parameters.word}}"}]}}]
- {name: ask, suspend: {}, outputs: {parameters: [{name: word, valueFrom: {supplied: {}}}]}}
- {name: tell, inputs: {parameters: [{name: m}]}, container: {image: i, command: [a], args: ["{{inputs.parameters.m}}"]}}
"""


def made(harbour: Harbour) -> Counter[str]:
    return Counter(c.place.name for c in harbour.server.store.changes if c.type == "ADDED" and c.place.plural == "pods")


def pod(node: str, template: str = "one", workflow: str = "w") -> str:
    return pod_name(workflow, node_id(workflow, node), template)


def write(harbour: Harbour, old: Workflow, new: Workflow) -> None:
    harbour.patch(difference(to_json(old), to_json(new)))


def stored(harbour: Harbour) -> Workflow:
    return parse_workflow(harbour.workflow())


def fails(made_pod: dict[str, Any]) -> Ending:
    name = made_pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]
    return Ending(exit_code=1) if ".b(" in name else Ending()


async def ended(harbour: Harbour) -> Workflow:
    harbour.server.kubelet.behave = fails
    await harbour.controller()
    harbour.submit(CHAIN)
    await harbour.finished("w")
    assert harbour.status()["phase"] == "Failed"
    harbour.server.kubelet.behave = lambda _pod: Ending()
    return stored(harbour)


@pytest.mark.parametrize("is_hasty", [False, True], ids=["pods first", "pods a moment later"])
async def test_a_retry_runs_what_failed_again_and_nothing_else(harbour: Harbour, is_hasty: bool) -> None:
    old = await ended(harbour)
    again = retry(old, old.status.finished_at)
    if is_hasty:
        write(harbour, old, again.workflow)
    for name in again.pods:
        harbour.server.store.delete(place(name, "pods"))
    if not is_hasty:
        write(harbour, old, again.workflow)
    await harbour.until(lambda: harbour.status().get("phase") == "Succeeded")
    phases = harbour.nodes()
    assert phases == {"w": "Succeeded", "w.a": "Succeeded", "w.b": "Succeeded", "w.b(0)": "Succeeded", "w.c": "Succeeded", "w.onExit": "Succeeded"}
    # the earlier run made a, both attempts at b, and the exit handler; the later one the rest
    assert made(harbour) == {pod("w.a"): 1, pod("w.b(0)", "again"): 2, pod("w.b(1)", "again"): 1, pod("w.c"): 1, pod("w.onExit"): 2}
    assert harbour.status()["progress"] == "4/4"
    assert harbour.workflow()["metadata"]["labels"]["workflows.argoproj.io/completed"] == "true"


async def test_a_memoized_resubmission_runs_only_what_failed(harbour: Harbour) -> None:
    old = await ended(harbour)
    before = made(harbour)
    new = to_json(resubmit_memoized(old, old.status.finished_at, suffix="ab1cd"))
    harbour.server.store.create(place("w-ab1cd"), new)
    await harbour.finished("w-ab1cd")
    assert harbour.status("w-ab1cd")["phase"] == "Succeeded"
    names = {node["displayName"] for node in harbour.status("w-ab1cd")["nodes"].values() if node["type"] == "Pod"}
    assert names == {"b(0)", "b(1)", "c", "w-ab1cd.onExit"} - ({"b(0)"} if "b(0)" not in names else set())
    assert not [name for name in made(harbour) - before if name.startswith("w-ab1cd-one") and name == "a"]


async def test_a_suspended_node_is_set_and_resumed_by_others(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit(ASK)
    await harbour.until(lambda: "Running" in [phase for name, phase in harbour.nodes().items() if name.endswith("ask")])
    one = stored(harbour)
    two = set_nodes(one, "displayName=ask", NodeChange(outputs={"word": "aye"}), one.status.started_at)
    write(harbour, one, two)
    three = stored(harbour)
    write(harbour, three, resume(three, one.status.started_at, user={"User": "ann"}))
    await harbour.finished("w")
    told = next(p for p in harbour.pods() if p["metadata"]["annotations"]["workflows.argoproj.io/node-name"].endswith("tell"))
    assert next(c for c in told["spec"]["containers"] if c["name"] == "main")["args"] == ["aye"]
    asked = next(node for node in harbour.status()["nodes"].values() if node["displayName"] == "ask")
    assert (asked["phase"], asked["message"]) == ("Succeeded", "Resumed by: map[User:ann]")
