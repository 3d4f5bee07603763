"""A controller of the test's own, whose configuration lies in a namespace of the test's own."""

import json
import pathlib
import uuid
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import HOME, Cluster, ControllerProcess, run

INSTANCE = "circumstances"


class Station(Cluster):
    """A namespace with its own controller and its own configuration."""

    def __init__(self, kubeconfig: str, namespace: str) -> None:
        super().__init__(kubeconfig, namespace)
        self.process: ControllerProcess | None = None

    def start(self, image: str, kubeconfig: str, log: pathlib.Path) -> None:
        self.process = ControllerProcess(kubeconfig, image, log, "--managed-namespace", self.namespace)

    def configure(self, name: str = "workflow-controller-configmap", **entries: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": entries}
        self.apply(json.dumps(manifest))

    def events(self, reason: str) -> list[str]:
        found = json.loads(self.kubectl("get", "events", "-o", "json"))["items"]
        return [event["message"] for event in found if event["reason"] == reason]

    def submit(self, name: str, spec: dict[str, object], **meta: object) -> str:
        labels = {"workflows.argoproj.io/controller-instanceid": INSTANCE}
        manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
                    "metadata": {"name": name, "labels": labels, **meta}, "spec": spec}  # fmt: skip
        self.kubectl("create", "-f", "-", stdin=json.dumps(manifest))
        return name


@pytest.fixture(scope="module")
def station(kubeconfig: str, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    name = f"station-{uuid.uuid4().hex[:8]}"
    one = Station(kubeconfig, name)
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", name)
    one.configure(instanceID=INSTANCE, parallelism="50", workflowDefaults="metadata: {labels: {team: red}}\nspec: {ttlStrategy: {secondsAfterCompletion: 3600}}")
    folder = tmp_path_factory.mktemp("station")
    own = HOME / "controller.kubeconfig"
    access = folder / "kubeconfig"
    access.write_text((own if own.exists() else pathlib.Path(kubeconfig)).read_text())
    run("kubectl", "--kubeconfig", access, "config", "set-context", "--current", f"--namespace={name}")
    one.start(image, str(access), folder / "log")
    assert one.process is not None
    yield one
    assert one.process.stop() == 0
    assert "broke the controller" not in one.process.log.read_text()
    run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", name, "--wait=false")
