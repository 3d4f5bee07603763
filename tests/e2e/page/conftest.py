"""The page in a real browser, over a real cluster: a namespace with a controller, a store, an archive in PostgreSQL, and a server."""

import asyncio
import contextlib
import json
import pathlib
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
import yaml
from playwright.async_api import Browser
from tests.databases.servers import PASSWORD, Postgres, install
from tests.e2e.conftest import ROOT, TIPHYS, Cluster, ControllerProcess, run
from tests.servers.browser import Visit, chromium, install_browser, visit
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.network import Network
from tests.servers.process import free_port, running

BRIDGE = "10.88.0.1"
WORKFLOWS = pathlib.Path(__file__).parent / "workflows.yaml"
Json = dict[str, Any]


class Site:
    """What the page shows.

    Attributes:
        cluster: kubectl in the namespace of the tests.
        address: A server: whoever brings no token acts with its rights.
        network: The browser's, where the server is reached at the same address.
    """

    def __init__(self, cluster: Cluster, port: int, network: Network) -> None:
        self.cluster, self.network = cluster, network
        self.namespace = cluster.namespace
        self.address = f"http://127.0.0.1:{port}"

    def read(self, name: str, kind: str = "workflow") -> Json:
        """An object as it is stored now; empty where there is none."""
        said = self.cluster.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(said) if said.strip() else {}

    async def until(self, name: str, reached: Callable[[Json], object], kind: str = "workflow", seconds: float = 60) -> Json:
        """The object, once it is as it should be."""
        end = time.monotonic() + seconds
        while True:
            found = await asyncio.to_thread(self.read, name, kind)
            if reached(found):
                return found
            assert time.monotonic() < end, json.dumps(found.get("status", found), indent=1)[:3000]
            await asyncio.sleep(0.2)

    async def ended(self, name: str, phase: str = "Succeeded") -> Json:
        return await self.until(name, lambda one: one.get("status", {}).get("phase") == phase)

    async def archived(self, name: str) -> Json:
        """The workflow, once the archive has it."""
        status = "workflows.argoproj.io/workflow-archiving-status"
        return await self.until(name, lambda one: one["metadata"].get("labels", {}).get(status) == "Archived")


def _manifests(store: Minio, database: Postgres) -> list[Json]:
    """What a namespace needs for a store and an archive; and what the tests act on."""
    keys = {"accessKeySecret": {"name": "store", "key": "access"}, "secretKeySecret": {"name": "store", "key": "secret"}}
    repository = {"s3": {"endpoint": store.endpoint, "insecure": True, "bucket": "artifacts", **keys}}
    login = {"userNameSecret": {"name": "db", "key": "username"}, "passwordSecret": {"name": "db", "key": "password"}}
    place = {"host": database.host, "port": database.port, "database": "tiphys", **login}
    configuration = {
        "persistence": json.dumps({"archive": True, "postgresql": place}),
        "artifactRepository": json.dumps(repository),
    }
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "store"}, "stringData": {"access": KEYS.access, "secret": KEYS.secret}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"username": "tiphys", "password": PASSWORD}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "workflow-controller-configmap"}, "data": configuration},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"}},
    ]  # fmt: skip


def _own_kubeconfig(kubeconfig: str, folder: pathlib.Path, namespace: str) -> str:
    config = json.loads(pathlib.Path(kubeconfig).read_text())
    for context in config["contexts"]:
        context["context"]["namespace"] = namespace
    (folder / "kubeconfig").write_text(json.dumps(config))
    return str(folder / "kubeconfig")


@contextlib.contextmanager
def _namespace(kubeconfig: str, folder: pathlib.Path) -> Iterator[Cluster]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", name)
    try:
        yield Cluster(_own_kubeconfig(kubeconfig, folder, name), name)
    finally:
        run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", name, "--wait=false")


@contextlib.contextmanager
def _controlled(cluster: Cluster, image: str, folder: pathlib.Path) -> Iterator[None]:
    process = ControllerProcess(cluster.kubeconfig, image, folder / "controller.log", "--managed-namespace", cluster.namespace)
    try:
        yield
    finally:
        code = process.stop()
    assert code == 0
    assert "broke the controller" not in process.log.read_text()


@contextlib.contextmanager
def _database() -> Iterator[Postgres]:
    install()
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def site(kubeconfig: str, image: str, controller: ControllerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    subprocess.run([ROOT / "tests/servers/packages"], check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("page")
    for one in (folder, *list(folder.parents)[:3]):
        one.chmod(one.stat().st_mode | 0o011)
    with contextlib.ExitStack() as stack:
        # it follows all namespaces, and would take these workflows, too
        controller.stop()
        stack.callback(controller.start)
        store = stack.enter_context(minio(folder / "store", host=BRIDGE))
        store.make_bucket("artifacts")
        database = stack.enter_context(_database())
        cluster = stack.enter_context(_namespace(kubeconfig, folder))
        cluster.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": _manifests(store, database)}))
        stack.enter_context(_controlled(cluster, image, folder))
        cluster.apply(WORKFLOWS.read_text())
        port = free_port()
        modes = ("--auth-mode", "server", "--auth-mode", "client")
        command: list[object] = [*TIPHYS, "server", *modes, "--port", port, "--kubeconfig", cluster.kubeconfig]
        stack.enter_context(running(command, port, folder / "server.log"))
        network = Network()
        stack.callback(network.close)
        yield Site(cluster, port, network)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(site: Site, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    await asyncio.to_thread(install_browser)
    port = int(site.address.rpartition(":")[2])
    async with site.network.reached(port), chromium(site.network, tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def desk(site: Site, browser: Browser) -> AsyncIterator[Visit]:
    """Somebody who opens the page."""
    async with visit(browser, site.address) as one:
        yield one


def manifest(kind: str, name: str, spec: Json) -> str:
    """As somebody would write it into the page."""
    return yaml.safe_dump({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}, sort_keys=False)
