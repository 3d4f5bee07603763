"""What Tiphys costs on the test cluster, beside bare pods in the same run: `make bench` prints the table.

Steps on the real kubelet are compared with pods made by hand; on fake nodes (kwok) pods end at once, so that the controller is the limit.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from typing import Any

HOME = pathlib.Path(os.environ.get("TIPHYS_CLUSTER_DIR", "/var/tmp/tiphys-cluster"))  # noqa: S108
ROOT = pathlib.Path(__file__).parents[2]
NAMESPACE = f"bench-{uuid.uuid4().hex[:6]}"
MAIN = {"image": "alpine", "command": ["true"], "imagePullPolicy": "IfNotPresent"}
ON_KWOK = {"nodeSelector": {"type": "kwok"}, "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}]}
TICKS = os.sysconf("SC_CLK_TCK")


def kubectl(*arguments: object, stdin: str | None = None) -> str:
    """Kubectl in the benchmark's namespace."""
    command = ["kubectl", "--kubeconfig", str(HOME / "kubeconfig"), "-n", NAMESPACE, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout


def workflow(name: str, templates: list[dict[str, Any]], spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """A workflow whose entry point is the first template."""
    kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "namespace": NAMESPACE}}
    return {**kind, "spec": {"entrypoint": templates[0]["name"], "templates": templates, **(spec or {})}}


def chain(name: str, length: int, template: dict[str, Any]) -> dict[str, Any]:
    """Steps one after another."""
    return workflow(name, [{"name": "main", "steps": [[{"name": f"s{i}", "template": "one"}] for i in range(length)]}, template])


def fan_out(name: str, width: int, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """Steps side by side."""
    step = {"name": "s", "template": "one", "withSequence": {"count": str(width)}}
    return workflow(name, [{"name": "main", "steps": [[step]]}, {"name": "one", "container": MAIN}], spec)


def layered(name: str, size: int) -> dict[str, Any]:
    """A DAG in layers of 20; each task has two parents."""
    tasks: list[dict[str, Any]] = []
    for i in range(size):
        parents = [i - 20, i - 20 + (1 if (i + 1) % 20 else -19)] if i >= 20 else []
        tasks.append(
            {"name": f"t{i}", "template": "one", **({"depends": " && ".join(f"t{p}" for p in parents)} if parents else {})}
        )
    return workflow(name, [{"name": "main", "dag": {"tasks": tasks}}, {"name": "one", "container": MAIN}], ON_KWOK)


class Bench:
    """The controller under measurement."""

    def __init__(self, *arguments: str) -> None:
        self.log = tempfile.NamedTemporaryFile()  # noqa: SIM115 it lives as long as the controller
        command = [sys.executable, "-m", "tiphys", "controller", "--kubeconfig", str(HOME / "controller.kubeconfig"), "--metrics-port", "0",
                   "--health-port", "0", "--managed-namespace", NAMESPACE, *arguments]  # fmt: skip
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        while b"runs are restored" not in pathlib.Path(self.log.name).read_bytes():
            time.sleep(0.1)
        time.sleep(2)
        self.idle = self.memory()

    def cpu(self) -> float:
        """CPU seconds of the controller so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Resident megabytes of the controller."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def requests(self) -> int:
        """The controller's own requests so far, without watches and Kubernetes Events."""
        count = 0
        with (HOME / "audit.log").open() as lines:
            for line in lines:
                own = '"username":"tiphys-controller"' in line and NAMESPACE in line
                count += (
                    own and '"verb":"watch"' not in line and '"resource":"events"' not in line and '"verb":"list"' not in line
                )
        return count

    def measure(self, what: str, manifests: list[dict[str, Any]], steps: int) -> None:
        """Run workflows to their end and print a row."""
        cpu, requests, started = self.cpu(), self.requests(), time.monotonic()
        names = {manifest["metadata"]["name"] for manifest in manifests}
        kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
        wait(lambda: names <= set(finished("Succeeded").split()), 600)
        wall = time.monotonic() - started
        time.sleep(1)
        used, asked = self.cpu() - cpu, self.requests() - requests
        row(what, wall, wall / steps, f"{asked / steps:.1f}", f"{1000 * used / steps:.1f}", f"{self.memory():.0f}")
        kubectl("delete", "workflows", "--all", "--wait=false")


def finished(phase: str) -> str:
    """Names of the workflows in a phase."""
    return kubectl("get", "workflows", "-l", f"workflows.argoproj.io/phase={phase}", "-o", "jsonpath={.items[*].metadata.name}")


def wait(reached: Callable[[], bool], seconds: float) -> None:
    """Return when it is true."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise SystemExit(f"not reached in {seconds} s: {kubectl('get', 'workflows')[:2000]}")
        time.sleep(0.1)


def row(what: str, wall: float, each: float, requests: str = "-", cpu: str = "-", memory: str = "-") -> None:
    """One line of the table."""
    print(f"| {what} | {wall:.2f} | {each:.3f} | {requests} | {cpu} | {memory} |", flush=True)


def bare_pods(count: int, *, at_once: bool) -> float:
    """Seconds that as many pods take that are made by hand; the row is printed."""
    started = time.monotonic()
    names = [f"bare-{uuid.uuid4().hex[:6]}" for _ in range(count)]
    groups = [names] if at_once else [[name] for name in names]
    for group in groups:
        pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"bare": "1"}}, "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": False, "containers": [{"name": "main", **MAIN}]}} for name in group]  # fmt: skip
        kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
        for name in group:
            kubectl("wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s")
    wall = time.monotonic() - started
    row(f"{count} bare pods, {'at once' if at_once else 'one after another'}", wall, wall / count)
    kubectl("delete", "pods", "-l", "bare=1", "--wait=false")
    return wall


def main() -> None:
    """Print the tables."""
    kubectl("create", "namespace", NAMESPACE)
    bench = Bench()
    one = {"name": "one", "container": MAIN}
    script = {"name": "one", "script": {**MAIN, "command": ["sh"], "source": "echo hi"}}
    try:
        print(f"idle controller: {bench.idle:.0f} MB\n")
        print("| real kubelet | wall, s | each, s | requests each | CPU each, ms | RSS, MB |\n|---|---|---|---|---|---|")
        bare_pods(10, at_once=False)
        bench.measure("chain of 10, per step", [chain("chain", 10, one)], 10)
        bench.measure("chain of 5 scripts, per step", [chain("scripts", 5, script)], 5)
        bench.measure("one step", [workflow("hello", [one])], 1)
        bare_pods(20, at_once=True)
        bench.measure("fan-out of 20, per step", [fan_out("fan", 20)], 20)
        bench.measure("50 workflows, each", [workflow(f"many-{i}", [one]) for i in range(50)], 50)
        subprocess.run([ROOT / "tests/e2e/cluster/kwok-up"], check=True, capture_output=True)
        print("\n| kwok | wall, s | each, s | requests each | CPU each, ms | RSS, MB |\n|---|---|---|---|---|---|")
        bench.measure("500 workflows, each", [workflow(f"k-{i}", [one], ON_KWOK) for i in range(500)], 500)
        bench.measure("fan-out of 1,000, per step", [fan_out("kfan", 1000, ON_KWOK)], 1000)
        for size in (200, 1000):
            bench.measure(f"layered DAG of {size}, per step", [layered(f"dag-{size}", size)], size)
    finally:
        bench.process.terminate()
        bench.process.wait(30)
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


if __name__ == "__main__":
    main()
