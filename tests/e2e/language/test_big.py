"""What is large, and what users measure, on a real cluster: the first needs no pods, so that it is fast."""

import json
import random
import string
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.conftest import INSTANCE, INSTANCE_LABEL, Cluster, ControllerProcess, run

COUNT = 5_000
TASKS, EACH = 100, 100
DEEPEST = 100
PARAMETER_BYTES = 256 * 1024
LIMIT_BYTES = 1024 * 1024
WAIT = {"name": "wait", "inputs": {"parameters": [{"name": "x"}]}, "suspend": {"duration": "0s"}}


def text(seed: int, count: int = PARAMETER_BYTES) -> str:
    """A text that compression hardly makes shorter."""
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits + "+/", k=count))  # noqa: S311 no secret


def handing(name: str, values: list[str], steps: list[str]) -> dict[str, Any]:
    """A workflow that hands each of these steps a parameter of the workflow."""
    parameters = [{"name": f"p{index}", "value": value} for index, value in enumerate(values)]
    handed = [
        [{"name": f"s{index}", "template": "wait", "arguments": {"parameters": [{"name": "x", "value": step}]}}]
        for index, step in enumerate(steps)
    ]
    templates = [{"name": "main", "steps": handed}, WAIT]
    return workflow(name, {"entrypoint": "main", "arguments": {"parameters": parameters}, "templates": templates})


def workflow(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": name, "labels": {INSTANCE_LABEL: INSTANCE}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta, "spec": spec}


@pytest.fixture(scope="module")
def big(kubeconfig: str, keeper: ControllerProcess) -> Iterator[Cluster]:
    """A long loop, a large graph, a deep recursion, a long parameter, and more than can be stored, all at once."""
    cluster = Cluster(kubeconfig, f"e2e-{uuid.uuid4().hex[:8]}")
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", cluster.namespace)
    loop = {"name": "all", "template": "wait", "when": "false", "withSequence": {"count": str(COUNT)},
            "arguments": {"parameters": [{"name": "x", "value": "{{item}}"}]}}  # fmt: skip
    many = workflow("loop", {"entrypoint": "main", "templates": [{"name": "main", "steps": [[loop]]}, WAIT]})
    tasks = [
        {"name": f"t{index}", "template": "wait", "when": "false", "withSequence": {"count": str(EACH)},
         "arguments": {"parameters": [{"name": "x", "value": "{{item}}"}]},
         **({"depends": f"t{index - 1}.Skipped || t{index - 1}.Succeeded"} if index else {})}
        for index in range(TASKS)
    ]  # fmt: skip
    graph = workflow("graph", {"entrypoint": "main", "templates": [{"name": "main", "dag": {"tasks": tasks}}, WAIT]})
    deep = workflow("deep", {"entrypoint": "main", "templates": [{"name": "main", "steps": [[{"name": "again", "template": "main"}]]}]})
    first, second = text(1), text(2)
    for one in (
        many,
        graph,
        deep,
        handing("handed", [first], ["{{workflow.parameters.p0}}"]),
        handing("much", [first, second], ["{{workflow.parameters.p0}}", "{{workflow.parameters.p1}}"]),
    ):
        # not applied: that keeps a copy in an annotation, which has a limit of its own
        cluster.kubectl("create", "-f", "-", stdin=json.dumps(one))
    yield cluster
    run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", cluster.namespace, "--wait=false")


def test_a_loop_of_five_thousand_is_stored_compressed_and_shown_whole(big: Cluster) -> None:
    stored = big.finished("loop", 180)["status"]
    assert (stored["phase"], stored.get("nodes")) == ("Succeeded", None)
    assert len(stored["compressedNodes"]) < LIMIT_BYTES
    shown = json.loads(big.tiphys("get", "loop", "-o", "json"))["status"]["nodes"]
    assert sum(node["phase"] == "Skipped" for node in shown.values()) == COUNT
    assert len(json.dumps(shown)) > LIMIT_BYTES


def test_a_graph_of_ten_thousand_nodes_is_run_to_its_end(big: Cluster) -> None:
    stored = big.finished("graph", 180)["status"]
    assert (stored["phase"], stored.get("nodes")) == ("Succeeded", None), stored.get("message")
    assert len(stored["compressedNodes"]) < LIMIT_BYTES
    shown = json.loads(big.tiphys("get", "graph", "-o", "json"))["status"]["nodes"]
    items = [node for node in shown.values() if node["name"].endswith(")")]
    assert (len(items), {node["phase"] for node in items}) == (TASKS * EACH, {"Skipped"})
    assert sum(node["type"] == "TaskGroup" for node in shown.values()) == TASKS


def test_a_recursion_ends_at_the_limit_and_says_so(big: Cluster) -> None:
    status = json.loads(big.tiphys("get", big.finished("deep", 180)["metadata"]["name"], "-o", "json"))["status"]
    assert status["phase"] in ("Failed", "Error")
    told = [node for node in status["nodes"].values() if node.get("message", "").startswith("Maximum recursion depth exceeded")]
    assert [node["name"].count(".again") for node in told] == [DEEPEST + 1]


def test_a_parameter_of_a_quarter_of_a_megabyte_is_handed_on_whole(big: Cluster) -> None:
    status = big.finished("handed", 180)["status"]
    assert status["phase"] == "Succeeded", status.get("message")
    handed = next(node for node in status["nodes"].values() if node["type"] == "Suspend")
    assert handed["inputs"]["parameters"] == [{"name": "x", "value": text(1)}]


def test_what_cannot_be_stored_is_an_error_that_says_how_much_it_is(big: Cluster) -> None:
    status = big.finished("much", 180)["status"]
    assert status["phase"] == "Error"
    words = status["message"].partition(" compressed size ")
    assert words[0] == "workflow is longer than maximum allowed size."
    size, _, limit = words[2].partition(" > maxSize ")
    assert int(size) > int(limit.split()[0]) == LIMIT_BYTES


MEASURED = {
    "entrypoint": "main",
    "metrics": {"prometheus": [
        {"name": "whole_seconds", "help": "h", "gauge": {"value": "{{workflow.duration}}"}, "labels": [{"key": "w", "value": "NAME"}]}]},
    "templates": [{
        "name": "main",
        "metrics": {"prometheus": [
            {"name": "ends", "help": "h", "when": "{{status}} == Succeeded", "counter": {"value": "1"}, "labels": [{"key": "w", "value": "NAME"}]},
            {"name": "never", "help": "h", "when": "{{status}} == Failed", "counter": {"value": "1"}, "labels": [{"key": "w", "value": "NAME"}]},
            {"name": "spent", "help": "h", "labels": [{"key": "w", "value": "NAME"}],
             "histogram": {"value": "{{duration}}", "buckets": [0.1, 1000]}}]},
        "container": {"image": "alpine", "command": ["sleep", "2"], "resources": {"requests": {"cpu": "500m", "memory": "100Mi"}}}}],
}  # fmt: skip


def test_progress_resources_and_metrics_of_users_are_measured(cluster: Cluster, keeper: ControllerProcess) -> None:
    spec = json.loads(json.dumps(MEASURED).replace("NAME", cluster.namespace))
    cluster.apply(json.dumps(workflow("measured", spec)))
    status = cluster.finished("measured")["status"]
    assert (status["phase"], status["progress"]) == ("Succeeded", "1/1")
    assert status["resourcesDuration"]["memory"] >= 2
    assert status["resourcesDuration"]["cpu"] >= 1
    assert {one["type"]: one["status"] for one in status["conditions"]} == {"PodRunning": "False", "Completed": "True"}
    metrics = keeper.metrics()
    assert f'argo_workflows_ends{{w="{cluster.namespace}"}} 1.0' in metrics
    assert f'argo_workflows_spent_bucket{{le="1000.0",w="{cluster.namespace}"}} 1.0' in metrics
    assert f'argo_workflows_whole_seconds{{w="{cluster.namespace}"}}' in metrics
    assert "argo_workflows_never{" not in metrics
