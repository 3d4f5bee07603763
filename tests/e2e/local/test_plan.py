"""`tiphys plan --cluster` on a real cluster: what is missing, and how long it took there before."""

import json
import pathlib
import subprocess
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import TIPHYS

WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "plan-"},
    "spec": {
        "entrypoint": "main",
        "serviceAccountName": "worker",
        "templates": [
            {"name": "main", "steps": [
                [{"name": "job", "template": "job"}, {"name": "stored", "templateRef": {"name": "shelf", "template": "say"}}],
            ]},
            {"name": "job", "resource": {"action": "create", "manifest": "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n"}},
        ],
    },
}  # fmt: skip
SHELF = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowTemplate",
    "metadata": {"name": "shelf"},
    "spec": {"templates": [{"name": "say", "container": {"image": "alpine", "command": ["true"], "envFrom": [
        {"secretRef": {"name": "keys"}}, {"configMapRef": {"name": "settings"}},
    ]}}]},
}  # fmt: skip


class Space:
    """A namespace of the test's own, in which nothing runs workflows."""

    def __init__(self, kubeconfig: str, name: str, folder: pathlib.Path) -> None:
        self.name, self._kubeconfig, self._folder = name, kubeconfig, folder

    def kubectl(self, *words: str, given: str = "") -> str:
        command = ["kubectl", "--kubeconfig", self._kubeconfig, "-n", self.name, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, input=given).stdout

    def apply(self, manifest: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", given=yaml.safe_dump(manifest))

    def plan(self, *words: str) -> tuple[int, str]:
        file = self._folder / "w.yaml"
        file.write_text(yaml.safe_dump(WORKFLOW))
        command = [*TIPHYS, "plan", str(file), "--cluster", "--kubeconfig", self._kubeconfig, "-n", self.name, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def space(kubeconfig: str, tmp_path: pathlib.Path) -> Iterator[Space]:
    name = f"plan-{uuid.uuid4().hex[:8]}"
    made = Space(kubeconfig, name, tmp_path)
    made.kubectl("create", "namespace", name)
    yield made
    made.kubectl("delete", "namespace", name, "--wait=false")


def test_a_plan_names_what_the_cluster_lacks_until_it_is_there(space: Space) -> None:
    code, said = space.plan()
    assert (code, "workflow template shelf not found" in said) == (1, True), said
    space.apply(SHELF)
    code, said = space.plan("-o", "json")
    assert code == 1
    assert json.loads(said)["missing"] == [
        f"Secret keys is not in namespace {space.name}",
        f"ConfigMap settings is not in namespace {space.name}",
        f"ServiceAccount worker is not in namespace {space.name}",
        f"ServiceAccount worker may not create jobs in namespace {space.name}",
    ]
    space.kubectl("create", "secret", "generic", "keys", "--from-literal=a=b")
    space.kubectl("create", "configmap", "settings", "--from-literal=a=b")
    space.kubectl("create", "serviceaccount", "worker")
    space.kubectl("create", "role", "jobs", "--verb=create", "--resource=jobs.batch")
    space.kubectl("create", "rolebinding", "jobs", "--role=jobs", f"--serviceaccount={space.name}:worker")
    code, said = space.plan()
    assert (code, said.splitlines()[-1]) == (0, "everything it needs is there")


def test_a_plan_takes_its_times_from_runs_that_went_well_in_the_cluster(space: Space) -> None:
    space.apply(SHELF)
    for name, phase, end in (("plan-aaaaa", "Succeeded", "10"), ("plan-bbbbb", "Failed", "50"), ("plan-ccccc", "Succeeded", "20")):
        node = {"name": f"{name}[0].stored", "displayName": "stored", "type": "Pod", "phase": phase, "templateName": "say", "id": f"{name}-1"}
        times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": f"2026-01-01T00:00:{end}Z"}
        labels = {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": phase}
        status = {"phase": phase, **times, "nodes": {node["id"]: {**node, **times}}}
        space.apply({**WORKFLOW, "metadata": {"name": name, "labels": labels}, "status": status})
    _, said = space.plan()
    assert "takes: 15s, by stored, as in 2 earlier runs" in said
