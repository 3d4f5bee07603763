"""Artifacts of runs of this machine in real stores: MinIO by S3, git by HTTP with a password and by SSH with a key."""

import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.integration.local.conftest import ROOT, Home, nodes
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.nginx import PASSWORD, USER, Nginx, nginx
from tests.servers.repository import Repository, SSHServer, sshd

WRONG = "wrong-canary-" + "x" * 8


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    subprocess.run([ROOT / "tests/servers/packages"], check=True, capture_output=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with minio(tmp_path_factory.mktemp("minio")) as one:
        one.make_bucket("bucket")
        yield one


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("git"))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, repository: Repository) -> Iterator[Nginx]:
    with nginx(tmp_path_factory.mktemp("web"), repos=repository.folder) as one:
        yield one


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory, repository: Repository) -> Iterator[SSHServer]:
    with sshd(tmp_path_factory.mktemp("ssh"), repository.folder) as one:
        yield one


def secret(name: str, **values: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def given(home: Home, *objects: dict[str, Any]) -> str:
    """A file of what a run gets by `--with`."""
    return home.file(yaml.safe_dump_all(objects), "given.yaml")


def test_artifacts_of_a_run_are_kept_in_s3_and_read_from_there(home: Home, store: Minio) -> None:
    s3 = {"endpoint": store.endpoint, "insecure": True, "bucket": "bucket", "accessKeySecret": {"name": "keys", "key": "access"},
          "secretKeySecret": {"name": "keys", "key": "secret"}}  # fmt: skip
    repositories = {
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"main": json.dumps({"s3": s3})},
        "metadata": {"name": "artifact-repositories", "annotations": {"workflows.argoproj.io/default-artifact-repository": "main"}},
    }  # fmt: skip
    spec = {
        "entrypoint": "main", "archiveLogs": True,
        "templates": [
            {"name": "main", "steps": [
                [{"name": "make", "template": "make"}],
                [{"name": "use", "template": "use", "arguments": {"artifacts": [{"name": "in", "from": "{{steps.make.outputs.artifacts.out}}"}]}}],
                [{"name": "named", "template": "named"}],
            ]},
            {"name": "make", "container": {"image": "alpine", "command": ["sh", "-c", "mkdir -p /out/deep; echo kept > /out/deep/file"]},
             "outputs": {"artifacts": [{"name": "out", "path": "/out", "s3": {"key": "by-name.tgz"}}]}},
            {"name": "use", "inputs": {"artifacts": [{"name": "in", "path": "/in"}]},
             "container": {"image": "alpine", "command": ["cat", "/in/deep/file"]}},
            {"name": "named", "inputs": {"artifacts": [{"name": "in", "path": "/in", "s3": {**s3, "key": "by-name.tgz"}}]},
             "container": {"image": "alpine", "command": ["cat", "/in/deep/file"]}},
        ],
    }  # fmt: skip
    file = home.file(yaml.safe_dump({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": spec}))
    done = home.run(file, "--with", given(home, repositories, secret("keys", access=KEYS.access, secret=KEYS.secret)))
    assert {name for name, (kind, phase) in nodes(done).items() if (kind, phase) == ("Pod", "Succeeded")} == {"make", "use", "named"}
    assert home.tiphys("logs", "w", "--local").count("kept") == 2
    data = store.folder / "data/bucket"
    assert (data / "by-name.tgz").is_dir()
    assert sorted(path.name for path in data.glob("w/*/main.log")) == ["main.log"] * 3
    assert not (home.folder / "artifacts/artifacts").exists()


def test_a_store_that_refuses_its_keys_fails_the_step_by_name(home: Home, store: Minio) -> None:
    s3 = {"endpoint": store.endpoint, "insecure": True, "bucket": "bucket", "key": "x", "accessKeySecret": {"name": "keys", "key": "access"},
          "secretKeySecret": {"name": "keys", "key": "secret"}}  # fmt: skip
    template = {"name": "main", "container": {"image": "alpine", "command": ["true"]}, "inputs": {"artifacts": [{"name": "in", "path": "/in", "s3": s3}]}}
    spec = {"entrypoint": "main", "templates": [template]}
    file = home.file(yaml.safe_dump({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": spec}))
    done = home.run(file, "--with", given(home, secret("keys", access=KEYS.access, secret=WRONG)), code=1)
    said = done["status"]["nodes"]["w"]["message"]
    assert said.startswith('init: Error (exit code 64): failed to load artifact "in" (s3, bucket "bucket", key "x"): SignatureDoesNotMatch')
    assert WRONG not in said


@pytest.mark.parametrize("how", ["git-input", "git-input-ssh"])
def test_a_repository_is_cloned_for_a_step(home: Home, web: Nginx, ssh: SSHServer, how: str) -> None:
    by_http = how == "git-input"
    key = {"ssh-private-key": ssh.key}
    credentials = secret("git-credentials", username=USER, password=PASSWORD) if by_http else secret("git-key", **key)
    repo, revision, version = (f"{web.url}/private/app.git", "v1.0", "1.0") if by_http else (ssh.url("app.git"), "feature/x", "feature")
    file = str(pathlib.Path("examples") / f"{how}.yaml")
    home.run(file, "--with", given(home, credentials), "-p", f"repo={repo}", "-p", f"revision={revision}")
    lines = [line.rpartition(": ")[2] for line in home.tiphys("logs", "@latest", "--local").splitlines()]
    assert lines.count("VERSION") == 1
    assert version in lines
