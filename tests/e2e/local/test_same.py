"""Every example on this machine, as processes and with podman, and on a real cluster: the same nodes with the same ends.

Podman gets the stand-in images that the cluster's registry is filled with; stores, repositories, the registry with a login and
the cluster that resource templates act on are the same for all three.
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
import yaml
from tests.e2e.artifacts.conftest import BRIDGE, s3
from tests.e2e.conftest import HOME, ROOT, Cluster, ControllerProcess, run
from tests.servers.minio import KEYS, minio
from tests.servers.nginx import PASSWORD, USER, nginx
from tests.servers.repository import Repository, sshd

Nodes = dict[str, tuple[str, str]]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.yaml") if not path.stem.endswith(".test"))
FAILING = ("retry-on-error",)
NOT_AS_PROCESSES = {"sidecar-nginx": "what image 'nginx:1.13' runs by itself is not known without a container runtime"}
"""Examples that need an image -> what is said instead of running them."""


class Outside(NamedTuple):
    """What is beside the workflows.

    Attributes:
        objects: Secrets and the artifact repository.
        parameters: Example -> its parameters.
    """

    objects: list[dict[str, Any]]
    parameters: dict[str, dict[str, str]]


class Here:
    """This machine, with a home of the tests' own."""

    def __init__(self, home: pathlib.Path, outside: Outside, kubeconfig: pathlib.Path) -> None:
        limits = home / "containers.conf"
        # a container may not raise limits where this machine's own are lower
        limits.write_text('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
        registries = home / "registries.conf"
        registries.write_text(f'unqualified-search-registries = ["docker.io"]\n[[registry]]\nlocation = "{BRIDGE}:5001"\ninsecure = true\n')
        self._given = home / "given.yaml"
        self._given.write_text(yaml.safe_dump_all(outside.objects))
        self._outside = outside
        self.environment = {
            **os.environ, "TIPHYS_HOME": str(home / "tiphys"), "CONTAINERS_CONF": str(limits), "CONTAINERS_REGISTRIES_CONF": str(registries),
            "KUBECONFIG": str(kubeconfig), "PATH": f"{os.environ['PATH']}:/usr/games",
        }  # fmt: skip

    def run(self, name: str, runtime: str) -> dict[str, Any]:
        """The workflow, ended."""
        command = [sys.executable, "-m", "tiphys", "run", f"examples/{name}.yaml", "--with", str(self._given), "--runtime", runtime, "-o", "json"]
        for key, value in self._outside.parameters.get(name, {}).items():
            command += ["-p", f"{key}={value}"]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == int(found["status"]["phase"] != "Succeeded")
        return found


def tree(workflow: dict[str, Any]) -> Nodes:
    """Display name -> type and phase; of two branches that a coin decides, the phase is the name."""
    own, found = workflow["metadata"]["name"], workflow["status"]["nodes"].values()
    named = {re.sub(f"^{own}", "", node["displayName"]): (node["type"], node["phase"]) for node in found}
    return {phase if name in ("heads", "tails") else name: (kind, phase) for name, (kind, phase) in named.items()}


def messages(runs: dict[str, Future[dict[str, Any]]]) -> list[str]:
    """What the nodes of runs say of themselves."""
    nodes = [node for run in runs.values() for node in run.result()["status"]["nodes"].values()]
    return [f"{node['name']}: {node['message']}" for node in nodes if node.get("message")]


def secret(name: str, **values: str) -> dict[str, Any]:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """MinIO, git over HTTP and SSH, and logins for them and for the registry, where pods reach them, too."""
    for packages in ("servers", "e2e/cluster"):
        subprocess.run([ROOT / "tests" / packages / "packages"], check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("servers")
    for one in (folder, *list(folder.parents)[:3]):
        one.chmod(one.stat().st_mode | 0o011)
    (folder / "git").mkdir()
    repository = Repository(folder / "git")
    words = dict(line.split("=") for line in (HOME / "private-registry.env").read_text().split())
    login = base64.b64encode(f"{words['username']}:{words['password']}".encode()).decode()
    logins = json.dumps({"auths": {words["server"]: {"auth": login}}})
    with (
        minio(folder / "store", host=BRIDGE) as store,
        nginx(folder / "web", host=BRIDGE, repos=repository.folder) as web,
        sshd(folder / "ssh", repository.folder, host=BRIDGE) as ssh,
    ):
        store.make_bucket("artifacts")
        repositories = {
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"main": json.dumps({"s3": s3(store.endpoint)})},
            "metadata": {"name": "artifact-repositories", "annotations": {"workflows.argoproj.io/default-artifact-repository": "main"}},
        }  # fmt: skip
        secrets = [
            secret("store", access=KEYS.access, secret=KEYS.secret), secret("git-credentials", username=USER, password=PASSWORD),
            secret("git-key", **{"ssh-private-key": ssh.key}),
            {**secret("docker-registry-secret", **{".dockerconfigjson": logins}), "type": "kubernetes.io/dockerconfigjson"},
        ]  # fmt: skip
        yield Outside([repositories, *secrets], {
            "git-input": {"repo": f"{web.url}/private/app.git", "revision": "v1.0"},
            "git-input-ssh": {"repo": ssh.url("app.git"), "revision": "feature/x"},
        })  # fmt: skip


@pytest.fixture(scope="module")
def place(kubeconfig: str, controller: ControllerProcess, outside: Outside) -> Iterator[Cluster]:
    """A namespace with what the examples need."""
    one = Cluster(kubeconfig, f"e2e-{uuid.uuid4().hex[:8]}")
    run("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", one.namespace)
    one.apply(yaml.safe_dump_all(outside.objects))
    one.kubectl("create", "role", "jobs", "--verb=create,get", "--resource=jobs.batch")
    one.kubectl("create", "rolebinding", "jobs", "--role=jobs", f"--serviceaccount={one.namespace}:default")
    yield one
    run("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", one.namespace, "--wait=false")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, outside: Outside, place: Cluster) -> Here:
    home = tmp_path_factory.mktemp("home")
    access = yaml.safe_load(pathlib.Path(place.kubeconfig).read_text())
    for context in access["contexts"]:
        context["context"]["namespace"] = place.namespace
    (home / "kubeconfig").write_text(yaml.safe_dump(access))
    made = Here(home, outside, home / "kubeconfig")
    layout = subprocess.run([ROOT / "tests/e2e/cluster/images/build"], check=True, capture_output=True, text=True).stdout.strip()
    for image in set().union(*(images(yaml.safe_load((ROOT / f"examples/{name}.yaml").read_text())) for name in EXAMPLES)):
        if image.startswith(BRIDGE):
            # what is there already is not pulled
            subprocess.run(["podman", "rmi", "--force", "--ignore", image], check=True, env=made.environment, capture_output=True)
            continue
        full = image if "/" in image else f"library/{image}"
        full = full if ":" in full else f"{full}:latest"
        source, target = f"oci:{layout}:{full}", f"containers-storage:docker.io/{full}"
        subprocess.run(["skopeo", "copy", "-q", source, target], check=True, env=made.environment)
    return made


def images(part: Any) -> set[str]:
    """Every image that a manifest names."""
    if isinstance(part, dict):
        own = {part["image"]} if isinstance(part.get("image"), str) else set()
        return own.union(*(images(one) for one in part.values()))
    return set().union(*(images(one) for one in part)) if isinstance(part, list) else set()


def start(place: Cluster, name: str, parameters: dict[str, str]) -> str:
    """Create an example in the tests' namespace, whatever its own is; its name, for a schedule empty."""
    manifest = yaml.safe_load((ROOT / f"examples/{name}.yaml").read_text())
    manifest["metadata"].pop("namespace", None)
    for one in manifest["spec"].get("arguments", {}).get("parameters", ()):
        one["value"] = parameters.get(one["name"], one.get("value"))
    made = json.loads(place.kubectl("create", "-f", "-", "-o", "json", stdin=yaml.safe_dump(manifest)))
    return str(made["metadata"]["name"]) if manifest["kind"] == "Workflow" else ""


def ended_there(place: Cluster, created: str, example: str) -> dict[str, Any]:
    """An example on the cluster, ended; of a schedule, its first."""
    end = time.monotonic() + 90
    while not created:
        assert time.monotonic() < end, f"nothing came of {example}"
        time.sleep(0.5)
        created = place.kubectl("get", "workflows", "-l", f"workflows.argoproj.io/cron-workflow={example}", "-o", "name").split("\n")[0]
    return place.finished(created.rpartition("/")[2])


def test_every_example_has_the_same_nodes_as_processes_and_with_podman_as_on_the_cluster(place: Cluster, here: Here, outside: Outside) -> None:
    created = {name: start(place, name, outside.parameters.get(name, {})) for name in EXAMPLES}
    with ThreadPoolExecutor(2) as pool:
        with_podman = {name: pool.submit(here.run, name, "podman") for name in EXAMPLES}
        as_processes = {name: pool.submit(here.run, name, "process") for name in EXAMPLES}
    there = {name: tree(ended_there(place, its, name)) for name, its in created.items()}
    assert {name for name, found in there.items() if found[""][1] != "Succeeded"} == set(FAILING)
    assert {name: tree(found.result()) for name, found in with_podman.items()} == there, messages(with_podman)
    ran = {name: found.result() for name, found in as_processes.items()}
    for name, said in NOT_AS_PROCESSES.items():
        assert said in ran[name]["status"]["message"]
    assert {name: tree(ran[name]) for name in EXAMPLES if name not in NOT_AS_PROCESSES} == {
        name: found for name, found in there.items() if name not in NOT_AS_PROCESSES
    }
    jobs = json.loads(place.kubectl("get", "jobs", "-o", "json"))["items"]
    assert [job["status"].get("succeeded") for job in jobs] == [1, 1, 1]


OWNED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: owned}
spec:
  entrypoint: main
  templates:
  - name: main
    resource:
      action: create
      setOwnerReference: true
      manifest: "{apiVersion: v1, kind: ConfigMap, metadata: {name: owned}}"
"""


def test_what_a_workflow_of_this_machine_cannot_own_or_reach_is_refused(here: Here, place: Cluster, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(OWNED)

    def tiphys(**environment: str) -> str:
        command = [sys.executable, "-m", "tiphys", "run", str(file), "--runtime", "process"]
        done = subprocess.run(command, env={**here.environment, **environment}, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        return done.stdout + done.stderr

    said = tiphys()
    assert f"namespace {place.namespace}" in said
    assert "a workflow of this machine can own nothing in a cluster" in said
    assert place.kubectl("get", "configmap", "owned", "--ignore-not-found") == ""
    file.write_text(OWNED.replace("setOwnerReference: true", "setOwnerReference: false"))
    said = tiphys(KUBECONFIG=str(tmp_path / "none"))
    assert f"resource templates act on a cluster, and there is none: no kubeconfig at {tmp_path}/none" in said
    assert place.kubectl("get", "configmap", "owned", "--ignore-not-found") == ""
