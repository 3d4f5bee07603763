"""What tutorials teach: open the page, submit from a template, see it run, read each step's logs while it runs and after its pod is gone."""

import asyncio
import json
import pathlib
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.e2e.conftest import ROOT, TIPHYS, Cluster, run
from tests.servers.browser import Visit, chromium, install_browser, visit
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.network import Network
from tests.servers.process import free_port, running

BRIDGE = "10.88.0.1"
# a step says something, and goes on when it is told to
STEP = 'echo "{{inputs.parameters.step}} says hello {{workflow.parameters.whom}}"; until [ -e /tmp/go ]; do sleep 0.2; done; echo done'
TEMPLATE: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "WorkflowTemplate",
    "metadata": {"name": "greeting"},
    "spec": {
        "entrypoint": "main",
        "archiveLogs": True,
        "podGC": {"strategy": "OnPodCompletion", "deleteDelayDuration": "0s"},
        "arguments": {"parameters": [{"name": "whom", "description": "Who is greeted."}]},
        "templates": [
            {"name": "main", "steps": [[_step] for _step in (
                {"name": name, "template": "say", "arguments": {"parameters": [{"name": "step", "value": name}]}}
                for name in ("first", "second")
            )]},
            {"name": "say", "inputs": {"parameters": [{"name": "step"}]},
             "container": {"image": "alpine", "command": ["sh", "-c", STEP], "imagePullPolicy": "IfNotPresent"}},
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    subprocess.run([ROOT / "tests/servers/packages"], check=True, capture_output=True)
    install_browser()


@pytest.fixture
def store(tmp_path: pathlib.Path) -> Iterator[Minio]:
    for one in (tmp_path, *list(tmp_path.parents)[:3]):
        one.chmod(one.stat().st_mode | 0o011)
    with minio(tmp_path / "store", host=BRIDGE) as made:
        made.make_bucket("artifacts")
        yield made


@pytest.fixture
def ready(cluster: Cluster, store: Minio) -> Cluster:
    """A namespace with a place for logs, and a template."""
    keys = {"accessKeySecret": {"name": "store", "key": "access"}, "secretKeySecret": {"name": "store", "key": "secret"}}
    repository = {"s3": {"endpoint": store.endpoint, "insecure": True, "bucket": "artifacts", **keys}}
    items = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "store"}, "stringData": {"access": KEYS.access, "secret": KEYS.secret}},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"main": json.dumps(repository)},
         "metadata": {"name": "artifact-repositories", "annotations": {"workflows.argoproj.io/default-artifact-repository": "main"}}},
        TEMPLATE,
    ]  # fmt: skip
    cluster.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return cluster


@pytest.fixture
async def desk(ready: Cluster, tmp_path: pathlib.Path) -> AsyncIterator[Visit]:
    """Somebody who opens the page of a server of the real cluster."""
    port = free_port()
    command: list[object] = [*TIPHYS, "server", "--auth-mode", "server", "--port", port, "--kubeconfig", ready.kubeconfig]
    network = Network()
    with running(command, port, tmp_path / "server.log"):
        async with network.reached(port), chromium(network, tmp_path) as browser, visit(browser, f"http://127.0.0.1:{port}") as one:
            yield one
    network.close()


def _node(workflow: dict[str, Any], name: str) -> dict[str, Any]:
    found = [one for one in workflow.get("status", {}).get("nodes", {}).values() if one["displayName"] == name]
    return found[0] if found else {}


def _let_go(cluster: Cluster, workflow: str, name: str) -> None:
    """The step is running; tell it to go on."""
    found = cluster.wait_until(workflow, lambda one: _node(one, name).get("phase") == "Running")
    pod = next(
        one["metadata"]["name"]
        for one in json.loads(cluster.kubectl("get", "pods", "-o", "json"))["items"]
        if one["metadata"]["annotations"]["workflows.argoproj.io/node-id"] == _node(found, name)["id"]
    )
    cluster.kubectl("exec", pod, "-c", "main", "--", "touch", "/tmp/go")  # noqa: S108


def _pods_are_gone(cluster: Cluster) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not json.loads(cluster.kubectl("get", "pods", "-o", "json"))["items"]:
            return
        time.sleep(0.2)
    raise AssertionError(cluster.kubectl("get", "pods"))


async def _read_logs(desk: Visit, name: str, picture: str) -> None:
    await desk.page.locator(f'[data-id][aria-label^="{name},"]').click()
    panel = desk.page.get_by_role("complementary", name=f"Node {name}")
    await panel.get_by_role("tab", name="Logs").click()
    await panel.get_by_role("log").get_by_text(f"{name} says hello Ada").wait_for()
    assert desk.place.endswith("panel=logs"), "who gets the address sees the same"
    await desk.picture(picture)
    await desk.button("Close the panel").click()


async def test_a_template_is_submitted_seen_running_and_its_logs_are_read_while_it_runs_and_after_its_pods_are_gone(
    ready: Cluster, desk: Visit
) -> None:
    await desk.open(f"/templates/{ready.namespace}/greeting?tab=submit")
    form = desk.page.get_by_role("form", name="Submit greeting")
    await form.get_by_label("whom").fill("Ada")
    await form.get_by_role("button", name="Submit").click()
    await desk.page.wait_for_url(f"**/workflows/{ready.namespace}/*")
    name = desk.place.rpartition("/")[2]
    for step in ("first", "second"):
        await desk.page.locator(f'[data-id][aria-label^="{step}, Running"]').wait_for(timeout=90_000)
        await _read_logs(desk, step, f"cluster-{step}-running")
        await asyncio.to_thread(_let_go, ready, name, step)
        await desk.page.locator(f'[data-id][aria-label^="{step}, Succeeded"]').wait_for(timeout=90_000)
    await desk.page.get_by_role("heading", level=1).locator("..").get_by_text("Succeeded").wait_for()
    await asyncio.to_thread(_pods_are_gone, ready)
    await desk.open(f"/workflows/{ready.namespace}/{name}")
    for step in ("first", "second"):
        await _read_logs(desk, step, f"cluster-{step}-gone")
    await desk.open("/workflows")
    await desk.link(name).wait_for()
    done = await asyncio.to_thread(run, *TIPHYS, "get", name, "-n", ready.namespace, "--kubeconfig", ready.kubeconfig)
    assert "Succeeded" in done.stdout
