"""What a workflow says about its pods reaches the kubelet, and each need has its way (architecture, section 3)."""

import json
import pathlib
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import INSTANCE, Cluster, nodes

HERE = pathlib.Path(__file__).parent
LINES = 2000
SCRIPT = "#" * 210_000 + "\nimport sys\nprint('script', len(open(sys.argv[0]).read()))"


def named(workflow: dict[str, Any], display: str) -> dict[str, Any]:
    return next(node for node in workflow["status"]["nodes"].values() if node["displayName"] == display)


@pytest.fixture(scope="module")
def volume(place: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("volume")
    name = f"{place.namespace}-volume"
    spec = {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": name, "hostPath": {"path": str(folder)},
            "persistentVolumeReclaimPolicy": "Retain"}  # fmt: skip
    place.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}))
    yield name
    place.kubectl("delete", "persistentvolume", name, "--wait=false")


@pytest.fixture(scope="module")
def fields(place: Cluster, volume: str) -> dict[str, Any]:
    architecture = place.kubectl("get", "node", "tiphys", "-o", "jsonpath={.status.nodeInfo.architecture}", check=False) or "amd64"
    place.apply((HERE / "fields.yaml").read_text().replace("CLASS", volume).replace("ARCH", architecture).replace("INSTANCE", INSTANCE))
    return place.finished("fields", 120)


def test_every_field_reaches_its_pod(fields: dict[str, Any]) -> None:
    wrong = {display: node for display, node in nodes(fields).items() if node[1] != "Succeeded"}
    assert not wrong, [(node["displayName"], node.get("message")) for node in fields["status"]["nodes"].values()]


def test_any_user_writes_outputs_under_a_read_only_root(fields: dict[str, Any]) -> None:
    assert named(fields, "identity")["outputs"]["parameters"][0]["value"] == "4321"


def test_claims_belong_to_the_workflow_and_are_recorded(place: Cluster, fields: dict[str, Any]) -> None:
    claim = {"name": "work", "persistentVolumeClaim": {"claimName": "fields-work"}}
    assert fields["status"].get("persistentVolumeClaims", [claim]) == [claim]
    events = place.kubectl("get", "pods", "-l", "step!=x", "-o", "json")
    pods = {pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]: pod for pod in json.loads(events)["items"]
            if "workflows.argoproj.io/node-name" in pod["metadata"]["annotations"]}  # fmt: skip
    assert {volume["name"] for volume in pods["fields.reads"]["spec"]["volumes"]} == {"work"}
    assert "volumes" not in pods["fields.placed"]["spec"]


def test_a_pod_is_the_users_container_and_what_the_step_needs(place: Cluster, fields: dict[str, Any]) -> None:
    pods = json.loads(place.kubectl("get", "pods", "-l", "workflows.argoproj.io/workflow=fields", "-o", "json"))["items"]
    by_name = {pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]: pod for pod in pods}
    assert all(pod["spec"]["automountServiceAccountToken"] is False for pod in pods)
    assert all([container["name"] for container in pod["spec"]["containers"]] == ["main"] for pod in pods)
    assert by_name["fields.volumes"]["spec"]["containers"][0]["command"][:2] == ["sh", "-c"]
    assert by_name["fields.identity"]["spec"]["containers"][0]["command"][0] == "/argo-shim/shim"
    assert [one["name"] for one in by_name["fields.beside"]["spec"]["initContainers"]] == ["before", "helper", "deaf", "once"]
    arch = {pod["spec"].get("nodeSelector", {}).get("kubernetes.io/arch") for name, pod in by_name.items() if name != "fields.placed"}
    assert len(arch) == 1
    assert arch != {None}
    assert by_name["fields.placed"]["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}


GIVING_BACK = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: back, labels: {workflows.argoproj.io/controller-instanceid: INSTANCE}}
spec:
  entrypoint: all
  templates:
  - name: all
    dag:
      tasks:
      - {name: nothing, template: nothing}
      - {name: short, template: short}
      - {name: long, template: long}
      - {name: files, template: files}
      - {name: script, template: script}
      - {name: killed, template: killed}
      - name: reads
        template: reads
        depends: short && long && files && script
        arguments:
          parameters:
          - {name: short, value: "{{tasks.short.outputs.result}}"}
          - {name: long, value: "{{=string(len(tasks.long.outputs.result))}}"}
          - {name: file, value: "{{tasks.files.outputs.parameters.file}}"}
          - {name: script, value: "{{tasks.script.outputs.result}}"}
  - {name: nothing, container: {image: docker/whalesay}}
  - {name: short, container: {image: busybox, command: [sh, -c, 'echo out; echo err >&2']}}
  - {name: long, container: {image: busybox, command: [sh, -c, 'i=0; while [ $i -lt LINES ]; do echo "line $i of the long output"; i=$((i+1)); done']}}
  - name: files
    outputs:
      parameters:
      - {name: file, valueFrom: {path: /tmp/file}}
      - {name: none, valueFrom: {path: /tmp/none, default: "instead"}}
    container: {image: busybox, command: [sh, -c, 'printf "in the file\\n\\n" > /tmp/file']}
  - name: script
    script: {image: "python:3.8", command: [python], source: SOURCE}
  - name: killed
    activeDeadlineSeconds: 4
    podSpecPatch: "terminationGracePeriodSeconds: 5"
    outputs: {parameters: [{name: partial, valueFrom: {path: /out/partial}}]}
    container: {image: busybox, command: [sh, -c, 'mkdir /out; echo half > /out/partial; trap "" TERM; while :; do sleep 1; done']}
  - name: reads
    inputs: {parameters: [{name: short}, {name: long}, {name: file}, {name: script}]}
    container: {image: busybox, command: ["true"]}
"""


@pytest.fixture(scope="module")
def back(place: Cluster) -> dict[str, Any]:
    text = GIVING_BACK.replace("LINES", str(LINES)).replace("SOURCE", json.dumps(SCRIPT)).replace("INSTANCE", INSTANCE)
    place.kubectl("create", "-f", "-", stdin=text)  # what kubectl apply remembers of it would not fit into an annotation
    return place.finished("back", 120)


def test_what_a_step_gives_back_is_read_by_others(back: dict[str, Any]) -> None:
    parameters = {one["name"]: one["value"] for one in named(back, "reads")["inputs"]["parameters"]}
    length = sum(len(f"line {i} of the long output\n") for i in range(LINES)) - 1
    assert parameters == {"short": "out", "long": str(length), "file": "in the file\n", "script": f"script {len(SCRIPT)}"}


def test_a_default_stands_in_for_a_missing_file(back: dict[str, Any]) -> None:
    values = {one["name"]: one["value"] for one in named(back, "files")["outputs"]["parameters"]}
    assert values == {"file": "in the file\n", "none": "instead"}


def test_an_image_without_a_command_just_works(back: dict[str, Any]) -> None:
    assert named(back, "nothing")["phase"] == "Succeeded"


def test_what_a_killed_step_had_written_is_kept(back: dict[str, Any]) -> None:
    killed = named(back, "killed")
    assert (killed["phase"], killed["outputs"]["parameters"]) == ("Failed", [
        {"name": "partial", "valueFrom": {"path": "/out/partial"}, "value": "half"}])  # fmt: skip


def test_a_long_result_is_not_seen_in_the_log(place: Cluster, back: dict[str, Any]) -> None:
    logs = place.logs("back")
    assert f"line {LINES - 1} of the long output" in logs
    assert "\x1e" not in logs
    assert "tiphys-record" not in logs


def test_a_long_script_is_a_config_map_of_the_workflow(place: Cluster, back: dict[str, Any]) -> None:
    maps = json.loads(place.kubectl("get", "configmaps", "-l", "workflows.argoproj.io/workflow=back", "-o", "json"))["items"]
    assert [owner["uid"] for one in maps for owner in one["metadata"]["ownerReferences"]] == [back["metadata"]["uid"]]
