"""What a workflow on this machine costs over its processes alone: `python -m tests.bench.local [TASKS]`."""

import asyncio
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import yaml


def workflow(tasks: int) -> str:
    """A layered DAG of `true`, two parents each, layers of twenty."""
    listed = [
        {"name": f"t{n}", "template": "true", **({"depends": f"t{n - 20} && t{n - 20 + (1 if n % 20 < 19 else -1)}"} if n >= 20 else {})}
        for n in range(tasks)
    ]
    templates = [{"name": "main", "dag": {"tasks": listed}}, {"name": "true", "container": {"image": "alpine", "command": ["true"]}}]
    spec = {"entrypoint": "main", "templates": templates}
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "bench-"}}
    return yaml.safe_dump({**head, "spec": spec})


async def alone(tasks: int, places: int) -> None:
    """The same number of processes, as many at a time."""
    gate = asyncio.Semaphore(places)

    async def one() -> None:
        async with gate:
            process = await asyncio.create_subprocess_exec("true", stdin=asyncio.subprocess.DEVNULL)
            await process.wait()

    await asyncio.gather(*(one() for _ in range(tasks)))


def cpu() -> float:
    """Seconds of the processors that this program and what it has waited for have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run(folder: pathlib.Path, tasks: int) -> tuple[float, float]:
    """Seconds of `tiphys run` and of the processors, its own start included."""
    file = folder / f"bench-{tasks}.yaml"
    file.write_text(workflow(tasks))
    command = [sys.executable, "-m", "tiphys", "run", str(file), "--runtime", "process", "-o", "name", "--no-log"]
    began, used = time.monotonic(), cpu()
    subprocess.run(command, env={**os.environ, "TIPHYS_HOME": str(folder / "home")}, check=True, capture_output=True)
    return time.monotonic() - began, cpu() - used


def bare(tasks: int) -> tuple[float, float]:
    """Seconds of the processes alone, and of the processors."""
    began, used = time.monotonic(), cpu()
    asyncio.run(alone(tasks, os.cpu_count() or 1))
    return time.monotonic() - began, cpu() - used


def main() -> None:
    """Print the table: of three rounds the best of each, since what else this machine does only adds."""
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as name:
            rounds.append((bare(tasks), run(pathlib.Path(name), 1), run(pathlib.Path(name), tasks)))
    for index, unit in enumerate(("wall", "CPU")):
        alone_, start, whole = (min(one[what][index] for one in rounds) for what in range(3))
        print(f"| {unit}: {tasks} processes alone | {alone_ / tasks * 1000:.1f} ms each |")
        print(f"| {unit}: one `true`, start included | {start:.2f} s |")
        print(f"| {unit}: DAG of {tasks} `true` | {whole / tasks * 1000:.1f} ms each, {whole / alone_:.1f} times that |")
        print(f"| {unit}: overhead a node over processes alone | {(whole - start - alone_) / tasks * 1000:.1f} ms |")


if __name__ == "__main__":
    main()
