"""A namespace for all pods of this folder, with what they mount."""

import uuid
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import Cluster, ControllerProcess, run


@pytest.fixture(scope="module")
def place(kubeconfig: str, controller: ControllerProcess) -> Iterator[Cluster]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    one = Cluster(kubeconfig, name)
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", name)
    one.kubectl("create", "configmap", "settings", "--from-literal=colour=blue")
    one.kubectl("create", "secret", "generic", "password", "--from-literal=word=xyzzy")
    yield one
    run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", name, "--wait=false")
