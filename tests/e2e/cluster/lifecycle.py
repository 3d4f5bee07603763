"""A second cluster beside the first: it leaves nothing behind. Run by name: `pytest tests/e2e/cluster/lifecycle.py`."""

import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).parent
BIN = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "tiphys/bin"


def test_a_cluster_that_ran_pods_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    script = """set -e; cd "$1"; ./up; ./up
      kubectl="$2/kubectl --kubeconfig $TIPHYS_CLUSTER_DIR/kubeconfig"
      $kubectl run one --image=alpine --restart=Never --command -- sleep 1000
      $kubectl wait pod/one --for=condition=Ready --timeout=60s
      ./down; ./down; ./leftovers"""
    environment = {**os.environ, "TIPHYS_CLUSTER_DIR": str(tmp_path)}
    done = subprocess.run([HERE / "isolated", "bash", "-c", script, "lifecycle", HERE, BIN], env=environment, text=True, capture_output=True,
                          timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
