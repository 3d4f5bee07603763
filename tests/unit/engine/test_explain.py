"""Why workflows wait or failed; every state in which something waits has its reason."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tiphys.engine.explain import Reason, explain, explain_node
from tiphys.errors import UserError
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import FULFILLED
from tiphys.model.workflow import Workflow
from tiphys.testing.simulation import Simulation
from tiphys.testing.world import START

NOW = START + timedelta(minutes=5)
T0 = "2026-01-01T00:00:00Z"
LEAF = {"container": {"image": "x", "command": ["x"]}}
TASKS = [{"name": "a", "template": "leaf"}, {"name": "b", "template": "leaf"}, {"name": "c", "template": "leaf", "depends": "a && b"}]
DAG = {"name": "main", "dag": {"tasks": TASKS}}


def workflow(nodes: dict[str, dict[str, Any]], *, templates: Any = (), status: Any = None, **spec: Any) -> Workflow:
    whole = {name: {"id": name, "name": name, "displayName": name, "startedAt": T0, **fields} for name, fields in nodes.items()}
    return parse_workflow({
        "metadata": {"name": "w", "uid": "u"},
        "spec": {"entrypoint": "main", "templates": [{"name": "leaf", **LEAF}, *templates], **spec},
        "status": {"phase": "Running", "startedAt": T0, "nodes": whole, **(status or {})},
    })  # fmt: skip


def only(made: list[Reason], name: str) -> Reason:
    return next(reason for reason in made if reason.name == name)


@pytest.mark.parametrize(
    ("fields", "kind", "says"),
    [
        ({"phase": "Pending"}, "container", "its pod is ordered, for 5m0s now"),
        ({"phase": "Pending", "hostNodeName": "n1", "message": "ContainerCreating"}, "container", "being created on n1"),
        ({"phase": "Pending", "message": "Unschedulable: 0/3 nodes are available"}, "scheduler", "no node takes its pod: Unschedulable"),
        ({"phase": "Pending", "message": "ImagePullBackOff: back-off pulling x"}, "image", "cannot be pulled"),
        ({"phase": "Pending", "message": "exceeded quota: small"}, "quota", "cannot be created yet: exceeded quota"),
        ({"phase": "Pending", "message": "CreateContainerConfigError: no secret"}, "container", "has not started, for 5m0s now"),
        ({"phase": "Running"}, "runs", "has been running for 5m0s"),
        ({"phase": "Running", "daemoned": True, "podIP": "10.0.0.1"}, "runs", "is up as a daemon at 10.0.0.1"),
        ({"phase": "Running", "type": "Suspend"}, "suspended", "somebody must resume it"),
        ({"phase": "Running", "type": "HTTP"}, "runs", "waits for the agent's answer"),
        ({"phase": "Pending", "synchronizationStatus": {"waiting": "ns/Mutex/m"}, "message": "Lock status: 0/1"}, "lock",
         "waits for the lock ns/Mutex/m: Lock status: 0/1"),
        ({"phase": "Failed", "message": "main: Error (exit code 1)", "finishedAt": "2026-01-01T00:00:09Z"}, "failed", "failed after 9s: main"),
        ({"phase": "Skipped", "message": "when 'false' evaluated false"}, "skipped", "was not run: when"),
        ({"phase": "Omitted"}, "skipped", "was left out: what it depends on"),
        ({"phase": "Succeeded", "finishedAt": "2026-01-01T00:00:09Z"}, "done", "succeeded after 9s"),
    ],
)  # fmt: skip
def test_a_node_says_what_it_waits_for_or_how_it_ended(fields: dict[str, Any], kind: str, says: str) -> None:
    (reason,) = explain_node(workflow({"n": {"type": "Pod", "templateName": "leaf", **fields}}), "n", NOW)
    assert reason.kind == kind
    assert says in reason.sentence


def test_a_task_waits_for_those_that_it_depends_on() -> None:
    nodes = {
        "w": {"type": "DAG", "phase": "Running", "templateName": "main"},
        "w.a": {"type": "Pod", "phase": "Succeeded", "displayName": "a"},
        "w.b": {"type": "Pod", "phase": "Running", "displayName": "b"},
    }
    made = explain(workflow(nodes, templates=[DAG]), NOW)
    assert only(made, "c") == Reason("c", "", "dependency", "waits for b")
    assert made[0].sentence == "w has been running for 5m0s; 1 of its steps are under way"


def test_a_task_whose_turn_it_is_is_held_back_by_parallelism_or_suspension() -> None:
    nodes = {"w": {"type": "DAG", "phase": "Running", "templateName": "main"}, "w.a": {"type": "Pod", "phase": "Running", "displayName": "a"}}
    assert only(explain(workflow(nodes, templates=[DAG], parallelism=1), NOW), "b").kind == "parallelism"
    assert "runs 1 at a time" in only(explain(workflow(nodes, templates=[{**DAG, "parallelism": 1}]), NOW), "b").sentence
    assert only(explain(workflow(nodes, templates=[DAG], suspend=True), NOW), "b").kind == "suspended"


def test_steps_wait_for_the_group_before_them() -> None:
    steps = {"name": "main", "steps": [[{"name": "a", "template": "leaf"}], [{"name": "b", "template": "leaf"}]]}
    nodes = {
        "w": {"type": "Steps", "phase": "Running", "templateName": "main"},
        "w[0]": {"type": "StepGroup", "phase": "Running", "displayName": "[0]", "boundaryID": "w", "children": ["w[0].a"]},
        "w[0].a": {"type": "Pod", "phase": "Running", "displayName": "a", "boundaryID": "w"},
    }
    assert only(explain(workflow(nodes, templates=[steps]), NOW), "b").sentence == "waits for the steps before it: a"


def test_a_lock_names_who_of_the_workflow_holds_it() -> None:
    holding = {"mutex": {"holding": [{"mutex": "ns/Mutex/m", "holder": "ns/w/first"}]}}
    nodes = {
        "first": {"type": "Pod", "phase": "Running"},
        "second": {"type": "Pod", "phase": "Pending", "synchronizationStatus": {"waiting": "ns/Mutex/m"}},
    }
    found = workflow(nodes, status={"synchronization": holding})
    assert "which first of this workflow holds" in explain_node(found, "second", NOW)[0].sentence


def test_a_retry_waits_for_its_back_off_until_a_time() -> None:
    strategy = {"limit": "3", "backoff": {"duration": "10", "factor": "2"}}
    nodes = {
        "r": {"type": "Retry", "phase": "Running", "templateName": "again", "children": ["r(0)"], "message": "Backoff for 10 seconds"},
        "r(0)": {"type": "Pod", "phase": "Failed", "finishedAt": "2026-01-01T00:00:20Z", "nodeFlag": {"retried": True}},
    }
    found = workflow(nodes, templates=[{"name": "again", "retryStrategy": strategy, **LEAF}])
    reason = explain_node(found, "r", NOW)[0]
    assert (reason.kind, reason.sentence) == ("backoff", "attempt 1 failed; backoff for 10 seconds, until 00:00:30")


def test_a_suspended_node_names_what_it_asks_for_or_when_it_goes_on() -> None:
    asks = {"parameters": [{"name": "colour", "valueFrom": {"supplied": {}}}]}
    nodes = {
        "ask": {"type": "Suspend", "phase": "Running", "outputs": asks},
        "wait": {"type": "Suspend", "phase": "Running", "templateName": "timer"},
    }
    found = workflow(nodes, templates=[{"name": "timer", "suspend": {"duration": "10m"}}])
    assert "somebody must set colour" in explain_node(found, "ask", NOW)[0].sentence
    assert explain_node(found, "wait", NOW)[0].sentence == "waits until 00:10:00 (10m in all)"


def test_a_failed_workflow_names_its_first_cause_and_how_many_more() -> None:
    nodes = {
        "w": {"type": "DAG", "phase": "Failed"},
        "good": {"type": "Retry", "phase": "Succeeded", "children": ["g0", "g1"]},
        "g0": {"type": "Pod", "phase": "Failed", "finishedAt": "2026-01-01T00:00:01Z"},
        "g1": {"type": "Pod", "phase": "Succeeded"},
        "x": {"type": "Pod", "phase": "Failed", "finishedAt": "2026-01-01T00:00:05Z", "message": "OOMKilled"},
        "y": {"type": "Pod", "phase": "Error", "finishedAt": "2026-01-01T00:00:07Z"},
    }
    made = explain(workflow(nodes, status={"phase": "Failed", "finishedAt": "2026-01-01T00:01:00Z"}), NOW)
    assert made[0].sentence == "w failed after 1m0s: x failed: OOMKilled (1 more went wrong)"
    assert [reason.name for reason in made[1:]] == ["x", "y"]


@pytest.mark.parametrize(
    ("status", "spec", "says"),
    [
        ({"phase": ""}, {}, "has not been seen by a controller yet"),
        ({"phase": "Pending", "message": "Workflow processing has been postponed"}, {}, "has not begun: Workflow processing"),
        ({"phase": "Running"}, {"suspend": True}, "is suspended"),
        ({"phase": "Running"}, {"shutdown": "Stop"}, "is being stopped with strategy Stop"),
        ({"phase": "Succeeded", "finishedAt": "2026-01-01T00:00:30Z"}, {}, "succeeded after 30s"),
        ({"phase": "Error", "message": "invalid", "finishedAt": "2026-01-01T00:00:30Z"}, {}, "error after 30s: invalid"),
    ],
)
def test_a_workflow_says_where_it_stands(status: dict[str, Any], spec: dict[str, Any], says: str) -> None:
    assert says in explain(workflow({}, status=status, **spec), NOW)[0].sentence


def test_a_node_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UserError, match="no node 'z'"):
        explain_node(workflow({}), "z", NOW)


def unexplained(found: Workflow, now: datetime) -> list[str]:
    made = explain(found, now)
    told = {reason.node_id for reason in made if reason.sentence}
    open_ = [node for node in found.status.nodes.values() if node.phase not in FULFILLED]
    leaves = [node for node in open_ if node.type not in ("Steps", "DAG", "StepGroup", "TaskGroup")]
    bad = [node.name for node in leaves if node.id not in told and found.status.phase == "Running"]
    return bad + [node.name for node in open_ if not explain_node(found, node.id, now)[0].sentence]


@pytest.mark.parametrize("seed", range(60))
def test_everything_that_waits_has_its_reason_at_every_moment_of_a_run(seed: int) -> None:
    simulation = Simulation(seed)
    for _ in simulation.moments():
        assert unexplained(parse_workflow(simulation.stored), simulation.now) == []
