"""The server's memory and times: lists over many workflows while many watch. Usage: `python -m tests.bench.server`; prints two tables.

The first is of a server that reads lists from the cluster, the second of one that makes them of summaries. The API server (the tests' own) and the server are processes of their own; memory is the server's resident set as the kernel counts it.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import aiohttp

from tiphys.local.objects import Place
from tiphys.testing.apiserver import APIServer

WORKFLOWS, WATCHERS, NODES = 5000, 200, 20
ARGO = "apis/argoproj.io/v1alpha1"
FIELDS = "metadata,items.metadata.name,items.metadata.namespace,items.metadata.uid,items.status.phase,items.status.startedAt"


def noise(seed: str, length: int) -> str:
    """Text in which nothing is found twice."""
    return "".join(hashlib.sha256(f"{seed}{i}".encode()).hexdigest() for i in range(length // 64 + 1))[:length]


def workflow(number: int) -> dict[str, Any]:
    """One that has ended, of about 10 kB."""
    name = f"job-{number}"
    common = {"type": "Pod", "phase": "Succeeded", "templateName": "main", "startedAt": "2026-01-01T00:00:00Z"}
    nodes = {
        f"{name}-{i}": {"id": f"{name}-{i}", "name": f"{name}.{i}", "displayName": str(i), "message": noise(f"{name}{i}", 200)}
        | common
        for i in range(NODES)
    }
    container = {"image": "i", "command": ["a"], "args": [noise(name, 1000)]}
    ended = f"2026-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
    status = {"phase": "Succeeded", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": ended, "nodes": nodes}
    spec = {"entrypoint": "main", "templates": [{"name": "main", "container": container}]}
    return {"metadata": {"name": name, "labels": {"team": str(number % 10)}}, "spec": spec, "status": status}


async def api_server() -> None:
    """The API server as a process; says where it is, and changes a workflow for each line that it is given."""
    async with APIServer() as cluster:
        for number in range(WORKFLOWS):
            cluster.store.create(Place(ARGO, "workflows", "ns", f"job-{number}"), workflow(number))
        print(cluster.address, flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            name, at = line.decode().split()
            cluster.store.patch(Place(ARGO, "workflows", "ns", name), {"metadata": {"annotations": {"at": at}}})


def memory(process: int) -> tuple[float, float]:
    """Resident set of a process and its highest, in MB."""
    lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines())
    return tuple(int(lines[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def busy(process: int) -> float:
    """Seconds of a core that a process has used."""
    numbers = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


async def timed(session: aiohttp.ClientSession, path: str, times: int) -> list[float]:
    """Seconds that each request took."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        async with session.get(path) as answer:
            assert answer.status == 200, await answer.text()
            async for _chunk in answer.content.iter_any():
                pass
        took.append(time.perf_counter() - began)
    return took


async def watch(session: aiohttp.ClientSession, ready: asyncio.Event, seen: list[int]) -> None:
    """Count what a watcher is told."""
    async with session.get("/api/v1/workflow-events/ns?listOptions.resourceVersion=" + VERSION[0]) as answer:
        ready.set()
        async for line in answer.content:
            if line.strip():
                seen[0] += 1


VERSION = [""]


READS = (
    ("page of 50, fields of a table", f"/api/v1/workflows/ns?listOptions.limit=50&fields={FIELDS}", 20),
    (
        "the last page of 50",
        f"/api/v1/workflows/ns?listOptions.limit=50&listOptions.continue={WORKFLOWS - 50}&fields={FIELDS}",
        20,
    ),
    ("page of 50, whole", "/api/v1/workflows/ns?listOptions.limit=50", 20),
    ("all, fields of a table", f"/api/v1/workflows/ns?fields={FIELDS}", 5),
    ("all, whole", "/api/v1/workflows/ns", 5),
)


async def read(session: aiohttp.ClientSession, server: int, what: str, path: str, times: int, together: int) -> tuple[str, ...]:
    """What it takes that some read the same at once, each several times."""
    used = busy(server)
    took = [one for each in await asyncio.gather(*(timed(session, path, times) for _ in range(together))) for one in each]
    late, each_ms = sorted(took)[int(len(took) * 0.95)], (busy(server) - used) / len(took) * 1000
    return what, f"{statistics.median(took) * 1000:.0f}", f"{late * 1000:.0f}", f"{each_ms:.0f}", f"{memory(server)[1]:.0f}"


async def measure(address: str, server: subprocess.Popen[bytes], cluster: subprocess.Popen[bytes], title: str) -> None:
    """Print the table."""
    rows: list[tuple[str, ...]] = []
    timeout = aiohttp.ClientTimeout(total=None, sock_read=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(address, connector=connector, timeout=timeout, read_bufsize=2**20) as session:
        async with session.get("/api/v1/workflows/ns?listOptions.limit=1") as answer:
            VERSION[0] = (await answer.json(content_type=None))["metadata"]["resourceVersion"]
        rows.append(("one list made", "", "", "", f"{memory(server.pid)[0]:.0f}"))
        seen, tasks = [0], []
        for _ in range(WATCHERS):
            ready = asyncio.Event()
            tasks.append(asyncio.create_task(watch(session, ready, seen)))
            await ready.wait()
        rows.append((f"{WATCHERS} watchers, open", "", "", "", f"{memory(server.pid)[0]:.0f}"))
        for what, path, times in READS:
            rows.append(await read(session, server.pid, what, path, times, 1))
            rows.append(await read(session, server.pid, f"{what}, 8 readers", path, times, 8))
        assert cluster.stdin is not None
        began = time.perf_counter()
        for number in range(20):
            cluster.stdin.write(f"job-{number} {server.pid}\n".encode())
        cluster.stdin.flush()
        while seen[0] < WATCHERS * 20:  # noqa: ASYNC110 it is what is measured
            await asyncio.sleep(0.01)
        rows.append(
            (
                f"20 changes told to {WATCHERS} watchers",
                f"{(time.perf_counter() - began) * 1000:.0f}",
                "",
                "",
                f"{memory(server.pid)[1]:.0f}",
            )
        )
        for task in tasks:
            task.cancel()
    size = len(json.dumps(workflow(1))) / 1000
    print(
        f"{title}:\n\n| {WORKFLOWS:,} workflows of {size:.0f} kB | ms, median | p95 | server's CPU for one, ms | server's memory, MB (highest so far) |\n|---|---|---|---|---|"
    )
    for row in rows:
        print("| " + " | ".join(row) + " |")


@contextlib.contextmanager
def beside_cluster() -> Iterator[tuple[subprocess.Popen[bytes], int, pathlib.Path]]:
    """The API server, a port for a server, and the kubeconfig that leads from it to the API server."""
    cluster = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.server", "cluster"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert cluster.stdout is not None
    where = cluster.stdout.readline().decode().strip()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kubeconfig = pathlib.Path(f"/tmp/tiphys-bench-{os.getpid()}")  # noqa: S108
    kubeconfig.write_text(json.dumps({
        "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
        "clusters": [{"name": "c", "cluster": {"server": where}}], "users": [{"name": "u", "user": {"token": "t"}}],
    }))  # fmt: skip
    try:
        yield cluster, port, kubeconfig
    finally:
        cluster.terminate()
        cluster.wait()
        kubeconfig.unlink()


@contextlib.contextmanager
def serving(port: int, kubeconfig: pathlib.Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server that listens; ended in the end, if it is not by then."""
    server = subprocess.Popen([
        sys.executable, "-m", "tiphys", "server", "--auth-mode", "server", "--port", str(port), "--kubeconfig", str(kubeconfig),
        "--api-rate-limit", "0", "--loglevel", "warn", *more,
    ])  # fmt: skip
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield server
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Start both, measure, end both."""
    with beside_cluster() as (cluster, port, kubeconfig):
        for title, most in (("Lists read from the cluster", "0"), ("Lists made of summaries", "20000")):
            with serving(port, kubeconfig, "--list-cache", most) as server:
                asyncio.run(measure(f"http://127.0.0.1:{port}", server, cluster, title))


if __name__ == "__main__":
    asyncio.run(api_server()) if sys.argv[1:] == ["cluster"] else main()
