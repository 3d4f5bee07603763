"""The same workflows on this machine, as processes and with podman, and on a real cluster: the same nodes with the same ends.

Podman gets the stand-in images that the cluster's registry is filled with.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import ROOT, Cluster

Nodes = dict[str, tuple[str, str]]
EXAMPLES = (
    "artifact-passing", "conditional-parameters", "dag-diamond", "dag-target", "parameters", "retry-container", "retry-on-error", "script",
)  # fmt: skip
PROCESSES = ("conditional-parameters", "dag-diamond", "dag-target", "retry-container", "retry-on-error", "script")
"""Those whose programs are on this machine, too."""
ELSEWHERE = {
    "archive-logs": "its log goes to a store of the cluster's",
    "cron-hello": "a schedule, no workflow",
    "git-input": "needs a Git server",
    "git-input-ssh": "needs a Git server",
    "image-pull-secrets": "needs a registry with a login",
    "k8s-jobs": "makes objects of a cluster",
    "sidecar-nginx": "listens at port 80, which may be taken on a machine",
}
"""Examples that need more than a machine -> what."""
FAILING = ("retry-on-error",)


class Here:
    """This machine, with a home of the tests' own."""

    def __init__(self, home: pathlib.Path) -> None:
        limits = home / "containers.conf"
        # a container may not raise limits where this machine's own are lower
        limits.write_text('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n')
        self.environment = {**os.environ, "TIPHYS_HOME": str(home / "tiphys"), "CONTAINERS_CONF": str(limits)}

    def run(self, name: str, runtime: str) -> Nodes:
        command = [sys.executable, "-m", "tiphys", "run", f"examples/{name}.yaml", "--runtime", runtime, "-o", "json"]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == (1 if name in FAILING else 0), done.stdout + done.stderr
        return tree(json.loads(done.stdout))


def tree(workflow: dict[str, Any]) -> Nodes:
    """Display name, the workflow's own left out -> type and phase; of two branches that a coin decides, the phase is the name."""
    own, found = workflow["metadata"]["name"], workflow["status"]["nodes"].values()
    named = {re.sub(f"^{own}", "", node["displayName"]): (node["type"], node["phase"]) for node in found}
    return {phase if name in ("heads", "tails") else name: (kind, phase) for name, (kind, phase) in named.items()}


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Here:
    made = Here(tmp_path_factory.mktemp("home"))
    layout = subprocess.run([ROOT / "tests/e2e/cluster/images/build"], check=True, capture_output=True, text=True).stdout.strip()
    for name in EXAMPLES:
        for image in images(yaml.safe_load((ROOT / f"examples/{name}.yaml").read_text())):
            full = image if "/" in image else f"library/{image}"
            full = full if ":" in full else f"{full}:latest"
            source, target = f"oci:{layout}:{full}", f"containers-storage:docker.io/{full}"
            subprocess.run(["skopeo", "copy", "-q", source, target], check=True, env=made.environment)
    return made


def images(part: Any) -> set[str]:
    """Every image that a manifest names."""
    if isinstance(part, dict):
        own = {part["image"]} if isinstance(part.get("image"), str) else set()
        return own.union(*(images(one) for one in part.values()))
    return set().union(*(images(one) for one in part)) if isinstance(part, list) else set()


def test_every_example_is_compared_or_needs_more_than_a_machine() -> None:
    there = {path.stem for path in (ROOT / "examples").glob("*.yaml") if not path.stem.endswith(".test")}
    assert there == {*EXAMPLES, *ELSEWHERE}


def test_examples_have_the_same_nodes_as_processes_and_with_podman_as_on_the_cluster(here: Here, cluster: Cluster) -> None:
    compared = [name for name in EXAMPLES if name != "artifact-passing"]
    created = {name: start(cluster, name) for name in compared}
    with_podman = {name: here.run(name, "podman") for name in compared}
    as_processes = {name: here.run(name, "process") for name in PROCESSES}
    there = {name: tree(cluster.finished(its)) for name, its in created.items()}
    assert with_podman == there
    assert as_processes == {name: there[name] for name in PROCESSES}


def start(cluster: Cluster, name: str) -> str:
    """Create an example in the test's namespace, whatever its own is; its name."""
    manifest = yaml.safe_load((ROOT / f"examples/{name}.yaml").read_text())
    manifest["metadata"].pop("namespace", None)
    made = json.loads(cluster.kubectl("create", "-f", "-", "-o", "json", stdin=yaml.safe_dump(manifest)))
    return str(made["metadata"]["name"])


def test_artifacts_pass_between_containers_of_podman(here: Here) -> None:
    assert here.run("artifact-passing", "podman") == {
        "": ("Steps", "Succeeded"), "[0]": ("StepGroup", "Succeeded"), "[1]": ("StepGroup", "Succeeded"),
        "generate-artifact": ("Pod", "Succeeded"), "consume-artifact": ("Pod", "Succeeded"),
    }  # fmt: skip
