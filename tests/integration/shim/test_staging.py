"""What the shim lays down for the container that stores it, read as that container reads it."""

import fcntl
import json
import os
import signal
import stat
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

SHIM = Path(__file__).parents[3] / "operator/tiphys/shim/bin/amd64"


def stage(tmp_path: Path, *options: str, command: list[str]) -> subprocess.CompletedProcess[bytes]:
    arguments = [SHIM, "--termination", tmp_path / "message", "--stage", tmp_path / "staged", *options, "--", *command]
    return subprocess.run(arguments, capture_output=True, timeout=60, check=False)


def finish(tmp_path: Path) -> dict[str, object]:
    return json.loads((tmp_path / "staged/done").read_text())


def entries(tmp_path: Path, name: str) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(tmp_path / f"staged/{name}.tar") as archive:
        return {entry.name: entry for entry in archive}


def content(tmp_path: Path, name: str, entry: str) -> bytes:
    with tarfile.open(tmp_path / f"staged/{name}.tar") as archive:
        found = archive.extractfile(entry)
        assert found is not None
        return found.read()


def test_a_file_is_packed_under_the_last_part_of_its_path(tmp_path):
    done = stage(tmp_path, "--artifact", f"a={tmp_path}/out.txt", command=["sh", "-c", f"printf hello > {tmp_path}/out.txt"])
    assert (done.returncode, finish(tmp_path)) == (0, {"exit": 0, "missing": [], "failed": {}})
    assert content(tmp_path, "a", "out.txt") == b"hello"


def test_a_folder_is_packed_with_modes_times_links_and_without_pipes(tmp_path):
    folder = tmp_path / "out"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/run").write_text("x")
    (folder / "deep/er/run").chmod(0o751)
    os.utime(folder / "deep/er/run", (1_600_000_000, 1_600_000_000))
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    stage(tmp_path, "--artifact", f"a={folder}/", command=["true"])
    found = entries(tmp_path, "a")
    assert set(found) == {"out", "out/deep", "out/deep/er", "out/deep/er/run", "out/link"}
    assert (found["out/deep/er/run"].mode, found["out/deep/er/run"].mtime) == (0o751, 1_600_000_000)
    assert found["out/link"].linkname == "/etc/passwd"


def test_the_path_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").write_text("content")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    stage(tmp_path, "--artifact", f"a={tmp_path}/link", command=["true"])
    assert content(tmp_path, "a", "link") == b"content"


@pytest.mark.parametrize("length", [99, 100, 101, 250])
def test_long_names_and_long_link_targets_are_kept_whole(tmp_path, length):
    folder = tmp_path / "out"
    folder.mkdir()
    name = "n" * (length - len("out/"))
    (folder / name).write_text("x")
    (folder / "l").symlink_to("t" * length)
    stage(tmp_path, "--artifact", f"a={folder}", command=["true"])
    found = entries(tmp_path, "a")
    assert f"out/{name}" in found
    assert found["out/l"].linkname == "t" * length


def test_a_file_of_more_than_eight_gibibytes_has_its_size(tmp_path):
    with (tmp_path / "big").open("wb") as big:
        big.truncate(9 * 2**30)
    # the archive would take as much room: it goes to a folder where only its first bytes are kept
    (tmp_path / "staged").mkdir()
    os.mkfifo(tmp_path / "staged/a.tar")
    arguments = [SHIM, "--termination", tmp_path / "message", "--stage", tmp_path / "staged", "--artifact", f"a={tmp_path}/big", "--", "true"]
    process = subprocess.Popen(arguments)
    with (tmp_path / "staged/a.tar").open("rb") as archive:
        head = archive.read(512)
    process.wait(60)
    assert tarfile.TarInfo.frombuf(head, "utf-8", "strict").size == 9 * 2**30
    assert "cannot write" in finish(tmp_path)["failed"]["a"]


def test_what_does_not_exist_is_missing_and_what_cannot_be_read_has_failed_by_name(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    where = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=where)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=where)
        os.close(where)
        where = below
    os.close(where)
    stage(tmp_path, "--artifact", f"gone={tmp_path}/none", "--artifact", f"deep={folder}", command=["sh", "-c", "exit 3"])
    found = finish(tmp_path)
    assert (found["exit"], found["missing"]) == (3, ["gone"])
    assert set(found["failed"]) == {"deep"}
    assert "too long" in found["failed"]["deep"].lower()
    assert not (tmp_path / "staged/deep.tar").exists()


def test_the_log_has_both_streams_and_they_still_pass_through(tmp_path):
    done = stage(tmp_path, "--log", command=["sh", "-c", "echo out; sleep 0.2; echo err >&2; sleep 0.2; printf end"])
    assert (done.stdout, done.stderr) == (b"out\nend", b"err\n")
    assert (tmp_path / "staged/log").read_bytes() == b"out\nerr\nend"


def test_the_frame_of_a_long_record_is_not_in_the_log(tmp_path):
    done = stage(tmp_path, "--log", "--result", command=["sh", "-c", "head -c 10000 /dev/zero | tr '\\0' x"])
    assert b"tiphys-record" in done.stdout
    assert (tmp_path / "staged/log").read_bytes() == b"x" * 10_000


def test_all_that_is_staged_can_be_read_by_others_whatever_the_umask(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o600)
    arguments = ["sh", "-c", f"umask 077; exec {SHIM} --termination {tmp_path}/message --stage {tmp_path}/staged --log --artifact a={tmp_path}/secret -- sh -c umask"]
    done = subprocess.run(arguments, capture_output=True, check=True)
    assert done.stdout.strip() in (b"0077", b"077")
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "staged").iterdir()}
    assert modes == {"lock": 0o644, "log": 0o644, "a.tar": 0o644, "done": 0o644}
    assert entries(tmp_path, "a")["secret"].mode == 0o600


def is_locked(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def started(tmp_path: Path, *options: str, script: str) -> subprocess.Popen[bytes]:
    ready = tmp_path / "ready"
    arguments = [SHIM, "--termination", tmp_path / "message", "--stage", tmp_path / "staged", *options, "--", "sh", "-c", f"touch {ready}; {script}"]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not ready.exists():
        time.sleep(0.01)
    return process


def test_the_lock_is_held_as_long_as_the_shim_lives_however_it_dies(tmp_path):
    process = started(tmp_path, script="sleep 60 & sleep 60")
    assert is_locked(tmp_path / "staged/lock")
    process.kill()
    process.wait(60)
    assert not is_locked(tmp_path / "staged/lock")
    assert not (tmp_path / "staged/done").exists()


def test_a_command_that_does_not_heed_a_signal_is_killed_after_the_grace_and_all_is_staged(tmp_path):
    process = started(tmp_path, "--log", "--grace", "1", "--artifact", f"a={tmp_path}/out", script=f"trap '' TERM; echo hi; echo x > {tmp_path}/out; touch {tmp_path}/go; while :; do sleep 1; done")
    while not (tmp_path / "go").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 137
    assert finish(tmp_path)["exit"] == 137
    assert (tmp_path / "staged/log").read_bytes() == b"hi\n"
    assert content(tmp_path, "a", "out") == b"x\n"


def test_the_folder_that_everything_goes_to_is_not_packed_into_itself(tmp_path):
    (tmp_path / "x").write_text("x")
    stage(tmp_path, "--artifact", f"all={tmp_path}", command=["true"])
    assert set(entries(tmp_path, "all")) == {tmp_path.name, f"{tmp_path.name}/x"}


def test_a_link_at_the_place_of_a_staged_file_is_not_followed(tmp_path):
    (tmp_path / "victim").write_text("whole")
    (tmp_path / "out").write_text("x")
    (tmp_path / "staged").mkdir()
    (tmp_path / "staged/a.tar").symlink_to(tmp_path / "victim")
    stage(tmp_path, "--artifact", f"a={tmp_path}/out", command=["true"])
    assert (tmp_path / "victim").read_text() == "whole"
    assert "a" in finish(tmp_path)["failed"]


def test_an_artifact_name_that_is_a_path_is_refused(tmp_path):
    done = stage(tmp_path, "--artifact", "../a=/etc/passwd", command=["true"])
    assert done.returncode == 64
    assert b"not a name: ../a" in done.stderr
