"""The commands about the archive and the database, as users call them; the cluster is a small API server, the databases are real."""

import asyncio
import base64
import json
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.databases import argo
from tests.databases.servers import PASSWORD, Server
from tests.integration.archive.conftest import NAMESPACE, World, eventually
from tests.integration.archive.test_packing import ALWAYS, SMALL, many, status
from tests.servers.minio import KEYS, Minio, minio

from tiphys.artifacts.s3 import S3Driver
from tiphys.local.objects import Place
from tiphys.model.base import KeySelector
from tiphys.model.locations import S3Artifact
from tiphys.settings.environment import Environment
from tiphys.testing.apiserver import Ending


@pytest.fixture
def server(servers: dict[str, Server]) -> Server:
    """PostgreSQL: what is tested here does not depend on the kind of database, which tests/contract/archive sees to."""
    return servers["postgresql"]


class Shell:
    """`tiphys` as a process."""

    def __init__(self, world: World, folder: pathlib.Path) -> None:
        self.world = world
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(json.dumps({
            "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "namespace": NAMESPACE}}],
            "clusters": [{"name": "c", "cluster": {"server": world.api_server.address}}],
        }))  # fmt: skip

    async def __call__(self, *arguments: str, code: int = 0, **environment: str) -> str:
        shown = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "COLUMNS": "200", **environment}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tiphys", *arguments, env=shown, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, error = (text.decode() for text in await process.communicate())
        assert process.returncode == code, f"exit {process.returncode}\n{out}\n{error}"
        assert PASSWORD not in out + error
        return out + error


@pytest.fixture
def shell(world: World, tmp_path: pathlib.Path) -> Shell:
    place = {"host": world.server.host, "port": world.server.port, "database": world.name,
             "userNameSecret": {"name": "db", "key": "username"}, "passwordSecret": {"name": "db", "key": "password"}}  # fmt: skip
    text = json.dumps({"archive": True, "nodeStatusOffLoad": True, world.server.kind: place})
    world.api_server.store.create(
        Place("api/v1", "configmaps", NAMESPACE, "workflow-controller-configmap"),
        {"kind": "ConfigMap", "metadata": {"name": "workflow-controller-configmap"}, "data": {"persistence": text}},
    )
    return Shell(world, tmp_path)


async def gone(world: World, name: str) -> str:
    """The uid of a workflow that was archived and deleted."""
    await eventually(lambda: world.status(name) == "Archived")
    uid: str = world.workflow(name)["metadata"]["uid"]
    world.api_server.store.delete(world.place(name))
    return uid


async def test_archived_workflows_are_listed_shown_and_forgotten(world: World, shell: Shell) -> None:
    await world.start()
    for number in range(3):
        world.submit(f"w-{number}", labels={"team": f"t{number % 2}"})
    uids = [await gone(world, f"w-{number}") for number in range(3)]
    listed = await shell("archive", "list")
    assert all(f"w-{number}" in listed for number in range(3))
    selected, two, by_name, by_uid = await asyncio.gather(
        shell("archive", "list", "-l", "team=t1", "-o", "name"),
        shell("archive", "list", "--limit", "2", "-o", "name"),
        shell("archive", "get", "w-0", "-o", "json"),
        shell("archive", "get", uids[1], "--uid", "-o", "json"),
    )
    assert selected.split() == ["w-1"]
    assert two.count("w-") == 2
    assert json.loads(by_name)["metadata"]["uid"] == uids[0]
    assert json.loads(by_uid)["metadata"]["name"] == "w-1"
    assert "Succeeded" in await shell("archive", "get", "w-2")
    assert (await shell("archive", "list-label-keys")).split() == [
        "team", "workflows.argoproj.io/completed", "workflows.argoproj.io/phase", "workflows.argoproj.io/workflow-archiving-status"
    ]  # fmt: skip
    assert (await shell("archive", "list-label-values", "-l", "team")).split() == ["t0", "t1"]
    assert "deleted" in await shell("archive", "delete", "w-0")
    assert "no workflow w-0" in await shell("archive", "get", "w-0", code=1)
    assert (await shell("archive", "list", "-o", "name")).count("w-") == 2


async def test_get_shows_what_is_only_in_the_archive(world: World, shell: Shell) -> None:
    await world.start()
    world.submit("w")
    await gone(world, "w")
    assert "Succeeded" in await shell("get", "w")
    assert "not found" in await shell("get", "nobody", code=1)


@pytest.fixture
def store(tmp_path: pathlib.Path) -> Iterator[Minio]:
    with minio(tmp_path / "minio") as one:
        one.make_bucket("logs")
        yield one


async def test_the_log_of_a_workflow_that_is_only_in_the_archive_is_shown_from_its_store(world: World, shell: Shell, store: Minio) -> None:
    keys = {"accessKeySecret": {"name": "store", "key": "access"}, "secretKeySecret": {"name": "store", "key": "secret"}}
    data = {"access": base64.b64encode(KEYS.access.encode()).decode(), "secret": base64.b64encode(KEYS.secret.encode()).decode()}
    world.api_server.store.create(Place("api/v1", "secrets", NAMESPACE, "store"), {"kind": "Secret", "metadata": {"name": "store"}, "data": data})
    driver = S3Driver(
        S3Artifact(endpoint=store.endpoint, insecure=True, bucket="logs", access_key_secret=KeySelector(name="store", key="access"),
                   secret_key_secret=KeySelector(name="store", key="secret")),
        lambda selector: base64.b64decode(data[selector.key]),
    )  # fmt: skip
    await asyncio.to_thread(driver.save, "w/main.log", [b"said before it went\n", b"and more"])
    at = "2026-01-02T03:04:05Z"
    log = {"name": "main-logs", "s3": {"key": "w/main.log"}}
    node = {"id": "w", "name": "w", "displayName": "w", "type": "Pod", "phase": "Succeeded", "templateName": "main", "startedAt": at, "finishedAt": at,
            "outputs": {"artifacts": [log]}}  # fmt: skip
    kept = {"artifactRepository": {"s3": {"endpoint": store.endpoint, "insecure": True, "bucket": "logs", **keys}}, "default": True}
    world.submit("w", suspend=True)
    labels = {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/workflow-archiving-status": "Pending"}
    status = {"phase": "Succeeded", "startedAt": at, "finishedAt": at, "nodes": {"w": node}, "artifactRepositoryRef": kept}
    world.api_server.store.patch(world.place("w"), {"metadata": {"labels": labels}, "status": status})
    await world.start()
    await gone(world, "w")
    shown = await shell("logs", "w")
    assert shown == "w: said before it went\nw: and more\n"
    assert await shell("logs", "w", "--grep", "more") == "w: and more\n"


async def test_an_archived_workflow_is_resubmitted_and_runs(world: World, shell: Shell) -> None:
    await world.start()
    world.submit("w", labels={"team": "a"})
    await gone(world, "w")
    assert "give names" in await shell("archive", "resubmit", code=1)
    name = (await shell("archive", "resubmit", "-l", "team=a", "--priority", "7", "-o", "name")).strip()
    assert name.startswith("w-")
    assert world.workflow(name)["spec"]["priority"] == 7
    await eventually(lambda: world.status(name) == "Archived")
    labels = world.workflow(name)["metadata"]["labels"]
    assert labels["team"] == "a"
    assert labels["workflows.argoproj.io/resubmitted-from-workflow"] == "w"


async def test_an_archived_workflow_that_failed_is_retried_in_its_name(world: World, shell: Shell) -> None:
    endings = [1, 0]
    world.api_server.kubelet.behave = lambda _pod: Ending(exit_code=endings.pop(0))
    await world.start()
    world.submit("w")
    uid = await gone(world, "w")
    await shell("archive", "retry", "--field-selector", "metadata.name=w")
    await eventually(lambda: world.status("w") == "Archived")
    again = world.workflow("w")
    assert again["status"]["phase"] == "Succeeded"
    assert again["metadata"]["uid"] != uid
    assert "still there" in await shell("archive", "retry", uid, "--uid", code=1)


@pytest.mark.parametrize("environment", [SMALL, ALWAYS], ids=["compressed", "offloaded"])
async def test_packed_nodes_are_shown_and_edited(world: World, shell: Shell, environment: Environment) -> None:
    await world.start(environment)
    many(world, "held", 100, gate=True)
    await eventually(lambda: status(world, "held").get("compressedNodes") or status(world, "held").get("offloadNodeStatusVersion"))
    shown: dict[str, Any] = {}
    async with asyncio.timeout(30):
        while not any(node["type"] == "Suspend" for node in shown.get("status", {}).get("nodes", {}).values()):
            shown = json.loads(await shell("get", "held", "-o", "json"))
    assert len(shown["status"]["nodes"]) >= 102
    await shell("resume", "held")
    await eventually(lambda: world.status("held") == "Archived")
    assert status(world, "held")["phase"] == "Succeeded"


async def test_the_schema_is_made_told_and_converted(world: World, shell: Shell) -> None:
    assert "not migrated" in await shell("db", "status", code=1)
    assert "0005 of 0005" in await shell("db", "migrate")
    world.server.sql("\n".join(argo.insert(world.server.kind, number) for number in range(1, 4)), world.name)
    assert "to convert:   3" in await shell("db", "status")
    assert "3 of 3" in await shell("db", "convert")
    assert "nothing to convert" in await shell("db", "convert")


async def test_a_database_is_named_without_a_cluster(world: World, shell: Shell) -> None:
    kind = "postgresql" if world.server.kind == "postgresql" else "mysql"
    address = f"{kind}://tiphys@{world.server.host}:{world.server.port}/{world.name}"
    nowhere = {"KUBECONFIG": "/nowhere", "TIPHYS_DATABASE_PASSWORD": PASSWORD}
    await shell("db", "migrate", "--database", address, **nowhere)
    world.server.sql(argo.insert(world.server.kind, 1), world.name)
    assert (await shell("archive", "list", "-o", "name", TIPHYS_DATABASE=address, **nowhere)).strip() == "argo-1"


async def test_without_a_database_the_error_says_what_to_give(world: World, tmp_path: pathlib.Path) -> None:
    said = await Shell(world, tmp_path)("archive", "list", code=1)
    assert "names none" in said
    assert "--database" in said

