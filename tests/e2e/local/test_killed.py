"""A run with podman that is killed leaves containers: the one that goes on with it ends them."""

import pathlib
import signal
import subprocess
import sys
import time

LEFT = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: killed}
spec:
  entrypoint: main
  volumes: [{name: out, hostPath: {path: %s}}]
  templates:
  - {name: main, steps: [[{name: before, template: before}], [{name: long, template: long}]]}
  - name: before
    container: {image: alpine, command: [sh, -c, "echo before >> /out/marks"], volumeMounts: [{name: out, mountPath: /out}]}
  - name: long
    container:
      image: alpine
      command: [sh, -c, "echo long >> /out/marks; test -e /out/go || exec sleep 1000"]
      volumeMounts: [{name: out, mountPath: /out}]
"""


def test_a_killed_run_goes_on_with_podman_and_leaves_no_container(podman: dict[str, str], tmp_path: pathlib.Path) -> None:
    out, file = tmp_path / "out", tmp_path / "w.yaml"
    out.mkdir()
    file.write_text(LEFT % out)

    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "tiphys", "run", *words, "--runtime", "podman"]

    def containers() -> list[str]:
        label = f"label=io.tiphys.workflow={podman['TIPHYS_HOME']}/runs/killed"
        ask = ["podman", "ps", "--all", "--quiet", "--filter", label]
        return subprocess.run(ask, env=podman, check=True, capture_output=True, text=True).stdout.split()

    first = subprocess.Popen(command(str(file)), env=podman)
    end = time.monotonic() + 60
    while not (out / "marks").exists() or "long" not in (out / "marks").read_text():
        assert time.monotonic() < end
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    assert len(containers()) == 1
    (out / "go").touch()
    done = subprocess.run(command("--resume", "killed"), env=podman, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "marks").read_text().split() == ["before", "long", "long"]
    assert containers() == []
