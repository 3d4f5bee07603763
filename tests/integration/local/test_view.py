"""A process's own view of the file system, on this machine."""

import subprocess
from pathlib import Path

import pytest

from tiphys.local import view
from tiphys.local.container import ContainerPlan


def test_a_file_system_that_has_gone_since_it_was_seen_is_nobodys_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "_other_file_systems", lambda: ["/no/such/place", str(tmp_path)])
    plan = ContainerPlan(
        name="ns.pod.main", image="", command=(), arguments=(), environment={}, working_folder="", mounts=(), folder=tmp_path / "main",
        log=tmp_path / "log", termination=tmp_path / "message", outputs=("/out/1",),
    )  # fmt: skip
    command = view.in_view(plan, ["sh", "-c", "echo made > /out/1 && cat /out/1; ls /no"])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "made\n"
    assert not Path("/out").exists()
