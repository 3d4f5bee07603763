"""The engine alone, no I/O: node completions a second on a layered DAG, and what an event costs in a small and a big one.

`python -m tests.bench.engine` prints the table of docs/performance.md. CPU time, not wall time: other work on the machine hardly
counts. Each node is one completion; "with its start" reports Running before Succeeded, as a real pod does. A status patch is taken
every 50 events, as a controller that is busy does.
"""

import gc
import time
from collections import deque
from datetime import UTC, datetime

from tiphys.controller.collector import calm_collector
from tiphys.engine.actions import StartNode
from tiphys.engine.events import NodeReported, Restored
from tiphys.engine.run import Run
from tiphys.model.parse import parse_workflow
from tiphys.model.report import NodeReport
from tiphys.model.workflow import Workflow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WIDTH = 10
PATCH_EVERY = 50


def layered_dag(size: int) -> Workflow:
    """Layers of ten tasks, each waiting for two of the layer before."""
    tasks = [
        {"name": f"t{i}", "template": "one", **({"depends": f"t{i - WIDTH} && t{i - WIDTH + 1}"} if i >= WIDTH else {})}
        for i in range(size)
    ]
    leaf = {"name": "one", "container": {"image": "alpine", "command": ["true"]}}
    spec = {"entrypoint": "main", "templates": [{"name": "main", "dag": {"tasks": tasks}}, leaf]}
    return parse_workflow({"metadata": {"name": "bench", "uid": "u"}, "spec": spec})


def play(size: int, *, with_start: bool) -> tuple[float, float]:
    """CPU seconds to begin, and to run all nodes to their end."""
    workflow = layered_dag(size)
    began = time.process_time()
    run = Run(workflow)
    waiting = deque(action.order for action in run.handle(Restored(), NOW) if isinstance(action, StartNode))
    run.take_patch()
    middle = time.process_time()
    events = 0
    while waiting:
        node_id = waiting.popleft().node_id
        reports = [NodeReport(node_id=node_id, phase="Running")] if with_start else []
        reports.append(NodeReport(node_id=node_id, phase="Succeeded", exit_code=0, is_final=True, finished_at=NOW))
        for report in reports:
            waiting.extend(a.order for a in run.handle(NodeReported(report), NOW) if isinstance(a, StartNode))
            events += 1
            if events % PATCH_EVERY == 0:
                run.take_patch()
    if run.status.phase != "Succeeded":
        raise AssertionError(run.status.message)
    return middle - began, time.process_time() - middle


def loop_seconds() -> float:
    """How long the same plain Python takes, for comparing machines and their load."""
    began = time.process_time()
    total = 0
    for i in range(2_000_000):
        total += i
    return time.process_time() - began


def main() -> None:
    """Print the table."""
    calm_collector()
    rows = []
    for with_start in (False, True):
        for size in (100, 1_000, 10_000):
            repeats = max(1, 2_000 // size)
            found = []
            for _ in range(3):
                gc.collect()
                found.append(tuple(map(sum, zip(*(play(size, with_start=with_start) for _ in range(repeats)), strict=True))))
            begin, spent = min(found, key=lambda pair: pair[1])
            events = size * repeats * (2 if with_start else 1)
            rows.append((with_start, size, begin / repeats, size * repeats / spent, spent / events * 1e6))
    print(f"2,000,000 turns of a plain loop: {loop_seconds():.3f} s")
    print("| engine alone, layered DAG | to begin, s | completions/s | us an event | x that of 100 |")
    print("|---|---|---|---|---|")
    base: dict[bool, float] = {}
    for with_start, size, begin, rate, each in rows:
        base.setdefault(with_start, each)
        name = f"{size:,} tasks, " + ("start and completion" if with_start else "completion")
        print(f"| {name} | {begin:.2f} | {rate:,.0f} | {each:.1f} | {each / base[with_start]:.2f} |")


if __name__ == "__main__":
    main()
