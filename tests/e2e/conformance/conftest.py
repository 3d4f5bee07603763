"""Argo's own command line, built from its module, as its users have it: against the cluster, and through `tiphys server`."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.e2e.conftest import Cluster, ControllerProcess
from tests.e2e.server.client import Argo, serving


@pytest.fixture(scope="module")
def address(kubeconfig: str) -> Iterator[str]:
    with serving(kubeconfig, "--auth-mode", "client") as found:
        yield found


Flow = Callable[[Argo], None]


@pytest.fixture
def both(kubeconfig: str, controller: ControllerProcess, cluster: Cluster, address: str) -> Iterator[Callable[[Flow], None]]:
    """Does something both ways at once: through the server with the token of a service account that may do all."""
    other = Cluster(kubeconfig, f"e2e-{uuid.uuid4().hex[:8]}")
    other.kubectl("create", "namespace", other.namespace)
    other.kubectl("create", "serviceaccount", "user")
    other.kubectl("create", "clusterrolebinding", other.namespace, "--clusterrole=cluster-admin", f"--serviceaccount={other.namespace}:user")
    token = other.kubectl("create", "token", "user").strip()
    served = {"ARGO_SERVER": address, "ARGO_HTTP1": "true", "ARGO_SECURE": "false", "ARGO_TOKEN": f"Bearer {token}", "KUBECONFIG": "/dev/null"}
    ways = Argo(cluster.namespace, {"KUBECONFIG": kubeconfig}), Argo(other.namespace, served)

    def do(flow: Flow) -> None:
        with ThreadPoolExecutor(len(ways)) as pool:
            for done in [pool.submit(flow, way) for way in ways]:
                done.result()

    yield do
    other.kubectl("delete", "clusterrolebinding", other.namespace)
    other.kubectl("delete", "namespace", other.namespace, "--wait=false")
