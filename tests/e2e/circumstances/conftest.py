"""A controller of the test's own, whose configuration lies in a namespace of the test's own."""

import contextlib
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

    @contextlib.contextmanager
    def running(self, image: str, folder: pathlib.Path) -> Iterator["Station"]:
        """Its controller follows the namespace meanwhile; in the end nothing is left of either."""
        own, access = HOME / "controller.kubeconfig", folder / "kubeconfig"
        access.write_text((own if own.exists() else pathlib.Path(self.kubeconfig)).read_text())
        run("kubectl", "--kubeconfig", access, "config", "set-context", "--current", f"--namespace={self.namespace}")
        self.process = ControllerProcess(str(access), image, folder / "log", "--managed-namespace", self.namespace)
        try:
            yield self
        finally:
            code = self.process.stop()
            run("kubectl", "--kubeconfig", self.kubeconfig, "delete", "namespace", self.namespace, "--wait=false")
        assert code == 0
        assert "broke the controller" not in self.process.log.read_text()

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
    with one.running(image, tmp_path_factory.mktemp("station")):
        yield one
