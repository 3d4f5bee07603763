"""What a workflow on this machine costs over its processes alone: `python -m tests.bench.local [TASKS]`."""

import asyncio
import os
import pathlib
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


def run(folder: pathlib.Path, tasks: int) -> float:
    """Seconds of `tiphys run`, its own start included."""
    file = folder / f"bench-{tasks}.yaml"
    file.write_text(workflow(tasks))
    command = [sys.executable, "-m", "tiphys", "run", str(file), "--runtime", "process", "-o", "name", "--no-log"]
    began = time.monotonic()
    subprocess.run(command, env={**os.environ, "TIPHYS_HOME": str(folder / "home")}, check=True, capture_output=True)
    return time.monotonic() - began


def main() -> None:
    """Print the table: of three rounds the best of each, since what else this machine does only adds."""
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    starts, wholes, bares = [], [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as name:
            starts.append(run(pathlib.Path(name), 1))
            wholes.append(run(pathlib.Path(name), tasks))
        began = time.monotonic()
        asyncio.run(alone(tasks, os.cpu_count() or 1))
        bares.append(time.monotonic() - began)
    start, whole, bare = min(starts), min(wholes), min(bares)
    print(f"| {tasks} processes alone | {bare:.2f} s | {bare / tasks * 1000:.1f} ms each |")
    print(f"| DAG of {tasks} `true` | {whole:.2f} s | {whole / tasks * 1000:.1f} ms each, {whole / bare:.1f} times that |")
    print(f"| one `true`, start included | {start:.2f} s | |")
    print(f"| overhead a node over processes alone | {(whole - start - bare) / tasks * 1000:.1f} ms | |")


if __name__ == "__main__":
    main()
