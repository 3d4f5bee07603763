"""The live view and a shell in a step's container: of podman on this machine, and of a pod in a cluster."""

import json
import os
import pathlib

import pytest
from tests.e2e.conftest import Cluster
from tests.screen import Screen

WAITS = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: waits}
spec:
  entrypoint: main
  templates:
  - {name: main, steps: [[{name: gate, template: gate}]]}
  - {name: gate, container: {image: alpine, command: [sh, -c, "echo looking; until test -e /tmp/go; do sleep 0.2; done; cat /tmp/go"]}}
"""


def visit(screen: Screen) -> None:
    """Select the step, read its log, open a shell in its container, let it go on from there and leave."""
    screen.until("gate")
    screen.until("Leave")
    # the step is the last line
    screen.until("looking", pressing="\x1b[B")
    screen.press("x")
    # the view is left, a prompt is there; some shells ask the terminal where its cursor is
    screen.until(r"(?s)1049l.*[#$] (\x1b\[6n)?$")
    screen.press("echo from-$((1+1)) > /tmp/go; echo mark-$((1+1))\n")
    screen.until("mark-2")
    screen.press("exit\n")


def test_a_shell_is_opened_in_a_container_of_podman(podman: dict[str, str], tmp_path: pathlib.Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(WAITS)
    screen = Screen(podman, "run", str(file), "--runtime", "podman", "--watch")
    visit(screen)
    assert screen.ended() == 0
    # the file was made in the container, not on this machine
    assert b"from-2" in screen.seen[screen.seen.rindex(b"Succeeded") :]
    assert not pathlib.Path("/tmp/go").exists()  # noqa: S108


def test_the_view_of_a_workflow_in_a_cluster_opens_a_shell_in_its_pod(cluster: Cluster) -> None:
    cluster.apply(WAITS)
    screen = Screen(os.environ, "watch", "waits", "--kubeconfig", cluster.kubeconfig, "-n", cluster.namespace)
    visit(screen)
    assert screen.ended() == 0
    assert cluster.finished("waits")["status"]["phase"] == "Succeeded"
    assert "from-2" in cluster.logs("waits")


@pytest.mark.parametrize(("key", "phase"), [("u", "Succeeded"), ("s", "Failed")])
def test_keys_of_the_view_act_on_a_workflow_in_a_cluster(cluster: Cluster, key: str, phase: str) -> None:
    spec = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "asks"}, "spec": spec}
    cluster.apply(json.dumps(manifest))
    screen = Screen(os.environ, "watch", "asks", "--kubeconfig", cluster.kubeconfig, "-n", cluster.namespace)
    screen.until("Leave")
    screen.until("Running")
    screen.press(key)
    assert cluster.finished("asks")["status"]["phase"] == phase
    if phase == "Failed":
        # a view of what failed stays, to be looked at
        screen.until("Failed")
        screen.press("q")
    assert screen.ended() == int(phase == "Failed")
