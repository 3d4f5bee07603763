"""What an administrator says about all pods: defaults, entry points, security, architectures; under the pod security standard `restricted`."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.e2e.circumstances.conftest import INSTANCE, Station
from tests.e2e.conftest import Cluster

CONFIGURATION = {
    "instanceID": INSTANCE,
    "mainContainer": "{env: [{name: OF_ALL, value: yes-it-is}], resources: {requests: {cpu: 10m}}}",
    "executor": "{resources: {requests: {cpu: 11m}}, env: [{name: OF_EXECUTORS, value: x}]}",
    "images": "{busybox: {entrypoint: [sh, -c], cmd: [echo of the image]}}",
    "failedPodRestart": "{enabled: true, maxRestarts: 2}",
    "podGCDeleteDelayDuration": "7s",
    "resourceRateLimit": "{limit: 20, burst: 1}",
}
OWN = {"architectures": "[amd64, arm64]", "podSecurity": "restricted"}
SPEC = """
entrypoint: m
securityContext: {runAsUser: 1000}
templates:
- name: m
  dag:
    tasks:
    - {name: silent, template: silent}
    - {name: result, template: result}
    - {name: bound, template: bound}
    - name: reads
      template: reads
      dependencies: [result, bound, silent]
      arguments: {parameters: [{name: text, value: "{{tasks.result.outputs.result}}/{{tasks.bound.outputs.result}}/{{tasks.silent.outputs.result}}"}]}
- {name: silent, container: {image: busybox, args: [echo $OF_ALL]}}
- name: result
  container: {image: busybox, command: [sh, -c, 'echo $OF_ALL']}
  sidecars: [{name: beside, image: busybox, command: [sh, -c, 'while :; do sleep 0.1; done']}]
- {name: bound, nodeSelector: {kubernetes.io/arch: amd64}, container: {image: busybox}}
- {name: reads, inputs: {parameters: [{name: text}]}, container: {image: busybox, command: ["true"]}}
"""


@pytest.fixture(scope="module")
def strict(kubeconfig: str, image: str, place: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    name = f"strict-{uuid.uuid4().hex[:8]}"
    one = Station(kubeconfig, name)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    one.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}))
    one.configure(**CONFIGURATION)
    one.configure("tiphys", **OWN)
    with one.running(image, tmp_path_factory.mktemp("strict")):
        yield one


@pytest.fixture(scope="module")
def finished(strict: Station) -> dict[str, Any]:
    spec = yaml.safe_load(SPEC)
    spec["podGC"] = {"strategy": "OnWorkflowSuccess", "deleteDelayDuration": "1h"}
    found = strict.finished(strict.submit("all", spec), 120)
    assert found["status"]["phase"] == "Succeeded", [(n["displayName"], n.get("message")) for n in found["status"]["nodes"].values()]
    return found


@pytest.fixture(scope="module")
def pods(strict: Station, finished: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = json.loads(strict.kubectl("get", "pods", "-o", "json"))["items"]
    return {pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]: pod for pod in found}


def test_an_image_of_the_configuration_needs_no_command_and_defaults_reach_main(finished: dict[str, Any]) -> None:
    reads = next(node for node in finished["status"]["nodes"].values() if node["displayName"] == "reads")
    assert reads["inputs"]["parameters"][0]["value"] == "yes-it-is/of the image/yes-it-is"


def test_every_pod_is_admitted_by_the_restricted_standard(pods: dict[str, dict[str, Any]]) -> None:
    for pod in pods.values():
        assert pod["spec"]["securityContext"] == {"runAsUser": 1000, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_a_pod_that_may_land_anywhere_brings_its_shim_along(pods: dict[str, dict[str, Any]]) -> None:
    assert [one["name"] for one in pods["all.result"]["spec"]["initContainers"]] == ["tiphys-shim", "beside"]
    assert pods["all.result"]["spec"]["initContainers"][0]["resources"] == {"requests": {"cpu": "11m"}}
    assert "initContainers" not in pods["all.bound"]["spec"]
    assert "initContainers" not in pods["all.reads"]["spec"]


def test_the_pod_tells_what_becomes_of_it(pods: dict[str, dict[str, Any]]) -> None:
    strategies = {pod["metadata"]["annotations"]["workflows.argoproj.io/pod-gc-strategy"] for pod in pods.values()}
    assert strategies == {"OnWorkflowSuccess/1h"}


def test_parameters_come_from_config_maps(strict: Station) -> None:
    source = {"valueFrom": {"configMapKeyRef": {"name": "sizes", "key": "small"}}}
    leaf = {"name": "a", "inputs": {"parameters": [{"name": "own", **source}]}, "container": {"image": "busybox", "command": ["true"]}}
    spec = {"entrypoint": "a", "securityContext": {"runAsUser": 1000}, "arguments": {"parameters": [{"name": "whole", **source}]}, "templates": [leaf]}
    absent = strict.finished(strict.submit("absent", spec))
    assert absent["status"]["phase"] == "Failed"
    assert "ConfigMap 'sizes' does not exist. Please make sure it has the label" in absent["status"]["message"]
    labels = {"workflows.argoproj.io/configmap-type": "Parameter"}
    strict.apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sizes", "labels": labels}, "data": {"small": "1"}}))
    there = strict.finished(strict.submit("there", spec))
    assert there["status"]["phase"] == "Succeeded", there["status"]
    assert there["status"]["nodes"]["there"]["inputs"]["parameters"] == [{"name": "own", "value": "1"}]


def test_a_pod_that_the_kubelet_rejects_is_made_again_as_often_as_allowed(strict: Station) -> None:
    nodes = json.loads(strict.kubectl("get", "nodes", "-o", "json"))["items"]
    real = next(node["metadata"]["name"] for node in nodes if "containerd" in node["status"]["nodeInfo"]["containerRuntimeVersion"])
    # nobody schedules it, so the kubelet finds out that it does not belong there
    leaf = {"name": "a", "nodeSelector": {"no": "such"}, "podSpecPatch": f"nodeName: {real}", "container": {"image": "busybox", "command": ["true"]}}
    spec = {"entrypoint": "a", "securityContext": {"runAsUser": 1000}, "templates": [leaf]}
    found = strict.finished(strict.submit("rejected", spec), 30)
    node = found["status"]["nodes"]["rejected"]
    assert (node["phase"], node["failedPodRestarts"]) == ("Failed", 2)
    assert "NodeAffinity" in node["message"] or "node affinity" in node["message"], node["message"]
