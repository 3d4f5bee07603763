"""`tiphys run` as users call it, in a home of the test's own, with plain processes."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).parents[3]


class Home:
    """A home folder for runs."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        # as on other machines: a program that writes to a pipe keeps what it wrote until it is much
        known = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self.environment = {**known, "TIPHYS_HOME": str(folder), "COLUMNS": "200"}

    def file(self, text: str, name: str = "w.yaml") -> str:
        path = self.folder.parent / name
        path.write_text(text)
        return str(path)

    def workflow(self, spec: str, name: str = "w") -> str:
        head = f"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{name: {name}}}\nspec:\n"
        return self.file(head + "".join(f"  {line}\n" for line in spec.strip("\n").splitlines()), f"{name}.yaml")

    def tiphys(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tiphys", *arguments], env=self.environment, capture_output=True, text=True, cwd=ROOT, timeout=120,
            stdin=subprocess.DEVNULL, check=False,
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def run(self, file: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        self.tiphys("run", file, "--runtime", "process", "-o", "name", *arguments, code=code)
        return self.get()

    def get(self, name: str = "@latest") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.tiphys("get", name, "--local", "-o", "json"))
        return found

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tiphys", "run", *arguments, "--runtime", "process"], env=self.environment, cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def until(self, reached: Callable[[], bool], seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < end, "not reached"
            time.sleep(0.05)

    def end(self, process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said


def nodes(workflow: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Display name -> type and phase."""
    return {node["displayName"]: (node["type"], node["phase"]) for node in workflow["status"]["nodes"].values()}


@pytest.fixture
def home(tmp_path: pathlib.Path) -> Home:
    return Home(tmp_path / "home")
