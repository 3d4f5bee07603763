"""Pods that are deleted, and nodes that are lost, while workflows need them."""

import json

import pytest
import yaml
from tests.e2e.conftest import INSTANCE, Cluster
from tests.e2e.pods.conftest import manifest, node, pod, until

SLEEP = {"container": {"image": "busybox", "command": ["sleep", "100"]}}
STEPS = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: after-success, labels: {workflows.argoproj.io/controller-instanceid: INSTANCE}}
spec:
  entrypoint: m
  templates:
  - {name: m, steps: [[{name: a, template: a}], [{name: b, template: b}]]}
  - {name: a, container: {image: busybox, command: ["true"]}}
  - {name: b, container: {image: busybox, command: [sleep, "3"]}}
"""


def phase(place: Cluster, name: str) -> str:
    return pod(place, name).get("status", {}).get("phase", "")


@pytest.fixture(scope="module")
def started(place: Cluster) -> Cluster:
    """All workflows of this module, begun together."""
    all_ = [manifest("gracefully", SLEEP), manifest("by-force", SLEEP), manifest("before-start", {**SLEEP, "nodeSelector": {"no": "such"}}),
            manifest("stopped", {"container": {"image": "busybox", "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 100 & wait"]}})]  # fmt: skip
    place.apply(yaml.safe_dump_all(all_) + "---" + STEPS.replace("INSTANCE", INSTANCE))
    return place


def test_a_pod_deleted_while_it_runs_ends_its_node_as_the_kubelet_ended_it(started: Cluster) -> None:
    until(lambda: phase(started, "gracefully") == "Running")
    started.kubectl("delete", "pod", "gracefully", "--grace-period=1")
    found = started.finished("gracefully")
    assert (node(found)["phase"], node(found)["message"]) in [
        ("Failed", "main: Error (exit code 137)"), ("Failed", "main: Error (exit code 143)"), ("Error", "pod deleted")]  # fmt: skip


def test_a_pod_that_vanishes_is_an_error(started: Cluster) -> None:
    until(lambda: phase(started, "by-force") == "Running")
    started.kubectl("delete", "pod", "by-force", "--grace-period=0", "--force")
    found = started.finished("by-force")
    assert (node(found)["phase"], node(found)["message"]) == ("Error", "pod deleted")


def test_a_pod_deleted_before_it_started_is_made_again(started: Cluster) -> None:
    first = until(lambda: pod(started, "before-start"))["metadata"]["uid"]
    started.kubectl("delete", "pod", "before-start")
    again = until(lambda: pod(started, "before-start").get("metadata", {}).get("uid") not in (None, first) and pod(started, "before-start"))
    assert again["metadata"]["uid"] != first
    assert node(started.workflow("before-start"))["phase"] == "Pending"
    started.tiphys("terminate", "before-start")
    assert node(started.finished("before-start"))["message"] == "workflow shutdown with strategy:  Terminate"


def test_a_pod_deleted_after_its_success_has_succeeded(started: Cluster) -> None:
    def first_pod() -> str:
        pods = json.loads(started.kubectl("get", "pods", "-l", "workflows.argoproj.io/workflow=after-success", "-o", "json"))["items"]
        done = [one for one in pods if one["status"]["phase"] == "Succeeded"]
        return done[0]["metadata"]["name"] if done else ""

    started.kubectl("delete", "pod", until(first_pod), "--wait=false")
    assert started.finished("after-success")["status"]["phase"] == "Succeeded"


def test_a_stopped_workflow_leaves_no_pod_running(started: Cluster) -> None:
    until(lambda: phase(started, "stopped") == "Running")
    started.tiphys("stop", "stopped")
    found = started.finished("stopped")
    assert node(found)["message"] == "workflow shutdown with strategy:  Stop"
    until(lambda: phase(started, "stopped") != "Running")


def test_a_pod_on_a_node_that_is_gone_is_the_clusters_doing(place: Cluster) -> None:
    found = node(place.finished("on-lost-node", 180))
    assert found["phase"] == "Error"
    assert found["message"] in ("pod deleted: PodGC: node no longer exists", "pod deleted")
