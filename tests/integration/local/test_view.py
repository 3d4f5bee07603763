"""A process's own view of the file system, on this machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from tiphys.local import view
from tiphys.local.container import ContainerPlan, Mount


def seen(folder: Path, command: str, *mounts: Mount, is_executor: bool = False) -> str:
    """What a command prints that runs in a view."""
    plan = ContainerPlan(
        name="ns.pod.main", owner="w", image="", command=(), arguments=(), environment={}, working_folder="", mounts=mounts, folder=folder / "main",
        log=folder / "log", termination=folder / "message", outputs=("/out/1",), is_executor=is_executor,
    )  # fmt: skip
    return subprocess.run(view.in_view(plan, ["sh", "-c", command]), capture_output=True, text=True, check=False).stdout


def test_a_file_system_that_has_gone_since_it_was_seen_is_nobodys_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # one that goes while it is mounted is a place at which nothing is mounted, and nothing can be
    (tmp_path / "goes").touch()
    monkeypatch.setattr(view, "_other_file_systems", lambda: ["/no/such/place", str(tmp_path / "goes"), str(tmp_path)])
    assert seen(tmp_path, "echo made > /out/1 && cat /out/1") == "made\n"
    assert not Path("/out").exists()


def test_our_own_program_is_seen_wherever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "checkout/.venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text("here\n")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "checkout/.venv"))
    assert seen(tmp_path, f"cat {program}", is_executor=True) == "here\n"
    assert not seen(tmp_path, f"cat {program}")


def test_a_mount_behind_a_link_of_this_machine_is_in_the_view_and_nowhere_else(tmp_path: Path) -> None:
    volume, link = tmp_path / "volume", Path("/var/run/tiphys-test-of-a-view")
    volume.mkdir()
    assert seen(tmp_path, f"echo there > {link}/file && cat {link}/file", Mount(volume, str(link))) == "there\n"
    assert (volume / "file").read_text() == "there\n"
    assert not link.exists()
