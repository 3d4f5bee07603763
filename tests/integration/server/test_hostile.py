"""Whoever sends what no client sends, or takes nothing of what he is sent: nobody else is kept waiting, and nothing is changed."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.server import app
from tiphys.server.around import Safety
from tiphys.server.patience import Patient
from tiphys.server.serve import Listening, make_server
from tiphys.server.streams import queued
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.kubelet import Ending
from tiphys.testing.apiserver.rights import User

ARGO = "apis/argoproj.io/v1alpha1"
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i", "command": ["a"]}}]}
TOKEN = b"Authorization: Bearer good\r\n"
EVENTS = b"GET /api/v1/workflow-events/ns HTTP/1.1\r\nHost: x\r\n" + TOKEN + b"\r\n"


class Besieged:
    """A server, its cluster, and raw connections to it."""

    def __init__(self, cluster: APIServer, program: Any, port: int) -> None:
        self.cluster, self.program, self.port = cluster, program, port

    async def open(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        one = socket.socket()
        one.setblocking(False)
        # so that little waits in the kernel
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=one, limit=4096)
        writer.write(sent)
        return reader, writer

    async def answer(self, sent: bytes) -> bytes:
        """All that comes until the connection ends."""
        reader, writer = await self.open(sent)
        try:
            return await asyncio.wait_for(reader.read(), 60)
        finally:
            writer.close()

    async def ask(self, target: bytes, verb: bytes = b"GET", more: bytes = b"", body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of one request."""
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        head = verb + b" " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + TOKEN + length + more
        said = await self.answer(head + b"\r\n" + body)
        return int(said.split(b" ", 2)[1]), said.partition(b"\r\n\r\n")[2]

    async def is_well(self) -> bool:
        return (await self.ask(b"/healthz"))[0] == 200

    async def alone(self) -> None:
        """Until nobody is connected and nothing is worked on."""
        state = self.program.server_state
        while state.connections or state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def _besieged(cluster: APIServer) -> AsyncIterator[Besieged]:
    cluster.users.add("good", User("somebody", lambda *_: True))
    gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        program = make_server(gate, Listening(host="127.0.0.1", port=0), Safety(rate=0))
        task = asyncio.create_task(program.serve([listener]))
        while not program.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield Besieged(cluster, program, listener.getsockname()[1])
        program.should_exit = True
        await task


@pytest.fixture
async def besieged() -> AsyncIterator[Besieged]:
    async with APIServer() as cluster, _besieged(cluster) as one:
        yield one


async def test_connections_that_ask_nothing_whole_are_ended(besieged: Besieged, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await besieged.is_well()
    monkeypatch.setattr(Patient, "head_seconds", 0.3)
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    beginnings = [b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"\r\n", whole + b"GET / HT", b"POST /api/v1/workflows/ns HTTP/1.1\r\n"]
    ends = await asyncio.gather(*(besieged.answer(beginnings[number % len(beginnings)]) for number in range(300)), return_exceptions=True)
    for number, end in enumerate(ends):
        # broken, refused, or answered what was asked whole
        assert isinstance(end, ConnectionError) or end == b"" or b" 400 Bad" in end or (number % len(beginnings) == 4 and b" 200 OK" in end), end
    await asyncio.wait_for(besieged.alone(), 30)
    monkeypatch.undo()
    assert await besieged.is_well()


async def test_who_sends_a_head_letter_by_letter_gets_no_more_time(besieged: Besieged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "head_seconds", 0.3)
    reader, writer = await besieged.open(b"GET / HTTP/1.1\r\n")
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof() and not writer.is_closing():
            writer.write(b"X")
            await asyncio.sleep(0.02)
            await writer.drain()
    writer.close()
    await asyncio.wait_for(besieged.alone(), 30)


async def test_a_body_that_does_not_come_is_not_waited_for(besieged: Besieged, monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"POST /api/v1/workflows/ns HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n" + TOKEN + b"\r\n{"
    monkeypatch.setattr(app, "_BODY_SECONDS", 0.2)
    monkeypatch.setattr(Patient, "head_seconds", 0.3)
    said = await besieged.answer(head)
    assert b" 400 " in said.split(b"\r\n")[0]
    assert b"was not there after" in said
    monkeypatch.setattr(app, "_BODY_SECONDS", 1000)
    monkeypatch.setattr(Patient, "body_seconds", 0.2)
    with contextlib.suppress(ConnectionError):
        assert await besieged.answer(head) == b""
    # whoever goes away in the middle leaves nothing behind
    _, writer = await besieged.open(head)
    writer.close()
    await asyncio.wait_for(besieged.alone(), 30)


async def test_heads_without_measure_are_refused(besieged: Besieged) -> None:
    many = b"".join(b"X-%d: 1\r\n" % number for number in range(200_000))
    for head in (b"X: " + b"a" * 2_000_000 + b"\r\n", many):
        with contextlib.suppress(ConnectionError):
            said = await besieged.answer(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
            assert said.startswith(b"HTTP/1.1 400 ") or said == b""
    with contextlib.suppress(ConnectionError):
        assert (await besieged.ask(b"/api/v1/workflows/ns?fields=" + b"a" * 2_000_000))[0] == 400
    assert await besieged.is_well()


ODD = [
    b"/api/v1/workflows/ns/%00", b"/api/v1/workflows/ns/a%00b", b"/api/v1/workflows/ns/%ff%fe", b"/api/v1/workflows/ns/%zz", b"/api/v1/workflows/ns/%",
    b"/api/v1/workflows/ns/..%2f..%2fsecrets", b"/api/v1/workflows/..%2f..%2fapi", b"/api/v1/workflows/%2e%2e/x", b"/api/v1/workflows/ns/a%0d%0aX:%201",
    b"/api/v1/workflows/ns/" + b"a" * 5000, b"/api/v1/workflows/" + b"a" * 5000, b"/api/v1/workflows/NS", b"/api/v1/workflows/ns/%F0%9F%98%80",
    b"/api/v1/workflows/ns?listOptions.limit=-1", b"/api/v1/workflows/ns?listOptions.limit=1e9", b"/api/v1/workflows/ns?listOptions.limit=%D9%A3",
    b"/api/v1/workflows/ns?listOptions.limit=99999999999999999999", b"/api/v1/workflows/ns?listOptions.continue=abc",
    b"/api/v1/workflows/ns?createdAfter=yesterday", b"/api/v1/workflows/ns?createdAfter=9999-12-31T23:59:59-23:59", b"/api/v1/workflows/ns?nameFilter=Regex",
    b"/api/v1/workflows/ns?listOptions.fieldSelector=status.phase=x", b"/api/v1/workflows/ns?listOptions.fieldSelector=%00",
    b"/api/v1/workflows/ns?listOptions.labelSelector=a%20in%20(",
    b"/api/v1/workflows/ns/w/log?logOptions.tailLines=x", b"/api/v1/workflows/ns/w/log?logOptions.sinceTime=x", b"/api/v1/workflows/ns/w/log?grep=(",
    b"/api/v1/workflows/ns/w/log?podName=..%2fx", b"/api/v1/workflows/ns/w/log?logOptions.container=a%26b", b"/api/v1/workflows/ns/w/log?logOptions.sinceTime.seconds=999999999999",
    b"/artifacts/ns/w/..%2f..%2fetc/passwd", b"/artifacts/ns/w/n/%00", b"/artifact-files/ns/workflows/w/n/outputs/a/../../../etc/passwd",
    b"/artifact-files/ns/workflows/w/n/outputs/a/%2e%2e/%2e%2e/x", b"/artifact-files/ns/nothing/w/n/outputs/a", b"/artifacts-by-uid/%00/n/a",
    b"/api/v1/archived-workflows/%00", b"/api/v1/archived-workflows?listOptions.limit=x", b"/api/v1/cron-workflows/ns/%00", b"/api/v1/workflow-templates/ns/..%2fx",
    b"/api/v1/cluster-workflow-templates/%2e%2e", b"/api/v1/sync/ns/%00?type=CONFIGMAP&cmName=..%2f", b"/api/v1/nothing", b"//api/v1/workflows/ns", b"/api/v1/../healthz",
    b"http://elsewhere/api/v1/nothing",
]  # fmt: skip
"""What must be refused, or not be found."""
FINE = [
    b"/api/v1/workflows/ns?fields=" + b",".join(b"items.%d.%d" % (number, number) for number in range(2500)), b"/api/v1/workflows/ns?fields=-", b"/api/v1/workflows/ns?fields=,,,",
    b"/api/v1/workflows/ns?fields=%00", b"/api/v1/workflows/ns?fields=" + b"." * 5000, b"/api/v1/workflows/ns?" + b"&".join(b"q%d=%d" % (n, n) for n in range(4000)),
    b"/api/v1/workflows/ns?listOptions.resourceVersion=nonsense", b"/api/v1/workflows/ns/w?fields=metadata..name", b"/api/v1/workflows/ns/w?fields=-metadata,spec",
    b"/api/v1/version?%ff%00=%zz", b"/api/v1/workflows/ns?listOptions.offset=x",
]  # fmt: skip
"""What means nothing, or little, and is answered all the same."""


async def test_odd_addresses_are_refused_and_nothing_is_changed(besieged: Besieged) -> None:
    besieged.cluster.store.create(Place(ARGO, "workflows", "ns", "w"), {"metadata": {"name": "w"}, "spec": SPEC})
    before = besieged.cluster.store.version
    answers = [(target, await besieged.ask(target)) for target in ODD]
    wrong = [(target[:80], status, body[:200]) for target, (status, body) in answers if status not in (400, 403, 404, 501)]
    assert not wrong, "\n".join(map(str, wrong))
    answers = [(target, await besieged.ask(target)) for target in FINE]
    wrong = [(target[:80], status, body[:200]) for target, (status, body) in answers if status != 200]
    assert not wrong, "\n".join(map(str, wrong))
    assert besieged.cluster.store.version == before
    assert await besieged.is_well()


async def test_a_watch_from_nonsense_ends_with_an_error_that_says_so(besieged: Besieged) -> None:
    for accept in (b"", b"Accept: text/event-stream\r\n"):
        status, body = await besieged.ask(b"/api/v1/workflow-events/ns?listOptions.resourceVersion=nonsense", more=accept)
        assert status == 200 or b'"code":' in body
        assert b"error" in body or b"message" in body


BODIES = [
    b"[" * 100_000, b"{" * 100_000, b"\xff\xfe", b'{"workflow":', b'{"workflow": null}', b'{"workflow": 3}', b"[]", b"null", b'"a"', b"1e999",
    b'{"workflow": {"metadata": []}}', b'{"workflow": {"metadata": {"name": 3}}}', b'{"workflow": {"metadata": {"name": "../x"}, "spec": {}}}',
    b'{"workflow": {"metadata": {"name": "a\\u0000b"}, "spec": {}}}', b'{"workflow": {"metadata": {"name": "a"}, "spec": {"templates": 3}}}', b"\x1f\x8b\x08\x00",
    b'{"workflow": {"metadata": {"name": "\\ud800"}, "spec": {}}}',
]  # fmt: skip


async def test_odd_bodies_are_refused_and_nothing_is_changed(besieged: Besieged) -> None:
    besieged.cluster.store.create(Place(ARGO, "workflows", "ns", "w"), {"metadata": {"name": "w"}, "spec": SPEC})
    before = besieged.cluster.store.version
    requests = [(b"POST", target) for target in (b"/api/v1/workflows/ns", b"/api/v1/workflow-templates/ns", b"/api/v1/workflows/ns/submit", b"/api/v1/cron-workflows/ns")]
    requests += [(b"PUT", b"/api/v1/workflows/ns/w/set"), (b"PUT", b"/api/v1/workflows/ns/w/nothing")]
    wrong = []
    for verb, target in requests:
        for body in BODIES:
            for more in (b"", b"Content-Type: application/json\r\n", b"Content-Encoding: gzip\r\n"):
                status, said = await besieged.ask(target, verb, more, body)
                if status not in (400, 404, 422, 501):
                    wrong.append((verb, target, body[:60], status, said[:200]))
                json.loads(said)
    assert not wrong, "\n".join(map(str, wrong))
    assert besieged.cluster.store.version == before
    assert await besieged.is_well()


async def test_methods_that_mean_nothing_are_answered_and_heads_have_an_end(besieged: Besieged) -> None:
    besieged.cluster.store.create(Place(ARGO, "workflows", "ns", "w"), {"metadata": {"name": "w"}, "spec": SPEC})
    for verb in (b"OPTIONS", b"TRACE", b"PATCH", b"FOO", b"PROPFIND"):
        for target in (b"/api/v1/workflows/ns", b"/api/v1/workflow-events/ns", b"/artifacts/ns/w/n/a", b"*"):
            assert (await besieged.ask(target, verb))[0] == 501, (verb, target)
    for target, code in ((b"/api/v1/workflows/ns", 200), (b"/api/v1/workflows/ns/w", 200), (b"/healthz", 200),
                         (b"/api/v1/workflow-events/ns", 501), (b"/api/v1/workflows/ns/w/log?logOptions.follow=true", 501), (b"/api/v1/stream/events/ns", 501)):  # fmt: skip
        assert await besieged.ask(target, b"HEAD") == (code, b""), target


@pytest.mark.parametrize("sent", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x00" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n X: folded\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nothing\r\n\r\n", b"POST /api/v1/workflows/ns HTTP/1.1\r\nHost: x\r\n" + TOKEN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nCookie: authorization=%00\r\nX-Request-Id: \xff\r\n\r\n" * 3,
], ids=range(14))  # fmt: skip
async def test_what_is_no_http_ends_the_connection_and_no_more(besieged: Besieged, sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "head_seconds", 2)
    monkeypatch.setattr(Patient, "body_seconds", 2)
    with contextlib.suppress(ConnectionError):
        said = await besieged.answer(sent)
        assert b"HTTP/1.1 5" not in said.replace(b"HTTP/1.1 501", b"")
    await asyncio.wait_for(besieged.alone(), 30)
    assert await besieged.is_well()


async def _idle(cluster: APIServer, number: int, size: int) -> None:
    place = Place(ARGO, "workflows", "ns", f"big-{number}")
    cluster.store.create(place, {"metadata": {"name": place.name, "annotations": {"a": "x" * size}}, "spec": SPEC})
    await asyncio.sleep(0)


async def test_who_takes_nothing_of_a_stream_is_no_burden_and_is_let_go(besieged: Besieged, monkeypatch: pytest.MonkeyPatch) -> None:
    size, count = 200_000, 60
    pending: list[int] = []
    monkeypatch.setattr(Patient, "pause_writing", _noted(Patient.pause_writing, pending))
    monkeypatch.setattr(Patient, "take_seconds", 0.5)
    sockets = [await besieged.open(EVENTS) for _ in range(4)]
    try:
        while len(besieged.program.server_state.tasks) < len(sockets):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for _, writer in sockets:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        for number in range(count):
            await _idle(besieged.cluster, number, size)
        # the client of the test reads nothing: that it is let go is seen from the other side
        await asyncio.wait_for(besieged.alone(), 60)
    finally:
        for _, writer in sockets:
            writer.transport.abort()
    assert pending, "much was waiting"
    assert max(pending) < 4 * size, "of what changes no more waits than a few messages"
    assert await besieged.is_well()


def _noted(pause: Any, pending: list[int]) -> Any:
    def paused(self: Patient) -> None:
        pending.append(self.transport.get_write_buffer_size())
        pause(self)

    return paused


async def test_who_leaves_a_log_that_is_followed_leaves_nothing_behind(besieged: Besieged, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = besieged.cluster
    cluster.kubelet.behave = lambda _pod: Ending(log=b"a line of a log that is long enough\n" * 60_000)
    place = Place("api/v1", "pods", "ns", "w")
    cluster.store.create(place, {"metadata": {"name": "w"}, "spec": {"containers": [{"name": "main"}]}})
    while cluster.store.read(place).get("status", {}).get("phase") != "Succeeded":
        await cluster.store.changed.wait()
    node = {"id": "w", "name": "w", "displayName": "w", "type": "Pod", "phase": "Succeeded", "templateName": "main"}
    cluster.store.create(Place(ARGO, "workflows", "ns", "w"), {
        "metadata": {"name": "w", "namespace": "ns"}, "spec": SPEC, "status": {"phase": "Running", "nodes": {"w": node}},
    })  # fmt: skip
    monkeypatch.setattr(Patient, "take_seconds", 0.5)
    target = b"GET /api/v1/workflows/ns/w/log?logOptions.follow=true HTTP/1.1\r\nHost: x\r\n" + TOKEN + b"\r\n"
    reader, writer = await besieged.open(target)
    assert await asyncio.wait_for(reader.readuntil(b"long enough"), 30)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    assert _readers()
    await asyncio.wait_for(besieged.alone(), 60)
    # what read the log for it has ended, too
    await asyncio.wait_for(_none_reads(), 60)
    writer.transport.abort()
    assert await besieged.is_well()


def _readers() -> list[str]:
    names = (getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
    return [name for name in names if name.startswith(queued.__qualname__)]


async def _none_reads() -> None:
    while _readers():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_who_takes_nothing_does_not_keep_the_server_from_its_end(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "end_seconds", 0.3)
    pending: list[int] = []
    monkeypatch.setattr(Patient, "pause_writing", _noted(Patient.pause_writing, pending))
    async with APIServer() as cluster, _besieged(cluster) as besieged:
        for number in range(40):
            await _idle(cluster, number, 200_000)
        sockets = [await besieged.open(EVENTS) for _ in range(4)]
        for _, writer in sockets:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
        while len(pending) < len(sockets):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        besieged.program.should_exit = True
        await asyncio.wait_for(besieged.alone(), 60)
        for _, writer in sockets:
            writer.transport.abort()
    # it was not the last resort that ended them
    assert not [record.getMessage() for record in caplog.records if record.name == "uvicorn.error" and record.levelname == "ERROR"]


async def test_two_hundred_streams_end_well_when_the_server_ends() -> None:
    async with APIServer() as cluster, _besieged(cluster) as besieged, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        cluster.store.create(Place(ARGO, "workflows", "ns", "w"), {"metadata": {"name": "w"}, "spec": SPEC})
        url, headers = f"http://127.0.0.1:{besieged.port}/api/v1/workflow-events/ns", {"Authorization": "Bearer good"}
        answers = [await session.get(url, headers=headers) for _ in range(200)]
        for answer in answers:
            assert b"ADDED" in await asyncio.wait_for(answer.content.readline(), 60)
        besieged.program.should_exit = True
        # a broken connection would raise here
        await asyncio.wait_for(asyncio.gather(*(answer.content.read() for answer in answers)), 60)
        await asyncio.wait_for(besieged.alone(), 60)
