"""The quick starts, applied as a newcomer does: one file, and workflows run, keep artifacts and are archived."""

import asyncio
import concurrent.futures
import json
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.e2e.chart import tutorial
from tests.e2e.conftest import ROOT, Cluster, ControllerProcess, run
from tests.e2e.server.client import Argo, Client, forwarded

IMAGES = {"postgres": "docker.io/library/postgres:15", "mariadb": "docker.io/library/mariadb:10.11", "minio": "docker.io/minio/minio:latest"}
STATUS = "workflows.argoproj.io/workflow-archiving-status"


def test_the_files_are_what_the_chart_gives() -> None:
    done = subprocess.run([ROOT / "deploy/quick-start/render", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def images(kubeconfig: str, image_archive: pathlib.Path) -> None:
    folder = pathlib.Path(run(ROOT / "tests/databases/images/build").stdout.strip())
    for name, image_name in IMAGES.items():
        run(ROOT / "tests/e2e/cluster/load-image", image_name, folder / name)
    version = next(line.split(":")[1].strip(' "') for line in (ROOT / "deploy/helm/tiphys/Chart.yaml").read_text().splitlines() if line.startswith("appVersion"))
    run(ROOT / "tests/e2e/cluster/load-image", f"quay.io/tiphys/tiphys:{version}", image_archive)


def until(reached: Callable[[], Any], story: Callable[[], str], seconds: float = 150) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = reached()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(story())


@pytest.fixture(params=["postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def started(database: str, kubeconfig: str, images: None, controller: ControllerProcess) -> Iterator[Cluster]:
    # the other tests' controller follows all namespaces, and would take these workflows, too
    controller.stop()
    one = Cluster(kubeconfig, "argo")
    one.kubectl("apply", "-f", ROOT / f"deploy/quick-start-{database}.yaml")
    yield one
    one.kubectl("delete", "namespace", "argo", "--timeout=90s")
    controller.start()


def workflow(name: str, template: dict[str, Any]) -> str:
    main = {"name": "main", **template}
    return json.dumps({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": {"entrypoint": "main", "templates": [main]},
    })  # fmt: skip


def asked_through_the_server(started: Cluster) -> None:
    """As the tutorials do once the port is forwarded: nobody has a token; parameters, the list, logs while they are printed."""
    script = "echo {{inputs.parameters.message}}; sleep 3; echo bye"
    template = {"name": "main", "inputs": {"parameters": [{"name": "message"}]}, "container": {"image": "alpine", "command": ["sh", "-c", script]}}
    arguments = {"parameters": [{"name": "message", "value": "hello from outside"}]}
    spec = {"entrypoint": "main", "arguments": arguments, "archiveLogs": True, "templates": [template]}
    wanted = {"metadata": {"generateName": "two-"}, "spec": spec}
    with forwarded(started.kubeconfig, "argo", "service/tiphys-server", 2746) as address:
        client = Client(f"https://{address}")
        name = client.submit("argo", wanted)
        assert name in [one["metadata"]["name"] for one in client.ask("GET", "/api/v1/workflows/argo")[1]["items"]]
        said = [line["result"]["content"] for line in client.lines(f"/api/v1/workflows/argo/{name}/log?logOptions.container=main&logOptions.follow=true")]
        assert said == ["hello from outside", "bye"]
        until(lambda: started.workflow(name)["status"].get("phase") == "Succeeded", lambda: json.dumps(started.workflow(name)))
        started.kubectl("delete", "pods", "-l", f"workflows.argoproj.io/workflow={name}")
        kept = [line["result"]["content"] for line in client.lines(f"/api/v1/workflows/argo/{name}/log?logOptions.container=main")]
        assert kept == said, "the pod is gone, its log is not"
        assert client.ask("GET", "/api/v1/workflows/elsewhere")[0] == 403


def read_from_the_archive_by_argo(started: Cluster, uid: str) -> None:
    """Argo's own command line finds what is no longer in the cluster."""
    token = started.kubectl("create", "token", "tiphys-server").strip()
    with forwarded(started.kubeconfig, "argo", "service/tiphys-server", 2746) as address:
        argo = Argo("argo", {
            "ARGO_SERVER": address, "ARGO_HTTP1": "true", "ARGO_SECURE": "true", "ARGO_INSECURE_SKIP_VERIFY": "true",
            "ARGO_TOKEN": f"Bearer {token}", "KUBECONFIG": "/dev/null",
        })  # fmt: skip
        assert "one" in argo.run("archive", "list")
        assert json.loads(argo.run("archive", "get", uid, "-o", "json"))["metadata"]["name"] == "one"
        assert "Succeeded" in argo.run("get", "one")
        assert "workflows.argoproj.io/phase" in argo.run("archive", "list-label-keys")


def test_one_apply_runs_keeps_artifacts_and_archives(started: Cluster, database: str) -> None:
    def story() -> str:
        pods = started.kubectl("get", "pods,statefulsets,workflows", "-o", "wide", check=False)
        logs = started.kubectl("logs", "-l", "app.kubernetes.io/instance=tiphys", "--tail=40", "--prefix", "--all-containers", check=False)
        return pods + started.kubectl("get", "events", check=False)[-3000:] + logs

    def ready() -> bool:
        pods = json.loads(started.kubectl("get", "pods", "-o", "json"))["items"]
        states = [one.get("status", {}).get("containerStatuses", [{"ready": False}])[0]["ready"] for one in pods]
        return len(states) == 4 and all(states)

    until(ready, story)
    saved = {"name": "out", "path": "/tmp/out.txt", "archive": {"none": {}}}  # noqa: S108
    started.kubectl("create", "-f", "-", stdin=workflow("one", {
        "container": {"image": "alpine", "command": ["sh", "-c", "echo kept > /tmp/out.txt"]}, "outputs": {"artifacts": [saved]},
    }))  # fmt: skip
    until(lambda: started.workflow("one")["metadata"].get("labels", {}).get(STATUS) == "Archived", story)
    live = started.workflow("one")
    assert live["status"]["phase"] == "Succeeded", live["status"]
    key = next(iter(live["status"]["nodes"].values()))["outputs"]["artifacts"][0]["s3"]["key"]
    assert key.endswith("/out.txt")
    started.kubectl("delete", "workflow", "one")
    asked_through_the_server(started)
    if database == "postgres":
        # the page knows nothing of what is behind the archive
        asyncio.run(tutorial.follow(started))
    inside = ("exec", "deploy/tiphys-controller", "--", "tiphys")
    assert json.loads(started.kubectl(*inside, "archive", "get", "one", "-o", "json"))["status"] == live["status"]
    # from this machine, which knows no Service of the cluster by its name
    with concurrent.futures.ThreadPoolExecutor() as pool:
        listed, got = (pool.submit(started.tiphys, "archive", *what) for what in (("list", "-o", "name"), ("get", "one", "-o", "json")))
    assert "one" in listed.result().split()
    assert json.loads(got.result())["status"] == live["status"]
    read_from_the_archive_by_argo(started, live["metadata"]["uid"])
