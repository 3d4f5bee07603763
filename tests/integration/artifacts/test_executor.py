"""`tiphys executor load` and `save` as processes, with the shim beside them and MinIO behind, as in a pod."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import msgspec
import pytest
from tests.servers.minio import KEYS, Minio, minio
from tests.servers.nginx import PASSWORD, USER, Nginx
from tests.servers.process import free_port
from tests.servers.repository import Repository
from tests.servers.secrets import Secrets

from tiphys.artifacts.s3 import S3Driver
from tiphys.model.arguments import ArchiveStrategy, Artifact, NoneStrategy, ZipStrategy
from tiphys.model.locations import BasicAuth, GitArtifact, HTTPArtifact, HTTPAuth, RawArtifact, S3Artifact
from tiphys.model.staging import Load, LogSave, Save, StagingPlan, StagingRecord, parse_staging_record

SHIM = pathlib.Path(__file__).parents[3] / "operator/tiphys/shim/bin/amd64"
CANARIES = (KEYS.secret, PASSWORD)


class Pod:
    """What the containers of a pod share, in a folder."""

    def __init__(self, folder: pathlib.Path, plan: StagingPlan) -> None:
        self.folder, self.plan = folder, plan
        (folder / "staged").mkdir(exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "TIPHYS_STAGING": msgspec.json.encode(plan).decode(),
            "TIPHYS_SECRETS": str(folder / "secrets"), "TIPHYS_STAGED": str(folder / "staged"), "TIPHYS_TERMINATION": str(folder / "record"),
        }  # fmt: skip

    def executor(self, what: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tiphys", "executor", what]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def main(self, script: str, *options: str, name: str = "main") -> subprocess.Popen[bytes]:
        artifacts = [part for save in self.plan.saves for part in ("--artifact", f"{save.artifact.name}={save.artifact.path}")]
        command = [SHIM, "--termination", self.folder / "main", "--stage", self.folder / "staged" / name, "--log", *artifacts, *options, "--", "sh", "-c", script]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self, process: subprocess.Popen[str], seconds: float = 60) -> tuple[int, StagingRecord, str]:
        output, _ = process.communicate(timeout=seconds)
        record = parse_staging_record((self.folder / "record").read_text())
        assert record is not None
        for canary in CANARIES:
            assert canary not in output
            assert canary not in (self.folder / "record").read_text()
        return process.returncode, record, output


@pytest.fixture
def secrets(tmp_path: pathlib.Path) -> Secrets:
    return Secrets(tmp_path / "secrets")


@pytest.fixture
def place(store: Minio, secrets: Secrets) -> S3Artifact:
    return S3Artifact(endpoint=store.endpoint, insecure=True, bucket="bucket", access_key_secret=secrets("access", KEYS.access),
                      secret_key_secret=secrets("secret", KEYS.secret))  # fmt: skip


def at(place: S3Artifact, key: str, name: str = "", **more: object) -> Artifact:
    return Artifact(name=name or key, s3=msgspec.structs.replace(place, key=key), **more)  # type: ignore[arg-type]


def content(place: S3Artifact, secrets: Secrets, key: str) -> bytes:
    return b"".join(S3Driver(place, secrets.read).stream(key))


def test_what_one_pod_saves_the_next_one_loads(place, secrets, tmp_path):
    plan = StagingPlan(
        saves=(
            Save(artifact=at(place, "one/folder.tgz", "folder", path=f"{tmp_path}/out"), container="main"),
            Save(artifact=at(place, "one/file", "file", path=f"{tmp_path}/f", archive=ArchiveStrategy(none=NoneStrategy())), container="main"),
            Save(artifact=at(place, "one/zip.zip", "zip", path=f"{tmp_path}/f", archive=ArchiveStrategy(zip=ZipStrategy())), container="main"),
            Save(artifact=at(place, "one/many", "many", path=f"{tmp_path}/out", archive=ArchiveStrategy(none=NoneStrategy())), container="main"),
            Save(artifact=at(place, "one/none", "none", path=f"{tmp_path}/nothing", optional=True), container="main"),
        ),
        logs=(LogSave(artifact=at(place, "one/main.log", "main-logs"), container="main"),),
    )
    pod = Pod(tmp_path, plan)
    saver = pod.executor("save")
    pod.main(f"mkdir -p {tmp_path}/out/sub; echo a > {tmp_path}/out/a; echo b > {tmp_path}/out/sub/b; echo file > {tmp_path}/f; echo said; echo err >&2").wait(30)
    code, record, output = pod.end(saver)
    assert (code, record) == (0, StagingRecord(saved=5, missing=("none",))), output
    assert content(place, secrets, "one/main.log") == b"said\nerr\n"
    assert content(place, secrets, "one/file") == b"file\n"

    loads = {name: tmp_path / "in" / name for name in ("folder", "file", "zip", "many", "text", "gone")}
    plan = StagingPlan(
        loads=(
            Load(artifact=at(place, "one/folder.tgz", "folder", mode=0o700, recurse_mode=True), path=str(loads["folder"])),
            Load(artifact=at(place, "one/file", "file"), path=str(loads["file"])),
            Load(artifact=at(place, "one/zip.zip", "zip"), path=str(loads["zip"])),
            Load(artifact=at(place, "one/many", "many"), path=str(loads["many"])),
            Load(artifact=Artifact(name="text", raw=RawArtifact(data="raw text"), mode=0o755), path=str(loads["text"])),
            Load(artifact=at(place, "one/not-there", "gone", optional=True), path=str(loads["gone"])),
        )
    )
    code, record, output = pod.end(Pod(tmp_path, plan).executor("load"))
    assert (code, record) == (0, StagingRecord(saved=5, missing=("gone",))), output
    for name in ("folder", "many"):
        assert ((loads[name] / "a").read_text(), (loads[name] / "sub/b").read_text()) == ("a\n", "b\n")
    assert (loads["folder"] / "sub/b").stat().st_mode & 0o777 == 0o700
    assert (loads["file"].read_text(), loads["zip"].read_text(), loads["text"].read_text()) == ("file\n", "file\n", "raw text")
    assert loads["text"].stat().st_mode & 0o777 == 0o755
    assert sorted(one.name for one in (tmp_path / "in").iterdir()) == ["file", "folder", "many", "text", "zip"]


def test_every_kind_is_loaded_beside_the_others(place, secrets, web: Nginx, tmp_path):
    (web.files / "page").write_text("page")
    auth = HTTPAuth(basic_auth=BasicAuth(username_secret=secrets("user", USER), password_secret=secrets("password", PASSWORD)))
    git = GitArtifact(repo=f"{web.url}/private/app.git", revision="v1.0", username_secret=secrets("user", USER), password_secret=secrets("password", PASSWORD))
    S3Driver(place, secrets.read).save("every", [b"object"])
    plan = StagingPlan(
        loads=(
            Load(artifact=Artifact(name="git", git=git), path=f"{tmp_path}/in/git"),
            Load(artifact=Artifact(name="http", http=HTTPArtifact(url=f"{web.url}/files/page", auth=auth)), path=f"{tmp_path}/in/deep/http"),
            Load(artifact=at(place, "every"), path=f"{tmp_path}/in/s3"),
        )
    )
    code, record, output = (pod := Pod(tmp_path, plan)).end(pod.executor("load"))
    assert (code, record.saved) == (0, 3), output
    assert (tmp_path / "in/git/VERSION").read_text() == "1.0\n"
    assert (tmp_path / "in/deep/http").read_text() == "page"
    assert (tmp_path / "in/s3").read_text() == "object"


def test_what_is_in_the_way_from_an_earlier_run_is_replaced(tmp_path):
    (tmp_path / "in/a/old").mkdir(parents=True)
    plan = StagingPlan(loads=(Load(artifact=Artifact(name="a", raw=RawArtifact(data="new")), path=f"{tmp_path}/in/a"),))
    code, _, _ = (pod := Pod(tmp_path, plan)).end(pod.executor("load"))
    assert (code, (tmp_path / "in/a").read_text()) == (0, "new")


def test_a_folder_is_loaded_into_a_volume_that_is_mounted_at_its_path(web: Nginx, repository: Repository, tmp_path):
    volume = tmp_path / "src"
    volume.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", volume], check=True)
    try:
        plan = StagingPlan(loads=(Load(artifact=Artifact(name="src", git=GitArtifact(repo=f"{web.url}/public/app.git")), path=str(volume)),))
        for _ in range(2):
            code, _, output = (pod := Pod(tmp_path, plan)).end(pod.executor("load"))
            assert (code, (volume / "VERSION").read_text()) == (0, "3.0\n"), output
        assert sorted(one.name for one in volume.iterdir()) == [".git", ".gitmodules", "VERSION", "lib"]
    finally:
        subprocess.run(["umount", volume], check=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bucket": "no-such-bucket"}, r'failed to \w+ artifact "a" \(s3, bucket "no-such-bucket", key "a"\): NoSuchBucket'),
        ({"secret": "wrong-canary"}, r'failed to \w+ artifact "a" \(s3, bucket "bucket", key "a"\): SignatureDoesNotMatch'),
        ({"no secret": ""}, r"failed to \w+ artifact \"a\" .*: secret 'none' has no key 'value'"),
    ],
    ids=["bucket missing", "wrong secret", "no secret"],
)
@pytest.mark.parametrize("what", ["load", "save"])
def test_a_failure_names_artifact_bucket_key_and_reason(place, secrets, tmp_path, change, reason, what):
    if "bucket" in change:
        place = msgspec.structs.replace(place, **change)
    elif "secret" in change:
        place = msgspec.structs.replace(place, secret_key_secret=secrets("wrong", change["secret"]))
    else:
        place = msgspec.structs.replace(place, secret_key_secret=msgspec.structs.replace(secrets("access", KEYS.access), name="none"))
    artifact = at(place, "a", path=f"{tmp_path}/a")
    plan = StagingPlan(loads=(Load(artifact=artifact, path=f"{tmp_path}/in"),)) if what == "load" else StagingPlan(saves=(Save(artifact=artifact, container="main"),))
    pod = Pod(tmp_path, plan)
    process = pod.executor(what)
    if what == "save":
        pod.main(f"echo x > {tmp_path}/a").wait(30)
    code, record, output = pod.end(process)
    assert code == 64
    assert msgspec.json.encode(record)
    import re

    assert re.match(reason, record.message), record.message
    assert "wrong-canary" not in output


def test_an_optional_input_whose_bucket_is_not_there_is_still_a_mistake(place, tmp_path):
    artifact = at(msgspec.structs.replace(place, bucket="no-such-bucket"), "a", optional=True)
    code, record, _ = (pod := Pod(tmp_path, StagingPlan(loads=(Load(artifact=artifact, path=f"{tmp_path}/in"),)))).end(pod.executor("load"))
    assert (code, record.missing) == (64, ())
    assert "NoSuchBucket" in record.message


def test_a_missing_output_that_is_not_optional_fails_and_the_rest_is_saved(place, secrets, tmp_path):
    plan = StagingPlan(
        saves=(Save(artifact=at(place, "miss/a", "a", path=f"{tmp_path}/none"), container="main"), Save(artifact=at(place, "miss/b", "b", path=f"{tmp_path}/b"), container="main")),
        logs=(LogSave(artifact=at(place, "miss/log", "main-logs"), container="main"),),
    )
    pod = Pod(tmp_path, plan)
    saver = pod.executor("save")
    assert pod.main(f"echo b > {tmp_path}/b; echo said; exit 3").wait(30) == 3
    code, record, _ = pod.end(saver)
    assert (code, record.saved) == (64, 2)
    assert record.errors == (f'failed to save artifact "a" (s3, bucket "bucket", key "miss/a"): path {tmp_path}/none does not exist',)
    assert record.failed == ("a",)
    assert content(place, secrets, "miss/log") == b"said\n"


def until_it_heeds_signals(process: subprocess.Popen[str]) -> None:
    while True:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        if int(status.split("SigCgt:")[1].split()[0], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.02)


def test_a_killed_container_still_has_its_log_saved(place, secrets, tmp_path):
    plan = StagingPlan(logs=(LogSave(artifact=at(place, "killed/log", "main-logs"), container="main"),))
    pod = Pod(tmp_path, plan)
    saver, main = pod.executor("save"), pod.main("echo before; sleep 60")
    while not (tmp_path / "staged/main/log").exists() or not (tmp_path / "staged/main/log").stat().st_size:
        time.sleep(0.02)
    until_it_heeds_signals(saver)
    saver.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert saver.poll() is None, "it does not end before what it waits for"
    main.kill()
    main.wait(60)
    code, record, _ = pod.end(saver)
    assert (code, record.saved) == (0, 1)
    assert content(place, secrets, "killed/log") == b"before\n"


def test_a_saver_whose_container_never_started_ends_when_it_is_told_to(place, tmp_path):
    plan = StagingPlan(logs=(LogSave(artifact=at(place, "never", "main-logs"), container="main"),))
    pod = Pod(tmp_path, plan)
    saver = pod.executor("save")
    until_it_heeds_signals(saver)
    saver.send_signal(signal.SIGTERM)
    code, record, _ = pod.end(saver, 20)
    assert (code, record.errors) == (64, ("container 'main' never started",))


def test_the_logs_of_all_containers_of_a_set_are_saved(place, secrets, tmp_path):
    plan = StagingPlan(logs=tuple(LogSave(artifact=at(place, f"set/{name}.log", f"{name}-logs"), container=name) for name in ("a", "b", "main")))
    pod = Pod(tmp_path, plan)
    saver = pod.executor("save")
    for name in ("main", "b", "a"):
        pod.main(f"echo {name}", name=name).wait(30)
    code, record, _ = pod.end(saver)
    assert (code, record.saved) == (0, 3)
    assert content(place, secrets, "set/b.log") == b"b\n"


def test_a_store_that_is_away_for_a_while_is_waited_for(secrets, tmp_path):
    port = free_port()
    place = S3Artifact(endpoint=f"127.0.0.1:{port}", insecure=True, bucket="bucket", access_key_secret=secrets("access", KEYS.access),
                       secret_key_secret=secrets("secret", KEYS.secret))  # fmt: skip
    plan = StagingPlan(saves=(Save(artifact=at(place, "a", path=f"{tmp_path}/a"), container="main"),))
    (tmp_path / "store/data/bucket").mkdir(parents=True)
    pod = Pod(tmp_path, plan)
    saver = pod.executor("save")
    pod.main(f"echo x > {tmp_path}/a").wait(30)
    time.sleep(5)
    assert saver.poll() is None
    with minio(tmp_path / "store", port=port):
        code, record, output = pod.end(saver)
    assert (code, record.saved) == (0, 1), output


def test_many_errors_still_fit_into_a_message(place, tmp_path):
    place = msgspec.structs.replace(place, bucket="no-such-bucket")
    plan = StagingPlan(loads=tuple(Load(artifact=at(place, f"{'k' * 100}/{i}"), path=f"{tmp_path}/in/{i}") for i in range(100)))
    code, record, _ = (pod := Pod(tmp_path, plan)).end(pod.executor("load"))
    assert code == 64
    assert (tmp_path / "record").stat().st_size <= 4096
    assert f'key "{"k" * 100}/0"' in record.message


def test_more_failures_than_can_be_named_still_make_a_record(tmp_path):
    nowhere = S3Artifact(endpoint="127.0.0.1:1", insecure=True, bucket="b", use_sdk_creds=False)
    saves = tuple(Save(artifact=at(nowhere, f"{i}-{'n' * 60}", path=f"{tmp_path}/none"), container="main") for i in range(100))
    pod = Pod(tmp_path, StagingPlan(saves=saves))
    (tmp_path / "staged/main").mkdir(parents=True)
    (tmp_path / "staged/main/lock").touch()
    (tmp_path / "staged/main/done").write_text(msgspec.json.encode({"missing": [save.artifact.name for save in saves]}).decode())
    code, record, _ = pod.end(pod.executor("save"))
    assert (code, record.failed, len(record.errors)) == (64, (), 1)


def test_a_plan_in_a_file_and_no_plan_at_all(tmp_path):
    plan = StagingPlan(loads=(Load(artifact=Artifact(name="a", raw=RawArtifact(data="x")), path=f"{tmp_path}/in"),))
    pod = Pod(tmp_path, plan)
    (tmp_path / "plan").write_text(pod.environment.pop("TIPHYS_STAGING"))
    pod.environment["TIPHYS_STAGING_FILE"] = str(tmp_path / "plan")
    assert pod.end(pod.executor("load"))[0] == 0
    (tmp_path / "plan").unlink()
    code, record, _ = pod.end(pod.executor("load"))
    assert code == 64
    assert "there is no staging plan" in record.message


def test_a_waiting_saver_uses_no_time_and_little_memory(place, tmp_path):
    plan = StagingPlan(logs=(LogSave(artifact=at(place, "idle", "main-logs"), container="main"),))
    pod = Pod(tmp_path, plan)
    saver, main = pod.executor("save"), pod.main("sleep 4")
    time.sleep(1.5)

    def used() -> int:
        fields = pathlib.Path(f"/proc/{saver.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = used()
    time.sleep(1.5)
    assert used() - before <= 1
    status = pathlib.Path(f"/proc/{saver.pid}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 45_000
    main.wait(20)
    assert pod.end(saver)[0] == 0


@pytest.mark.parametrize("what", ["load", "save"])
def test_big_artifacts_pass_with_flat_memory(place, secrets, tmp_path, what):
    """The measure with 2 GB is in the bench; here 300 MB must not show in memory."""
    size = 300 << 20
    artifact = at(place, "big", path=f"{tmp_path}/big", archive=ArchiveStrategy(none=NoneStrategy()))
    if what == "save":
        plan = StagingPlan(saves=(Save(artifact=artifact, container="main"),))
        pod = Pod(tmp_path, plan)
        process = pod.executor("save")
        pod.main(f"head -c {size} /dev/zero > {tmp_path}/big").wait(60)
    else:
        block = os.urandom(1 << 20)
        S3Driver(place, secrets.read).save("big", (block for _ in range(300)), size)
        pod = Pod(tmp_path, StagingPlan(loads=(Load(artifact=artifact, path=f"{tmp_path}/in"),)))
        process = pod.executor("load")
    most = _watch(process)
    code, record, output = pod.end(process, 120)
    assert (code, record.saved) == (0, 1), output
    assert most[0] < 150_000


def _watch(process: subprocess.Popen[str]) -> list[int]:
    """The most memory that the process ever has, in KiB; filled while it runs."""
    most = [0]

    def look() -> None:
        while process.poll() is None:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
                most[0] = max(most[0], int(status.split("VmHWM:")[1].split()[0]))
            except (OSError, IndexError):
                return
            time.sleep(0.02)

    threading.Thread(target=look, daemon=True).start()
    return most


def test_a_folder_of_many_small_files_is_stored_one_by_one_and_links_are_left_out(place, secrets, tmp_path):
    artifact = at(place, "many", path=f"{tmp_path}/many", archive=ArchiveStrategy(none=NoneStrategy()))
    pod = Pod(tmp_path, StagingPlan(saves=(Save(artifact=artifact, container="main"),)))
    saver = pod.executor("save")
    script = "mkdir -p many/sub; i=0; while [ $i -lt 200 ]; do echo $i > many/f$i; i=$((i+1)); done; : > many/sub/none; truncate -s 3M many/sub/hollow"
    pod.main(f"cd {tmp_path}; {script}; printf x > 'many/ü b+c%25'; ln -s f1 many/link; ln -s /etc many/out").wait(30)
    code, record, output = pod.end(saver)
    assert (code, record.saved) == (0, 1), output
    pod = Pod(tmp_path, StagingPlan(loads=(Load(artifact=artifact, path=f"{tmp_path}/in"),)))
    assert pod.end(pod.executor("load"))[0] == 0
    found = {str(one.relative_to(tmp_path / "in")): one.read_bytes() for one in (tmp_path / "in").rglob("*") if one.is_file()}
    assert found == {**{f"f{i}": f"{i}\n".encode() for i in range(200)}, "sub/none": b"", "sub/hollow": bytes(3 << 20), "ü b+c%25": b"x"}


@pytest.mark.parametrize("archive", [ArchiveStrategy(none=NoneStrategy()), ArchiveStrategy(zip=ZipStrategy())], ids=["none", "zip"])
def test_a_name_that_a_store_or_archive_cannot_hold_is_told(place, tmp_path, archive):
    artifact = at(place, "bad-name", path=f"{tmp_path}/bad", archive=archive)
    pod = Pod(tmp_path, StagingPlan(saves=(Save(artifact=artifact, container="main"),)))
    saver = pod.executor("save")
    pod.main(f"mkdir {tmp_path}/bad; : > {tmp_path}/bad/$(printf 'x\\377')").wait(30)
    code, record, _ = pod.end(saver)
    assert (code, record.failed) == (64, ("bad-name",))
    assert "it is no UTF-8" in record.message
