"""Stores and servers on the bridge that the cluster's pods reach: MinIO twice (one of them goes away in the middle), git over HTTP and SSH.

All workflows of the module are submitted first and run at the same time; each test waits for its own.
"""

import base64
import json
import subprocess
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import yaml
from tests.e2e.conftest import INSTANCE, INSTANCE_LABEL, ROOT, Cluster, ControllerProcess, run
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.nginx import PASSWORD, USER, Nginx, nginx
from tests.servers.process import free_port
from tests.servers.repository import Repository, SSHServer, sshd

BRIDGE = "10.88.0.1"
WRONG = "wrong-canary-" + "x" * 8


class Servers(NamedTuple):
    store: Minio
    web: Nginx
    ssh: SSHServer
    repository: Repository


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    subprocess.run([ROOT / "tests/servers/packages"], check=True, capture_output=True)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, kubeconfig: str) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    for one in (folder, *list(folder.parents)[:3]):
        one.chmod(one.stat().st_mode | 0o011)
    (folder / "git").mkdir()
    repository = Repository(folder / "git")
    with (
        minio(folder / "store", host=BRIDGE) as store,
        nginx(folder / "web", host=BRIDGE, repos=repository.folder) as web,
        sshd(folder / "ssh", repository.folder, host=BRIDGE) as ssh,
    ):
        store.make_bucket("artifacts")
        yield Servers(store, web, ssh, repository)


class Outage:
    """A store that can be taken away and brought back, at the same address with the same content."""

    def __init__(self, folder: Any) -> None:
        self.folder, self.port = folder, free_port(BRIDGE)
        self._running: Any = None
        self.start()

    def start(self) -> Minio:
        self._running = minio(self.folder, host=BRIDGE, port=self.port)
        return self._running.__enter__()

    def stop(self) -> None:
        self._running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def outage(tmp_path_factory: pytest.TempPathFactory, kubeconfig: str) -> Iterator[Outage]:
    folder = tmp_path_factory.mktemp("outage")
    (folder / "data/artifacts").mkdir(parents=True)
    one = Outage(folder)
    yield one
    one.stop()


def secret(name: str, **values: str) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def s3(endpoint: str, *, keys: str = "store", **more: Any) -> dict[str, Any]:
    return {"endpoint": endpoint, "insecure": True, "bucket": "artifacts", "accessKeySecret": {"name": keys, "key": "access"},
            "secretKeySecret": {"name": keys, "key": "secret"}, **more}  # fmt: skip


class Space(Cluster):
    """A namespace whose workflows are those of the controller of these tests."""

    def submit(self, *arguments: object) -> str:
        return self.tiphys("submit", *arguments, "--instanceid", INSTANCE)

    def create(self, path: str) -> str:
        manifest = yaml.safe_load((ROOT / path).read_text())
        manifest["metadata"].setdefault("labels", {})[INSTANCE_LABEL] = INSTANCE
        made = self.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(manifest))
        return str(json.loads(made)["metadata"]["name"])


@pytest.fixture(scope="module")
def space(kubeconfig: str, keeper: ControllerProcess, servers: Servers, outage: Outage) -> Iterator[Space]:
    """A namespace with the secrets, and the repositories as its ConfigMap names them; `main` is the default."""
    one = Space(kubeconfig, f"e2e-{uuid.uuid4().hex[:8]}")
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", one.namespace)
    repositories = {
        "main": {"s3": s3(servers.store.endpoint)},
        "outage": {"s3": s3(f"{BRIDGE}:{outage.port}")},
        "wrong-keys": {"s3": s3(servers.store.endpoint, keys="wrong")},
        "no-bucket": {"s3": {**s3(servers.store.endpoint), "bucket": "no-such-bucket"}},
    }
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {name: json.dumps(one) for name, one in repositories.items()},
              "metadata": {"name": "artifact-repositories", "annotations": {"workflows.argoproj.io/default-artifact-repository": "main"}}}  # fmt: skip
    secrets = [
        secret("store", access=KEYS.access, secret=KEYS.secret),
        secret("wrong", access=KEYS.access, secret=WRONG),
        secret("git", username=USER, password=PASSWORD),
        secret("ssh", key=servers.ssh.key),
    ]
    one.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": [config, *secrets]}))
    yield one
    run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", one.namespace, "--wait=false", "--ignore-not-found")


Submit = Callable[..., None]


@pytest.fixture(scope="module")
def submit(space: Space) -> Submit:
    def create(name: str, templates: list[dict[str, Any]], **spec: Any) -> None:
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "labels": {INSTANCE_LABEL: INSTANCE}}}
        body = {**kind, "spec": {"entrypoint": templates[0]["name"], "templates": templates, **spec}}
        space.kubectl("create", "-f", "-", stdin=json.dumps(body))

    return create
