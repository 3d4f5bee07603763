"""`tiphys executor delete` as a process, with MinIO and nginx behind, as in the pod that collects artifacts."""

import os
import pathlib
import subprocess
import sys

import msgspec
from tests.servers.minio import KEYS, Minio
from tests.servers.nginx import Nginx
from tests.servers.process import free_port
from tests.servers.secrets import Secrets

from tiphys.artifacts.s3 import S3Driver
from tiphys.artifacts.secrets import mounted
from tiphys.model.arguments import Artifact
from tiphys.model.collecting import CollectPlan, CollectRecord, Deletion, parse_collect_record
from tiphys.model.locations import HTTPArtifact, S3Artifact


def place_of(store: Minio, folder: pathlib.Path) -> S3Artifact:
    secrets = Secrets(folder / "secrets")
    return S3Artifact(endpoint=store.endpoint, insecure=True, bucket="bucket", access_key_secret=secrets("access", KEYS.access),
                      secret_key_secret=secrets("secret", KEYS.secret))  # fmt: skip


def collect(folder: pathlib.Path, *artifacts: Artifact) -> tuple[int, CollectRecord, str]:
    plan = CollectPlan(deletions=tuple(Deletion(node="n", artifact=one) for one in artifacts))
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    env = {"PATH": os.environ["PATH"], "TIPHYS_COLLECT_FILE": str(folder / "plan.json"), "TIPHYS_SECRETS": str(folder / "secrets"),
           "TIPHYS_TERMINATION": str(folder / "record"), "TIPHYS_PATIENCE": "1"}  # fmt: skip
    command = [sys.executable, "-m", "tiphys", "executor", "delete"]
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True, timeout=60)
    record = parse_collect_record((folder / "record").read_text())
    assert record is not None
    assert KEYS.secret not in done.stdout + done.stderr
    return done.returncode, record, done.stderr


def test_files_and_folders_go_and_what_is_not_there_is_gone_too(store: Minio, tmp_path: pathlib.Path) -> None:
    place = place_of(store, tmp_path)
    driver = S3Driver(place, mounted(tmp_path / "secrets"))
    for key in ("gc/one.tgz", "gc/folder/a", "gc/folder/b/c", "gc/folder-beside"):
        driver.save(key, iter([b"x"]), 1)
    artifacts = [Artifact(name=key, s3=msgspec.structs.replace(place, key=key)) for key in ("gc/one.tgz", "gc/folder", "gc/never")]
    code, record, _ = collect(tmp_path, *artifacts)
    assert (code, [record.is_deleted(i) for i in range(3)], record.errors) == (0, [True] * 3, ())
    assert list(driver.list("gc")) == ["gc/folder-beside"]


def test_what_cannot_be_deleted_is_told_and_the_rest_goes_all_the_same(store: Minio, web: Nginx, tmp_path: pathlib.Path) -> None:
    place = place_of(store, tmp_path)
    nobody = msgspec.structs.replace(place, bucket="no-such-bucket", key="k")
    artifacts = [Artifact(name="bucket", s3=nobody), Artifact(name="site", http=HTTPArtifact(url=f"{web.url}/open/x")),
                 Artifact(name="good", s3=msgspec.structs.replace(place, key="gc/good"))]  # fmt: skip
    code, record, told = collect(tmp_path, *artifacts)
    assert (code, record.is_deleted(2), record.is_deleted(1)) == (64, True, False)
    assert 'failed to delete artifact "site" (http, key' in told


def test_a_store_that_is_gone_is_left_to_a_later_pod(tmp_path: pathlib.Path, store: Minio) -> None:
    gone = msgspec.structs.replace(place_of(store, tmp_path), endpoint=f"127.0.0.1:{free_port()}", key="k")
    code, record, told = collect(tmp_path, Artifact(name="x", s3=gone))
    assert (code, record.is_deleted(0)) == (64, False)
    assert 'failed to delete artifact "x" (s3, bucket "bucket", key "k")' in told
