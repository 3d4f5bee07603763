"""The controller as a process: started as users start it, asked to end, and put to sleep."""

import asyncio
import contextlib
import os
import pathlib
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping

from tests.integration.controller.conftest import SPEED, Harbour, place
from tests.integration.tracing.receivers import GrpcReceiver

from tiphys.local.objects import Place
from tiphys.model.names import node_id, pod_name
from tiphys.testing.apiserver import Ending

CHAIN = """
entrypoint: main
templates:
- name: main
  steps: [[{name: a, template: one}], [{name: b, template: one}]]
- {name: one, container: {image: i, command: [a]}}
"""


class Process:
    """One controller; its seconds are those of a clock."""

    def __init__(self, process: asyncio.subprocess.Process, log: pathlib.Path) -> None:
        self.process = process
        self.log = log

    async def says(self, text: str, seconds: float = 90) -> None:
        async with asyncio.timeout(seconds * SPEED):
            while text not in self.log.read_text():  # noqa: ASYNC110 another process writes
                await asyncio.sleep(1)

    async def sees(self, replicas: int, seconds: float = 90) -> None:
        """Return when it has said that so many replicas are alive."""
        told = re.compile("replicas that are alive: " + ", ".join([r"[\w-]+"] * replicas) + r'["\n]')
        async with asyncio.timeout(seconds * SPEED):
            while not told.search(self.log.read_text()):  # noqa: ASYNC110 another process writes
                await asyncio.sleep(1)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = 60) -> int:
        async with asyncio.timeout(seconds * SPEED):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def started(
    harbour: Harbour, folder: pathlib.Path, name: str, *arguments: str, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    kubeconfig, log = folder / "kubeconfig", folder / f"{name}.log"
    kubeconfig.write_text(
        f"""
        current-context: c
        contexts: [{{name: c, context: {{cluster: k, user: u, namespace: argo}}}}]
        clusters: [{{name: k, cluster: {{server: "{harbour.server.address}"}}}}]
        users: [{{name: u, user: {{token: t}}}}]
        """
    )
    command = [sys.executable, "-m", "tiphys", "controller", "--kubeconfig", str(kubeconfig), "--metrics-port", "0", "--health-port", "0"]
    environment = {key: text for key, text in os.environ.items() if key != "KUBECONFIG"} | dict(variables or {})
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*command, *arguments, env=environment, stdout=file, stderr=file)
    made = Process(process, log)
    try:
        await made.says("runs are restored")
        yield made
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def made(harbour: Harbour) -> Counter[str]:
    return Counter(c.place.name for c in harbour.server.store.changes if c.type == "ADDED" and c.place.plural == "pods")


async def test_a_process_runs_workflows_and_ends_when_it_is_asked_to(harbour: Harbour, tmp_path: pathlib.Path) -> None:
    async with started(harbour, tmp_path, "one") as process:
        harbour.submit(CHAIN)
        await harbour.finished("w", seconds=90 * SPEED)
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
        assert "broke" not in process.log.read_text()
    assert set(harbour.nodes().values()) == {"Succeeded"}


async def test_another_process_goes_on_where_one_was_asked_to_end(harbour: Harbour, tmp_path: pathlib.Path) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=3 * SPEED)
    async with started(harbour, tmp_path, "one") as process:
        names = [harbour.submit(CHAIN, name=f"w{index}") for index in range(3)]
        await harbour.until(lambda: len(harbour.pods()) == 3, 90 * SPEED)
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
    async with started(harbour, tmp_path, "two"):
        await harbour.finished(*names, seconds=90 * SPEED)
    assert all(set(harbour.nodes(name).values()) == {"Succeeded"} for name in names)
    assert set(made(harbour).values()) == {1}


async def signs_of_all(harbour: Harbour) -> None:
    """Return when every replica has given a sign of life."""

    def signs() -> dict[str, str]:
        leases = harbour.server.store.find("apis/coordination.k8s.io/v1", "leases")
        return {lease["metadata"]["name"]: lease["spec"]["renewTime"] for lease in leases}

    before = signs()
    await harbour.until(lambda: all(signs().get(name) != sign for name, sign in before.items()), 90 * SPEED)


async def test_a_process_that_sleeps_through_its_lease_does_no_harm(harbour: Harbour, tmp_path: pathlib.Path) -> None:
    harbour.server.kubelet.behave = lambda _pod: Ending(seconds=3 * SPEED)
    quick = {"LEADER_ELECTION_LEASE_DURATION": "3s", "LEADER_ELECTION_RETRY_PERIOD": "500ms"}

    def begun(name: str) -> contextlib.AbstractAsyncContextManager[Process]:
        return started(harbour, tmp_path, name, "--share", variables=quick)

    async with begun("one") as one, begun("two") as two:
        for process in (one, two):
            await process.sees(2)
        names = [harbour.submit(CHAIN, name=f"w{index}") for index in range(8)]
        await harbour.until(lambda: len(harbour.pods()) == 8, 90 * SPEED)
        one.signal(signal.SIGSTOP)
        await harbour.finished(*names, seconds=90 * SPEED)
        one.signal(signal.SIGCONT)
        for _ in range(4):
            await signs_of_all(harbour)
        for process in (one, two):
            process.signal(signal.SIGTERM)
            assert await process.ended() == 0
    assert all(set(harbour.nodes(name).values()) == {"Succeeded"} for name in names)
    assert set(made(harbour).values()) == {1}
    assert "took over" in (tmp_path / "two.log").read_text()


async def test_traces_and_metrics_are_told_to_a_receiver_and_go_on_where_a_process_was_killed(harbour: Harbour, tmp_path: pathlib.Path) -> None:
    receiver = GrpcReceiver()
    said = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.address, "OTEL_METRIC_EXPORT_INTERVAL": "100"}
    last = pod_name("w", node_id("w", "w[1].b"), "one")
    harbour.server.kubelet.behave = lambda pod: Ending(hangs=pod["metadata"]["name"] == last)
    async with started(harbour, tmp_path, "one", variables=said) as process:
        harbour.submit(CHAIN)
        await harbour.until(lambda: last in made(harbour), 90 * SPEED)
        async with asyncio.timeout(90 * SPEED):
            while len([span for span in receiver.spans if span.name == "node"]) < 2:  # noqa: ASYNC110 another thread receives
                await asyncio.sleep(1)
        process.signal(signal.SIGKILL)
        await process.ended()
    before = [span for span in receiver.spans if span.name == "node"]
    async with started(harbour, tmp_path, "two", variables=said) as process:
        ended = {"exitCode": 0, "reason": "Completed"}
        status = {"phase": "Succeeded", "containerStatuses": [{"name": "main", "state": {"terminated": ended}}]}
        harbour.server.store.patch(place(last, "pods"), {"status": status})
        await harbour.finished("w", seconds=90 * SPEED)
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
    receiver.close()
    spans = {span.span_id: span for span in receiver.spans}
    [workflow] = [span for span in spans.values() if span.name == "workflow"]
    nodes = {span.span_id for span in spans.values() if span.name == "node"}
    assert {span.span_id for span in before} < nodes
    assert len(nodes) == 5
    starts = [span for span in spans.values() if span.name == "startupController"]
    assert len({span.trace_id for span in starts}) == 2
    assert {span.trace_id for span in spans.values() if not span.name.startswith("startup")} == {workflow.trace_id}
    assert harbour.workflow()["metadata"]["annotations"]["workflows.argoproj.io/trace-id"] == workflow.trace_id.hex()
    [succeeded] = [point for point in receiver.pushes[-1]["total_count"].sum.data_points if "Succeeded" in str(point.attributes)]
    assert succeeded.as_double == 1


async def test_a_setting_that_a_process_is_built_on_is_taken_while_it_runs_and_a_bad_one_is_not(harbour: Harbour, tmp_path: pathlib.Path) -> None:
    at = Place("api/v1", "configmaps", "argo", "workflow-controller-configmap")
    harbour.server.store.create(at, {"metadata": {"name": at.name}, "data": {"parallelism": "9"}})
    async with started(harbour, tmp_path, "one") as process:
        harbour.submit(CHAIN, name="before")
        await harbour.finished("before", seconds=90 * SPEED)
        harbour.server.store.patch(at, {"data": {"persistence": "archive: true"}})
        await process.says("persistence: archive or nodeStatusOffLoad is set, but no database")
        harbour.server.store.patch(at, {"data": {"persistence": None, "instanceID": "blue"}})
        await process.says("instanceID changed: the controller begins anew")
        for name, labels in (("mine", {"workflows.argoproj.io/controller-instanceid": "blue"}), ("foreign", {})):
            harbour.submit(CHAIN, name=name, labels=labels)
        await harbour.finished("mine", seconds=90 * SPEED)
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
    assert harbour.status("foreign") == {}
