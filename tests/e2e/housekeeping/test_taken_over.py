"""What Argo's controller left behind on a real cluster, and how many finished workflows are kept."""

import json
import pathlib
import uuid
from typing import Any

from tests.e2e.circumstances.conftest import INSTANCE, Station
from tests.e2e.housekeeping.test_housekeeping import names, until

W = "workflows.argoproj.io/"
STEPS = {
    "entrypoint": "main",
    "templates": [
        {"name": "main", "steps": [
            [{"name": "make", "template": "make"}],
            [{"name": "use", "template": "use", "arguments": {"parameters": [{"name": "x", "value": "{{steps.make.outputs.parameters.out}}"}]}}]]},
        {"name": "make", "outputs": {"parameters": [{"name": "out", "valueFrom": {"path": "/out"}}]},
         "container": {"image": "alpine", "command": ["true"]}},
        {"name": "use", "inputs": {"parameters": [{"name": "x"}]},
         "container": {"image": "alpine", "command": ["echo", "used {{inputs.parameters.x}}"]}},
    ],
}  # fmt: skip
FAILS = {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "alpine", "command": ["false"]}}]}
BEGAN = "2026-11-24T12:00:00Z"


def begun_by_argo(station: Station) -> str:
    """A workflow whose first step runs in a pod of Argo's; the id of that step's node."""
    node_id, group_id = "taken-2976491438", "taken-1620580882"
    shared: dict[str, Any] = {"phase": "Running", "startedAt": BEGAN, "templateScope": "local/taken"}
    status = {"phase": "Running", "startedAt": BEGAN, "nodes": {
        "taken": {"id": "taken", "name": "taken", "displayName": "taken", "type": "Steps", "templateName": "main", "children": [group_id], **shared},
        group_id: {"id": group_id, "name": "taken[0]", "displayName": "[0]", "type": "StepGroup", "boundaryID": "taken",
                   "children": [node_id], "nodeFlag": {}, **shared},
        node_id: {"id": node_id, "name": "taken[0].make", "displayName": "make", "type": "Pod", "templateName": "make", "boundaryID": "taken", **shared},
    }}  # fmt: skip
    labels = {W + "controller-instanceid": INSTANCE, W + "phase": "Running"}
    workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": STEPS, "status": status,
                "metadata": {"name": "taken", "labels": labels, "annotations": {W + "pod-name-format": "v2"}}}  # fmt: skip
    uid = json.loads(station.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(workflow)))["metadata"]["uid"]
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "taken", "uid": uid, "controller": True, "blockOwnerDeletion": True}
    containers = [{"name": name, "image": "alpine", "command": ["true"]} for name in ("wait", "main")]
    labels = {W + "workflow": "taken", W + "completed": "false", W + "controller-instanceid": INSTANCE}
    station.apply(json.dumps({
        "apiVersion": "v1", "kind": "Pod", "spec": {"restartPolicy": "Never", "containers": containers},
        "metadata": {"name": "taken-make-2976491438", "ownerReferences": [owner], "labels": labels,
                     "annotations": {W + "node-id": node_id, W + "node-name": "taken[0].make"}}}))  # fmt: skip
    station.apply(json.dumps({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult",
        "metadata": {"name": node_id, "labels": {W + "workflow": "taken", W + "report-outputs-completed": "true"}},
        "outputs": {"parameters": [{"name": "out", "value": "from argo"}]}}))  # fmt: skip
    return node_id


def test_a_workflow_of_argos_is_taken_over_and_only_so_many_finished_ones_are_kept(kubeconfig: str, image: str, tmp_path: pathlib.Path) -> None:
    station = Station(kubeconfig, f"kept-{uuid.uuid4().hex[:8]}")
    station.kubectl("create", "namespace", station.namespace)
    station.configure(instanceID=INSTANCE, retentionPolicy="{failed: 1}")
    node_id = begun_by_argo(station)
    assert names(station, "workflowtaskresults") == {node_id}
    with station.running(image, tmp_path):
        for number in range(3):
            station.submit(f"fails-{number}", FAILS)
            until(lambda number=number: phase_of(station, f"fails-{number}") == "Failed")  # type: ignore[misc]
        taken = station.finished("taken")
        assert taken["status"]["phase"] == "Succeeded"
        assert "used from argo" in station.logs("taken")
        until(lambda: not names(station, "workflowtaskresults"))
        until(lambda: names(station, "workflows") == {"taken", "fails-2"})


def phase_of(station: Station, name: str) -> str:
    return station.kubectl("get", "workflow", name, "-o", "jsonpath={.status.phase}")
