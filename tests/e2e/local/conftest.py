"""Podman with an image, and a home of the test's own."""

import os
import pathlib
import subprocess

import pytest
from tests.e2e.conftest import ROOT


@pytest.fixture
def podman(tmp_path: pathlib.Path) -> dict[str, str]:
    """The environment in which podman works, and has `alpine`."""
    limits = tmp_path / "containers.conf"
    # a container may not raise limits where this machine's own are lower
    limits.write_text('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
    known = {**os.environ, "TIPHYS_HOME": str(tmp_path / "home"), "CONTAINERS_CONF": str(limits)}
    layout = subprocess.run([ROOT / "tests/e2e/cluster/images/build"], check=True, capture_output=True, text=True).stdout.strip()
    image = "docker.io/library/alpine:latest"
    command = ["skopeo", "copy", "-q", f"oci:{layout}:library/alpine:latest", f"containers-storage:{image}"]
    subprocess.run(command, check=True, env=known)
    return known
