"""Data templates as their pod runs them: the executor is a process of its own, the store is MinIO."""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.secrets import Secrets

from tiphys.artifacts.s3 import S3Driver
from tiphys.model.locations import S3Artifact
from tiphys.model.parse import to_json


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with minio(tmp_path_factory.mktemp("data")) as one:
        one.make_bucket("bucket")
        yield one


@pytest.fixture
def secrets(tmp_path: pathlib.Path) -> Secrets:
    return Secrets(tmp_path / "secrets")


@pytest.fixture
def place(store: Minio, secrets: Secrets) -> S3Artifact:
    return S3Artifact(endpoint=store.endpoint, insecure=True, bucket="bucket", key="in", access_key_secret=secrets("access", KEYS.access),
                      secret_key_secret=secrets("secret", KEYS.secret))  # fmt: skip


def listed(place: S3Artifact, secrets: Secrets, *expressions: str) -> subprocess.CompletedProcess[str]:
    steps = [{"expression": one} for one in expressions]
    data = {"source": {"artifactPaths": {"name": "files", "s3": to_json(place)}}, "transformation": steps}
    told = {"TIPHYS_TEMPLATE": json.dumps({"name": "pick", "data": data}), "TIPHYS_SECRETS": str(secrets.folder)}
    command = [sys.executable, "-m", "tiphys", "executor", "data"]
    return subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, check=False)


def test_the_files_below_a_key_are_listed_and_put_through_expressions(place: S3Artifact, secrets: Secrets) -> None:
    driver = S3Driver(place, secrets.read)
    for name in ("in/a.txt", "in/b.log", "in/sub/c.txt", "other/d.txt"):
        driver.save(name, [b"x"])
    assert json.loads(listed(place, secrets).stdout) == ["in/a.txt", "in/b.log", "in/sub/c.txt"]
    done = listed(place, secrets, "filter(data, {# endsWith '.txt'})", "map(data, {# + '!'})")
    assert json.loads(done.stdout) == ["in/a.txt!", "in/sub/c.txt!"], done.stderr


def test_what_cannot_be_listed_is_told_with_its_place(place: S3Artifact, secrets: Secrets) -> None:
    secrets("secret", "wrong")
    done = listed(place, secrets)
    assert done.returncode == 1
    assert "SignatureDoesNotMatch" in done.stderr
    assert KEYS.secret not in done.stderr
