"""Each way in which a pod can fail on a real kubelet, and what its node says then."""

import json
import re
import time
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import Cluster
from tests.e2e.pods.conftest import WAYS, manifest, node, pod

DEADLINE = "Pod was active on the node longer than the specified deadline"
EXPECTED = {
    "out-of-memory": ("Failed", r"main: (OOMKilled|Error) \(exit code 137\)"),
    "out-of-memory-2": ("Failed", r"main: (OOMKilled|Error) \(exit code 137\)"),
    "out-of-memory-3": ("Failed", r"main: (OOMKilled|Error) \(exit code 137\)"),
    "exit-code": ("Failed", r"main: Error \(exit code 7\)"),
    "killed": ("Failed", r"main: Error \(exit code 137\)"),
    "terminated": ("Failed", r"main: Error \(exit code 143\)"),
    "told-why": ("Failed", r"main: Error \(exit code 1\): because"),
    "no-such-program": ("Failed", r"main: (StartError|ContainerCannotRun) \(exit code 12[78]\): .*no-such-program.*"),
    "no-such-image": ("Failed", "timeout"),
    "no-image-name": ("Failed", "timeout"),
    "no-such-key": ("Failed", "timeout"),
    "no-such-node": ("Failed", "timeout"),
    "no-such-volume": ("Error", r"templates.no-such-volume.volumes: volume 'nothing' not found in workflow spec"),
    "init-fails": ("Failed", r"prepare: Error \(exit code 3\)"),
    "sidecar-fails": ("Failed", r"helper: Error \(exit code 4\)"),
    "too-long": ("Failed", DEADLINE),
    "timed-out": ("Failed", DEADLINE),
    "too-much-disk": ("Failed", r'Usage of EmptyDir volume "small" exceeds the limit "1Mi"\. ?'),
    "missing-output": ("Error", r"output parameter 'p' was not written and has no default"),
    "too-big-output": ("Error", r"output parameter 'p' .*"),
}
PENDING = {
    "no-such-image": r"(ErrImagePull|ImagePullBackOff): .*no\.such\.registry/image.*",
    "no-image-name": r'InvalidImageName: .*"Not:A:Name".*',
    "no-such-key": r"CreateContainerConfigError: couldn't find key nothing in ConfigMap .*/settings",
    "no-such-node": r"Unschedulable: 0/\d+ nodes are available: .*",
}


def main_end(found: dict[str, Any]) -> dict[str, Any]:
    return next(one["state"]["terminated"] for one in found["status"]["containerStatuses"] if one["name"] == "main")


@pytest.fixture(scope="module")
def failing(place: Cluster) -> dict[str, set[str]]:
    """All ways at once; what their nodes said while they were Pending."""
    place.apply(yaml.safe_dump_all([manifest(name, template) for name, template in WAYS.items()]))
    said: dict[str, set[str]] = {name: set() for name in WAYS}
    end = time.monotonic() + 120
    while time.monotonic() < end:
        known = json.loads(place.kubectl("get", "workflows", "-o", "json"))["items"]
        found = [one for one in known if one["metadata"]["name"] in WAYS]
        for workflow in found:
            if node(workflow).get("phase") == "Pending":
                said[workflow["metadata"]["name"]].add(node(workflow).get("message", ""))
        if all(workflow.get("status", {}).get("phase") in ("Failed", "Error") for workflow in found):
            break
        time.sleep(0.5)
    return said


@pytest.mark.parametrize("way", WAYS)
def test_a_node_says_how_its_pod_failed(place: Cluster, failing: dict[str, set[str]], way: str) -> None:
    found = place.workflow(way)
    phase, message = EXPECTED[way]
    assert (node(found)["phase"], found["status"]["phase"]) == (phase, phase), node(found)
    assert re.fullmatch(message, node(found)["message"], re.DOTALL), node(found)["message"]


def test_a_node_says_that_memory_ran_out_as_its_kubelet_does(place: Cluster, failing: dict[str, set[str]]) -> None:
    ways = [way for way in WAYS if way.startswith("out-of-memory")]
    reasons = {way: main_end(pod(place, way))["reason"] for way in ways}
    said = {way: node(place.workflow(way))["message"] for way in ways}
    assert said == {way: f"main: {reason} (exit code 137)" for way, reason in reasons.items()}
    assert "OOMKilled" in reasons.values()


@pytest.mark.parametrize("way", PENDING)
def test_a_pod_that_cannot_start_stays_pending_and_says_why(failing: dict[str, set[str]], way: str) -> None:
    assert any(re.fullmatch(PENDING[way], message, re.DOTALL) for message in failing[way]), failing[way]


def test_exit_codes_are_kept(place: Cluster, failing: dict[str, set[str]]) -> None:
    codes = {way: node(place.workflow(way))["outputs"]["exitCode"] for way in ("exit-code", "killed", "terminated", "out-of-memory")}
    assert codes == {"exit-code": "7", "killed": "137", "terminated": "143", "out-of-memory": "137"}
