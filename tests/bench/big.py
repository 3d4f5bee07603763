"""One workflow of 10,000 pods on the test cluster's fake nodes (kwok): time, requests, and what the controller and the status need.

`python -m tests.bench.big` prints the table; it takes some minutes, and is not part of `make bench`.
"""

import json
import subprocess
import sys
import threading
import time
from typing import Any

from tests.bench.__main__ import MAIN, NAMESPACE, ON_KWOK, ROOT, Bench, finished, kubectl, wait, workflow

LAYERS = 10


def graph(name: str, size: int) -> dict[str, Any]:
    """A chain of loops, each as wide as a tenth of the whole; the spec stays small, the status does not."""
    tasks = [
        {"name": f"t{i}", "template": "one", "withSequence": {"count": str(size // LAYERS)}, **({"depends": f"t{i - 1}"} if i else {})}
        for i in range(LAYERS)
    ]
    spec = {**ON_KWOK, "podGC": {"strategy": "OnPodCompletion", "deleteDelayDuration": "0s"}}
    return workflow(name, [{"name": "main", "dag": {"tasks": tasks}}, {"name": "one", "container": MAIN}], spec)


class Peak:
    """The most memory that the controller had."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._is_over = bench, threading.Event()
        self.megabytes = 0.0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._is_over.wait(0.5):
            self.megabytes = max(self.megabytes, self._bench.memory())

    def end(self) -> float:
        """What it was."""
        self._is_over.set()
        self._thread.join()
        return self.megabytes


def main(size: int = 10_000) -> None:
    """Print the table."""
    kubectl("create", "namespace", NAMESPACE)
    subprocess.run([ROOT / "tests/e2e/cluster/kwok-up"], check=True, capture_output=True)
    bench = Bench()
    peak = Peak(bench)
    try:
        cpu, requests, started = bench.cpu(), bench.requests(), time.monotonic()
        kubectl("create", "-f", "-", stdin=json.dumps(graph("big", size)))
        wait(lambda: bool(finished("Succeeded") or finished("Failed") or finished("Error")), 540)
        wall = time.monotonic() - started
        used, asked = bench.cpu() - cpu, bench.requests() - requests
        stored = kubectl("get", "workflow", "big", "-o", "json")
        status = json.loads(stored)["status"]
        print("| pods | ended | wall, s | requests each | CPU each, ms | idle, peak RSS, MB | object, bytes | nodes compressed, bytes |")
        print("|---|---|---|---|---|---|---|---|")
        print(f"| {size:,} | {status['phase']} {status['progress']} | {wall:.1f} | {asked / size:.2f} | {1000 * used / size:.2f} | "
              f"{bench.idle:.0f}, {peak.end():.0f} | {len(stored):,} | {len(status.get('compressedNodes', '')):,} |")  # fmt: skip
    finally:
        peak.end()
        bench.process.terminate()
        bench.process.wait(30)
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


if __name__ == "__main__":
    main(*(int(one) for one in sys.argv[1:]))
