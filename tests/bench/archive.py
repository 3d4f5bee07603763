"""The archive: lists of a million rows, throughput beside raw inserts, and what archiving costs workflows that run.

Usage: `python -m tests.bench.archive [lists [mysql]|throughput|latency|cluster]...`; prints tables. PostgreSQL 15 as the tests start it, fsync on.
`cluster` is latency on the tests' real cluster, which must be up, and is measured only when it is asked for.
"""

import asyncio
import contextlib
import json
import pathlib
import resource
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import aiosqlite
import asyncmy
import asyncpg
from sqlalchemy import Select
from sqlalchemy.dialects import mysql, postgresql
from tests.databases.servers import PASSWORD, MariaDB, Postgres, Server, install
from tests.e2e.conftest import HOME, IMAGE, Cluster, ControllerProcess
from tests.integration.archive.conftest import NAMESPACE, World

from tiphys.archive.database import Database
from tiphys.archive.migrate import migrate
from tiphys.archive.picking import beginning
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.archive.walking import demanded, stretch_of, walking
from tiphys.cluster.api import Api, path_of
from tiphys.cluster.connection import find_access
from tiphys.local.objects import Place
from tiphys.model.archived import ArchivedWorkflow, ArchiveQuery, to_archive
from tiphys.testing.apiserver import APIServer, Ending

ROWS = 1_000_000
TURN, TURNS = 100, 40
"""Workflows that are written by turns, raw and archived."""
_NUMBERS = {"postgresql": "from generate_series({first}, {last}) s (i)", "mysql": "from (select seq i from seq_{first}_to_{last}) s"}
_ROW = {
    "postgresql": """
insert into argo_archived_workflows
select 'default', 'uid-' || i, '', 'job-' || i, 'team-' || (i % 10), case when i % 20 = 0 then 'Failed' else 'Succeeded' end,
  timestamp '2025-01-01 00:00:00' + i * interval '20 s', timestamp '2025-01-01 00:00:00' + i * interval '20 s' + interval '1 min',
  timestamp '2025-01-01 00:00:00' + i * interval '20 s',
  jsonb_build_object('metadata', jsonb_build_object('name', 'job-' || i, 'uid', 'uid-' || i), 'status',
    jsonb_build_object('phase', 'Succeeded', 'nodes', jsonb_build_object('n', md5(i::text) || repeat(md5((i + 1)::text), 12))))
{numbers};
insert into tiphys_archived_summaries
select 'default', 'uid-' || i, '{{"metadata":{{"name":"job-' || i || '","namespace":"team-' || (i % 10) || '"}},"status":{{"phase":"Succeeded"}}}}'
{numbers};
""",
    "mysql": """
insert into argo_archived_workflows
select 'default', concat('uid-', i), '', concat('job-', i), concat('team-', i % 10), if(i % 20 = 0, 'Failed', 'Succeeded'),
  timestamp '2025-01-01 00:00:00' + interval i * 20 second, timestamp '2025-01-01 00:00:00' + interval i * 20 + 60 second, timestamp '2025-01-01 00:00:00' + interval i * 20 second,
  json_object('metadata', json_object('name', concat('job-', i), 'uid', concat('uid-', i)), 'status',
    json_object('phase', 'Succeeded', 'nodes', json_object('n', concat(md5(i), repeat(md5(i + 1), 12)))))
{numbers};
insert into tiphys_archived_summaries
select 'default', concat('uid-', i),
  concat('{{"metadata":{{"name":"job-', i, '","namespace":"team-', i % 10, '"}},"status":{{"phase":"Succeeded"}}}}')
{numbers};
""",
}
_LABELS = {
    "workflows.argoproj.io/completed": {"postgresql": "'true'", "mysql": "'true'"},
    "workflows.argoproj.io/phase": dict.fromkeys(("postgresql", "mysql"), "case when i % 20 = 0 then 'Failed' else 'Succeeded' end"),
    "team": {"postgresql": "'t' || (i % 100)", "mysql": "concat('t', i % 100)"},
    "run": {"postgresql": "'r' || (i / 50)", "mysql": "concat('r', i div 50)"},
    "era": {"postgresql": "'e' || (i / 100000)", "mysql": "concat('e', i div 100000)"},
}
# the rows fit together: to look each of them up takes as long as to write it
_UNCHECKED = {"postgresql": "set session_replication_role = replica;", "mysql": "set foreign_key_checks = 0, unique_checks = 0;"}
_UID = {"postgresql": "'uid-' || i", "mysql": "concat('uid-', i)"}


def filling(kind: str, first: int, last: int) -> str:
    """The statements that make rows from `first` to `last`."""
    numbers = _NUMBERS[kind].format(first=first, last=last)
    said = [_ROW[kind].format(numbers=numbers)]
    labels = ((name, value[kind]) for name, value in _LABELS.items())
    said += [f"insert into argo_archived_workflows_labels select 'default', {_UID[kind]}, '{name}', {value} {numbers};" for name, value in labels]
    return "\n".join(said)


QUERIES = {
    "first page": ArchiveQuery(limit=20),
    "first page of a namespace": ArchiveQuery(namespace="team-3", limit=20),
    "label in 1 of 100 rows": ArchiveQuery(labels="team=t42", limit=20),
    "label in 50 rows of the million": ArchiveQuery(labels="run=r1234", limit=20),
    "label in 19 of 20 rows": ArchiveQuery(labels="workflows.argoproj.io/phase=Succeeded", limit=20),
    "two labels that no row has together": ArchiveQuery(labels="team=t42,workflows.argoproj.io/phase=Failed", limit=20),
    "two labels that no row has together, and a namespace": ArchiveQuery(labels="team=t42,workflows.argoproj.io/phase=Failed", namespace="team-2", limit=20),
    "label that 100,000 rows have, all of them the oldest": ArchiveQuery(labels="era=e0", limit=20),
    "the same in a namespace": ArchiveQuery(labels="era=e0", namespace="team-3", limit=20),
    "the same and a label of 1 of 20, in a namespace": ArchiveQuery(labels="era=e0,workflows.argoproj.io/phase=Failed", namespace="team-0", limit=20),
    "label without rows": ArchiveQuery(labels="team=nobody", limit=20),
    "one name": ArchiveQuery(name="job-777777", limit=20),
    "names that begin alike, 111 of them": ArchiveQuery(name_prefix="job-7777", limit=20),
    "names that begin alike, 111,111 of them": ArchiveQuery(name_prefix="job-7", limit=20),
    "names that begin alike, all": ArchiveQuery(name_prefix="job-", limit=20),
}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def p95(work: Callable[[], Awaitable[object]], times: int = 100) -> tuple[float, float]:
    """Median and 95th percentile, milliseconds."""
    await work()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=20)[18]


async def lists(server: Server) -> None:
    """Pages of a million rows; in MariaDB when its name is asked for."""
    database = Database(server.target())
    await migrate(database)
    began = time.monotonic()
    step = ROWS // 10
    for first in range(1, ROWS, step):
        await asyncio.to_thread(server.sql, _UNCHECKED[server.kind] + filling(server.kind, first, first + step - 1))
    print(f"\nfilled with {ROWS} rows in {time.monotonic() - began:.0f} s", flush=True)
    server.sql("drop table tiphys_archived_labels_by_time; update tiphys_schema_history set version_num = '0004';")
    began = time.monotonic()
    await migrate(database)
    print(f"labels by time entered by the migration in {time.monotonic() - began:.0f} s\n", flush=True)
    tables = ", ".join(table.name for table in database.tables.metadata.sorted_tables)
    await asyncio.to_thread(server.sql, "vacuum analyze;" if server.kind == "postgresql" else f"analyze table {tables};")
    await pages(server, database)
    await database.close()


async def pages(server: Server, database: Database) -> None:
    archive = SqlArchive(database)
    before = peak_mb()
    print(f"| page of 20, {server.kind} | median ms | p95 ms |\n|---|---|---|")
    for name, query in QUERIES.items():
        median, worst = await p95(lambda query=query: archive.page(query))
        print(f"| {name} | {median:.1f} | {worst:.1f} |", flush=True)
    cursor = ""
    for _ in range(50):
        cursor = (await archive.page(ArchiveQuery(limit=500, cursor=cursor))).cursor
    median, worst = await p95(lambda: archive.page(ArchiveQuery(limit=20, cursor=cursor)))
    print(f"| after 25,000 rows | {median:.1f} | {worst:.1f} |")
    median, worst = await p95(archive.labels, times=20)
    print(f"| all label keys | {median:.1f} | {worst:.1f} |")
    print(f"\nmemory of the reader: {before:.0f} MB before, {peak_mb():.0f} MB after")
    for name in ("first page", "label in 19 of 20 rows"):
        await _explain(server, name, archive.page_statement(QUERIES[name]))
    many = "names that begin alike, 111,111 of them"
    await _explain(server, f"{many}, by their index", beginning(database.tables, database.target, QUERIES[many]))
    for name in ("label that 100,000 rows have, all of them the oldest", "two labels that no row has together, and a namespace"):
        async with database.transaction() as connection:
            stretch = await stretch_of(connection, database.tables, database.target, QUERIES[name])
        if stretch is not None:
            await _explain(server, name, walking(database.tables, database.target, QUERIES[name], demanded(QUERIES[name]), stretch))


async def _explain(server: Server, name: str, statement: Select[Any]) -> None:
    dialect = postgresql.dialect() if server.kind == "postgresql" else mysql.dialect()
    text = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    explain = "explain (analyze, costs off, timing off)" if server.kind == "postgresql" else "analyze"
    print(f"\n{name}:\n{await asyncio.to_thread(server.sql, f'{explain} {text};')}", flush=True)


def workflow(number: int, nodes: int = 100) -> dict[str, Any]:
    node = {"type": "Pod", "phase": "Succeeded", "templateName": "work", "startedAt": "2026-03-01T12:00:00Z", "finishedAt": "2026-03-01T12:00:09Z",
            "progress": "1/1", "resourcesDuration": {"cpu": 1, "memory": 2}, "outputs": {"exitCode": "0"}, "hostNodeName": "node-1"}  # fmt: skip
    made = {f"job-{number}-{n}": {**node, "id": f"job-{number}-{n}", "name": f"job-{number}.work({n})", "boundaryID": f"job-{number}"} for n in range(nodes)}
    return {
        "metadata": {"name": f"job-{number}", "namespace": "team", "uid": f"u-{number}", "creationTimestamp": "2026-03-01T12:00:00Z",
                     "labels": {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": "Succeeded", "team": "a"}},
        "spec": {"entrypoint": "work"},
        "status": {"phase": "Succeeded", "startedAt": "2026-03-01T12:00:00Z", "finishedAt": "2026-03-01T12:00:09Z", "nodes": made},
    }  # fmt: skip


async def at_once(works: list[Callable[[], Awaitable[object]]], lanes: int) -> float:
    """Seconds to do all, `lanes` at a time."""
    left = iter(works)

    async def lane() -> None:
        for work in left:
            await work()

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    return time.perf_counter() - began


class Raw:
    """The database's own driver, and the least that it can be asked: a row with the same bytes."""

    def __init__(self, kind: str, target: Target) -> None:
        self.kind, self.target = kind, target
        self.pool: Any = None

    async def open(self) -> None:
        said = {"host": self.target.host, "port": self.target.port, "user": "tiphys", "password": PASSWORD}
        if self.kind == "postgresql":
            self.pool = await asyncpg.create_pool(**said, database=self.target.name, min_size=4)
            await self.pool.execute("create table raw (uid text primary key, workflow jsonb not null)")
        elif self.kind == "mysql":
            self.pool = await asyncmy.create_pool(**said, db=self.target.name, minsize=4, autocommit=True, charset="utf8mb4")
            async with self.pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute("create table raw (uid varchar(128) primary key, workflow json not null)")
        else:
            self.pool = await aiosqlite.connect(self.target.name, isolation_level=None)
            for statement in ("pragma journal_mode=WAL", "pragma synchronous=FULL", "create table raw (uid text primary key, workflow json not null)"):
                await self.pool.execute(statement)

    async def insert(self, uid: str, text: str) -> None:
        if self.kind == "postgresql":
            await self.pool.execute("insert into raw values ($1, $2)", uid, text)
        elif self.kind == "mysql":
            async with self.pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute("insert into raw values (%s, %s)", (uid, text))
        else:
            await self.pool.execute("insert into raw values (?, ?)", (uid, text))

    async def close(self) -> None:
        if self.kind == "mysql":
            self.pool.close()
            await self.pool.wait_closed()
        else:
            await self.pool.close()


async def throughput(server: Postgres) -> None:
    """Workflows/s beside raw inserts, in every kind of database."""
    mariadb = MariaDB()
    mariadb.start()
    mariadb.make_database("throughput")
    with tempfile.TemporaryDirectory() as folder:
        targets = [(server.target("throughput"), server), (mariadb.target("throughput"), mariadb), (Target(kind="sqlite", name=f"{folder}/archive.db"), None)]
        ready = [to_archive(workflow(number)) for number in range(TURN * TURNS)]
        size = len(ready[0].document)
        print(f"\n| workflows of 100 nodes ({size / 1000:.0f} kB), 4 at once | raw, workflows/s | CPU of each, ms | archived, workflows/s | CPU of each, ms "
              f"| ratio, median of {TURNS} | of 8 of 10 | ratio of CPU |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
        for target, process in targets:
            print(f"| {target.kind} | {await _rates(target, process, ready)} |", flush=True)
    mariadb.stop()


async def _rates(target: Target, server: Server | None, ready: list[ArchivedWorkflow]) -> str:
    """A line of the table: the kinds take turns, and what other work the machine has falls on both."""
    database = Database(target)
    await migrate(database)
    archive, raw = SqlArchive(database), Raw(target.kind, target)
    await raw.open()
    kinds = {"raw": lambda one: raw.insert(one.uid, one.document), "archive": archive.save}
    rates: dict[str, list[float]] = {name: [] for name in kinds}
    cpu = dict.fromkeys(kinds, 0.0)
    for turn in range(0, len(ready), TURN):
        # the first to write is not always the same one
        for name in (list(kinds) if turn // TURN % 2 else reversed(kinds)):
            before = _cpu(server)
            took = await at_once([lambda one=one, name=name: kinds[name](one) for one in ready[turn : turn + TURN]], 4)
            cpu[name] += _cpu(server) - before
            rates[name].append(TURN / took)
    await raw.close()
    await database.close()
    # the first turns open connections, and write while the new database has not counted its tables yet
    ratios = [archived / raw for archived, raw in zip(rates["archive"], rates["raw"], strict=True)]
    deciles = statistics.quantiles(ratios, n=10)
    each = {name: f"{statistics.median(rates[name]):.0f} | {cpu[name] * 1000 / len(ready):.2f}" for name in kinds}
    return f"{each['raw']} | {each['archive']} | {statistics.median(ratios):.2f} | {deciles[0]:.2f} to {deciles[-1]:.2f} | {cpu['raw'] / cpu['archive']:.2f}"


def _cpu(server: Server | None) -> float:
    """Seconds of CPU that this process and the server have used so far."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    used = own.ru_utime + own.ru_stime
    for process in pathlib.Path("/proc").glob("[0-9]*") if server is not None and server.process is not None else ():
        with contextlib.suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if server.process.pid in (int(process.name), parent):
                used += sum(int((thread / "schedstat").read_text().split()[0]) for thread in (process / "task").iterdir()) / 1e9
    return used


async def latency(server: Postgres) -> None:
    """Milliseconds from a workflow's creation to its written end, ten at a time; the controller is a process of its own."""
    took: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(6):
        is_on = bool(turn % 2)
        async with APIServer(lambda _pod: Ending()) as api_server:
            world = World(api_server, server, "latency")
            process = await _controller(world, is_on=is_on)
            for batch in range(10):
                took[is_on] += await _batch(world, [f"w-{turn}-{batch}-{n}" for n in range(10)])
            process.terminate()
            await process.wait()
            await world.database.close()
    _print_latency("one-step workflows, ten at once", took)


def _print_latency(what: str, took: dict[bool, list[float]]) -> None:
    print(f"\n| {what} | median ms | p95 ms |\n|---|---|---|")
    for is_on, found in took.items():
        name = "archiving on" if is_on else "archiving off"
        print(f"| {name} | {statistics.median(found):.0f} | {statistics.quantiles(found, n=20)[18]:.0f} |")
    print(f"| ratio | {statistics.median(took[True]) / statistics.median(took[False]):.2f} | |")


async def _controller(world: World, *, is_on: bool) -> asyncio.subprocess.Process:
    folder = world.server.folder
    database = {"host": world.server.host, "port": world.server.port, "database": "latency", "userNameSecret": {"name": "db", "key": "username"},
                "passwordSecret": {"name": "db", "key": "password"}}  # fmt: skip
    said = json.dumps({"archive": is_on, "postgresql": database})
    meta = {"name": "workflow-controller-configmap"}
    world.api_server.store.create(Place("api/v1", "configmaps", NAMESPACE, meta["name"]), {"kind": "ConfigMap", "metadata": meta, "data": {"persistence": said}})
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps({
        "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "namespace": NAMESPACE}}],
        "clusters": [{"name": "c", "cluster": {"server": world.api_server.address}}],
    }))  # fmt: skip
    command = (sys.executable, "-m", "tiphys", "controller", "--kubeconfig", str(kubeconfig), "--metrics-port", "0", "--health-port", "0")
    with (folder / "controller.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    await _batch(world, [f"warm-{is_on}-{n}".lower() for n in range(10)])
    return process


async def _batch(world: World, names: list[str]) -> list[float]:
    began = time.perf_counter()
    for name in names:
        world.submit(name)
    left, took = set(names), []
    while left:
        await asyncio.sleep(0.002)
        for name in list(left):
            if world.workflow(name).get("status", {}).get("phase") == "Succeeded":
                left.remove(name)
                took.append((time.perf_counter() - began) * 1000)
    await asyncio.sleep(0.3)
    return took


async def cluster(server: Postgres) -> None:
    """As `latency`, with pods of a real kubelet: archiving off and on by turns, in one namespace."""
    namespace = f"bench-{uuid.uuid4().hex[:8]}"
    took: dict[bool, list[float]] = {True: [], False: []}
    own = server.folder / "cluster.kubeconfig"
    config = json.loads((HOME / "kubeconfig").read_text())
    for context in config["contexts"]:
        # the controller's own namespace, where its configuration is
        context["context"]["namespace"] = namespace
    own.write_text(json.dumps(config))
    access, where = find_access(str(own)), Cluster(str(own), namespace)
    where.kubectl("create", "namespace", namespace)
    where.kubectl("create", "secret", "generic", "db", "--from-literal=username=tiphys", f"--from-literal=password={PASSWORD}")
    try:
        async with Api(access) as api:
            for turn in range(6):
                is_on = bool(turn % 2)
                process = await asyncio.to_thread(_cluster_controller, where, server, is_on=is_on)
                try:
                    await _pods(api, namespace, [f"warm-{turn}-{n}" for n in range(5)])
                    for batch in range(5):
                        took[is_on] += await _pods(api, namespace, [f"w-{turn}-{batch}-{n}" for n in range(5)])
                finally:
                    await asyncio.to_thread(process.stop)
        archived = int(server.sql("select count(*) from argo_archived_workflows where name like 'w-%';", "cluster"))
        assert archived >= 0.9 * len(took[True])
    finally:
        where.kubectl("delete", "namespace", namespace, "--wait=false")
    _print_latency("one-step workflows on the cluster, five at once", took)
    print(f"\n{archived} of {len(took[True])} were archived by then")


def _cluster_controller(where: Cluster, server: Postgres, *, is_on: bool) -> ControllerProcess:
    database = {"host": server.host, "port": server.port, "database": "cluster", "userNameSecret": {"name": "db", "key": "username"},
                "passwordSecret": {"name": "db", "key": "password"}}  # fmt: skip
    said = {"persistence": json.dumps({"archive": is_on, "postgresql": database})}
    where.apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "workflow-controller-configmap"}, "data": said}))
    arguments = ("--managed-namespace", where.namespace, "--instance-id", where.namespace)
    return ControllerProcess(where.kubeconfig, IMAGE, server.folder / "cluster.log", *arguments)


async def _pods(api: Api, namespace: str, names: list[str]) -> list[float]:
    """Milliseconds from creation to the written end of workflows of one pod each."""
    main = {"name": "main", "container": {"image": "alpine", "command": ["true"]}}
    began, took, left = time.perf_counter(), [], set(names)

    async def create(name: str) -> None:
        meta = {"name": name, "labels": {"workflows.argoproj.io/controller-instanceid": namespace}}
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta, "spec": {"entrypoint": "main", "templates": [main]}}
        await api.call("POST", "Workflow", path_of("Workflow", namespace), body=body)

    await asyncio.gather(*(create(name) for name in names))
    while left:
        async for page in api.list("Workflow", namespace, labels="workflows.argoproj.io/phase=Succeeded"):
            done = left & {json.loads(bytes(one))["metadata"]["name"] for one in page.items}
            took += [(time.perf_counter() - began) * 1000 for _ in done]
            left -= done
        await asyncio.sleep(0.01)
    return took


def main() -> None:
    """Run what is asked for, or everything but the cluster."""
    install()
    server = MariaDB() if sys.argv[1:] == ["lists", "mysql"] else Postgres()
    server.start()
    if server.kind == "mysql":
        sys.argv.pop()
    works = {"throughput": throughput, "latency": latency, "lists": lists, "cluster": cluster}
    try:
        for name in sys.argv[1:] or [one for one in works if one != "cluster"]:
            if name != "lists":
                server.make_database(name)
            asyncio.run(works[name](server))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
