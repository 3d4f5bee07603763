"""Kopf's part: it hears of workflows, and its end is not ours."""

import asyncio
import contextlib
import logging
import pathlib
from collections.abc import AsyncIterator, Callable

import pytest
from tests.integration.controller.conftest import Harbour, place
from tests.servers.ways import proxy, tls_before

from tiphys.cluster.connection import Access
from tiphys.cluster.credentials import FileToken
from tiphys.controller import handlers
from tiphys.controller.handlers import KopfThread
from tiphys.controller.sweep import Sweep
from tiphys.testing.apiserver import Fault

HELLO = "{entrypoint: main, templates: [{name: main, container: {image: alpine, command: [a]}}]}"


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def __call__(self, kind: str, raw: object) -> None:
        assert isinstance(raw, dict)
        self.heard.append((kind, raw["metadata"]["name"]))

    async def until(self, reached: Callable[[], bool], seconds: float = 30) -> None:
        """Seconds of a clock, since Kopf's loop is its own."""
        async with asyncio.timeout(seconds * 20):
            while not reached():  # noqa: ASYNC110 another thread hears
                await asyncio.sleep(1)


@contextlib.asynccontextmanager
async def listening(ear: Ear, access: Access, plural: str = "workflows") -> AsyncIterator[KopfThread]:
    thread = KopfThread(plural, ear, access, "ns")
    thread.start()
    try:
        yield thread
    finally:
        await thread.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "_FIRST_DELAY", 0.2)


async def test_workflows_are_heard_of_and_nothing_is_written_on_them(harbour: Harbour) -> None:
    ear = Ear()
    harbour.submit(HELLO, "before")
    async with listening(ear, Access(server=harbour.server.address)):
        await ear.until(lambda: ("", "before") in ear.heard)
        harbour.submit(HELLO, "after")
        harbour.patch({"metadata": {"labels": {"x": "1"}}}, "after")
        harbour.server.store.delete(place("after"))
        await ear.until(lambda: ("DELETED", "after") in ear.heard)
        kinds = [kind for kind, name in ear.heard if name == "after"]
        assert kinds[0] == "ADDED"
    assert harbour.server.effects == []
    assert "annotations" not in harbour.workflow("before")["metadata"]


async def test_workflows_are_heard_of_through_a_proxy_and_by_another_name_of_the_server(harbour: Harbour, tmp_path: pathlib.Path) -> None:
    ear, port = Ear(), int(harbour.server.address.rpartition(":")[2])
    async with tls_before(port, tmp_path, "api.example") as front, proxy() as way:
        access = Access(
            server=f"https://127.0.0.1:{front.port}", proxy=f"http://127.0.0.1:{way.port}", tls_server_name="api.example",
            ca=(tmp_path / "ca.crt").read_bytes(), token=lambda: "mine",
        )  # fmt: skip
        harbour.submit(HELLO, "before")
        async with listening(ear, access):
            await ear.until(lambda: ("", "before") in ear.heard)
            harbour.submit(HELLO, "after")
            await ear.until(lambda: ("ADDED", "after") in ear.heard)
        assert {asked.split(" HTTP")[0] for asked in way.asked} == {f"CONNECT 127.0.0.1:{front.port}"}
        assert all("authorization: bearer mine" in asked.lower() for asked in front.asked)


async def test_kopf_is_started_again_when_it_ends(harbour: Harbour, caplog: pytest.LogCaptureFixture) -> None:
    ear = Ear()
    # an error in a watch other than 410 ends Kopf
    harbour.server.faults.append(Fault("fail", verb="watch", kind="workflows", status=500))
    with caplog.at_level(logging.WARNING):
        async with listening(ear, Access(server=harbour.server.address)):
            await ear.until(lambda: "kopf ended hearing of workflows" in caplog.text)
            harbour.submit(HELLO, "late")
            await ear.until(lambda: any(name == "late" for _, name in ear.heard))


async def test_a_silent_watch_is_noticed(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "_WATCH_SECONDS", 1)
    monkeypatch.setattr(handlers, "_SILENT_SECONDS", 2)
    ear = Ear()
    harbour.server.faults.append(Fault("silence", verb="watch", kind="workflows"))
    async with listening(ear, Access(server=harbour.server.address)):
        await ear.until(lambda: any(call.verb == "watch" for call in harbour.server.calls))
        harbour.submit(HELLO, "late")
        await ear.until(lambda: any(name == "late" for _, name in ear.heard), 15)
    assert [call.verb for call in harbour.server.calls if call.kind == "workflows"].count("watch") >= 2


async def test_a_missing_right_to_one_kind_leaves_the_others(harbour: Harbour) -> None:
    ear, deaf = Ear(), Ear()
    harbour.server.forbidden.add("cronworkflows")
    access = Access(server=harbour.server.address)
    async with listening(deaf, access, "cronworkflows"), listening(ear, access):
        harbour.submit(HELLO, "w")
        await ear.until(lambda: any(name == "w" for _, name in ear.heard))
    assert deaf.heard == []


async def test_a_new_token_is_taken_up(harbour: Harbour, tmp_path: pathlib.Path) -> None:
    file, ear = tmp_path / "token", Ear()
    file.write_text("first")
    harbour.server.token = "first"  # noqa: S105
    token = FileToken(file)
    access = Access(server=harbour.server.address, token=token, renew=token.renew)
    async with listening(ear, access):
        harbour.submit(HELLO, "one")
        await ear.until(lambda: any(name == "one" for _, name in ear.heard))
        file.write_text("second")
        harbour.server.token = "second"  # noqa: S105
        harbour.server.disconnect()
        harbour.submit(HELLO, "two")
        await ear.until(lambda: any(name == "two" for _, name in ear.heard))


async def test_what_nobody_told_of_is_noticed_by_a_look(harbour: Harbour) -> None:
    life = await harbour.controller()
    suspended = "{entrypoint: main, templates: [{name: main, suspend: {}}]}"
    for name in ("gone", "changed"):
        harbour.submit(suspended, name)
    await harbour.until(lambda: all(harbour.status(name).get("phase") == "Running" for name in ("gone", "changed")))
    await life.feed.stop()
    harbour.server.store.delete(place("gone"))
    harbour.patch({"spec": {"shutdown": "Terminate"}}, "changed")
    harbour.submit(HELLO, "new")
    await asyncio.sleep(1)
    assert len(life.controller.lives) == 2
    await life.following.sweep.look()
    await harbour.finished("changed", "new")
    async with asyncio.timeout(30):
        while life.controller.lives:  # noqa: ASYNC110 nothing tells
            await asyncio.sleep(0.1)
    assert harbour.status("new")["phase"] == "Succeeded"


async def test_a_look_that_fails_is_tried_again(harbour: Harbour) -> None:
    life = await harbour.controller()
    await asyncio.wait_for(life.following.pods.synced.wait(), 30)
    await life.feed.stop()
    harbour.server.faults.append(Fault("answer", verb="list", kind="workflows", times=2))
    harbour.submit(HELLO)
    task = asyncio.ensure_future(Sweep(life.api, life.controller, "", interval=2).run())
    await harbour.finished("w")
    task.cancel()
