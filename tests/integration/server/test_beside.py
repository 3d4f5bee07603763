"""What stands beside workflows: events, limits of semaphores, Argo Events' objects, and streams that stay alive."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.server.serving import ARGO, TOKEN, Served, running

from tiphys.archive.database import Database
from tiphys.archive.locks import lock_tables
from tiphys.archive.target import Target
from tiphys.cluster.connection import Access
from tiphys.local import paths
from tiphys.local.objects import Place
from tiphys.server import streams
from tiphys.server.kept import Kept, Settled, configured
from tiphys.server.subject import Gate
from tiphys.settings.configuration import Configuration
from tiphys.settings.database import Synchronization
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.kubelet import Ending
from tiphys.testing.apiserver.rights import User


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    said = Synchronization(enable_api=True)
    target = Target(kind="sqlite", name=str(tmp_path / "locks.db"))
    database = Database(target)
    async with database.transaction() as connection:
        await connection.run_sync(lock_tables(said).metadata.create_all)
    settled = Settled(Configuration(synchronization=said), locks=target)

    async def ask() -> Settled:
        return settled

    async with APIServer() as cluster:
        cluster.users.add("secret", User("somebody", lambda *_: True))
        cluster.users.add("reader", User("reader", lambda verb, *_: verb in ("get", "list", "watch")))
        cluster.users.add("blind", User("blind", lambda _verb, kind, _namespace: kind != "pods/log"))
        gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
        async with running(cluster, gate, Kept(ask)) as made:
            yield made
    await database.close()


@pytest.mark.parametrize("kind", [{"cmName": "limits"}, {"type": "DATABASE"}, {"type": 1}])
async def test_limits_are_set_changed_read_and_forgotten(served: Served, kind: dict[str, Any]) -> None:
    path, key = "/api/v1/sync/ns", {**kind, "key": "k", "namespace": "ns"}
    query = "&".join(f"{name}={value}" for name, value in kind.items())
    shown = {"namespace": "ns", "key": "k", **({"cmName": "limits"} if "cmName" in kind else {"type": 1})}
    assert (await served.ask("GET", f"{path}/k?{query}"))[0] == 404
    assert await served.ask("POST", path, {**key, "limit": 3}) == (200, {**shown, "limit": 3})
    assert (await served.ask("POST", path, {**key, "limit": 4}))[0] == 409
    assert await served.ask("GET", f"{path}/k?{query}") == (200, {**shown, "limit": 3})
    assert await served.ask("PUT", f"{path}/k", {**key, "limit": 5}) == (200, {**shown, "limit": 5})
    assert (await served.ask("GET", f"{path}/k?{query}"))[1]["limit"] == 5
    for wrong in (0, -1, "many", True):
        assert (await served.ask("PUT", f"{path}/k", {**key, "limit": wrong}))[0] == 400
    assert (await served.ask("PUT", f"{path}/other", {**kind, "limit": 5}))[0] == 404
    may_not = {"Authorization": "Bearer reader"}
    assert (await served.ask("PUT", f"{path}/k", {**key, "limit": 9}, may_not))[0] == 403
    assert (await served.ask("DELETE", f"{path}/k?{query}", None, may_not))[0] == 403
    assert await served.ask("DELETE", f"{path}/k?{query}") == (200, {})
    assert (await served.ask("GET", f"{path}/k?{query}"))[0] == 404


async def test_a_limit_of_a_config_map_is_a_key_of_it_beside_the_others(served: Served) -> None:
    place = Place("api/v1", "configmaps", "ns", "limits")
    served.cluster.store.create(place, {"metadata": {"name": "limits"}, "data": {"old": "1", "text": "many"}})
    assert (await served.ask("POST", "/api/v1/sync/ns", {"cmName": "limits", "key": "k", "limit": 2}))[0] == 200
    assert served.cluster.store.read(place)["data"] == {"old": "1", "text": "many", "k": "2"}
    assert (await served.ask("GET", "/api/v1/sync/ns/text?cmName=limits"))[0] == 400
    assert (await served.ask("GET", "/api/v1/sync/ns/k?type=NOTHING&cmName=limits"))[0] == 400


async def test_limits_of_the_database_are_not_served_unless_the_administrator_wants_it() -> None:
    async with APIServer() as cluster:
        cluster.users.add("secret", User("somebody", lambda *_: True))
        gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
        async with running(cluster, gate, Kept(configured(gate.access))) as served:
            status, said = await served.ask("GET", "/api/v1/sync/ns/k?type=DATABASE")
            assert (status, "enableAPI" in said["message"]) == (501, True)


async def test_events_of_a_workflow_come_as_they_are_told(served: Served) -> None:
    def tell(name: str, about: str) -> None:
        one = {"metadata": {"name": name}, "involvedObject": {"kind": "Workflow", "name": about}, "reason": "WorkflowRunning"}
        served.cluster.store.create(Place("api/v1", "events", "ns", name), one)

    tell("e1", "w")
    path = f"{served.address}/api/v1/stream/events/ns?listOptions.resourceVersion=0"
    async with served.session.get(path, headers={**TOKEN, "Accept": "text/event-stream"}) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        seen: list[str] = []
        async for line in answer.content:
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:])["result"]["metadata"]["name"])
                if len(seen) == 1:
                    tell("e2", "w")
                if len(seen) == 2:
                    break
    assert seen == ["e1", "e2"]


async def test_a_quiet_stream_of_events_is_kept_alive(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.01)
    for accept, is_alive in (("text/event-stream", True), ("application/json", False)):
        path = f"{served.address}/api/v1/workflow-events/ns"
        async with served.session.get(path, headers={**TOKEN, "Accept": accept}) as answer:
            if is_alive:
                assert [await answer.content.readline() for _ in range(3)] == [b":\n"] * 3
            else:
                served.put("w")
                assert json.loads(await answer.content.readline())["result"]["type"] == "ADDED"


async def test_pauses_lose_no_message_and_end_with_their_source() -> None:
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def source() -> AsyncIterator[dict[str, Any]]:
        while (one := await queue.get()) is not None:
            yield one

    seen: list[dict[str, Any] | None] = []
    async for message in streams.with_pauses(source(), 0.001):
        if message is None and None not in seen:
            for one in ({"a": 1}, {"b": 2}, None):
                queue.put_nowait(one)
        seen.append(message)
    assert [one for one in seen if one is not None] == [{"a": 1}, {"b": 2}]
    assert None in seen


@pytest.mark.parametrize(
    ("word", "key", "kind"), [("event-sources", "eventSource", "EventSource"), ("sensors", "sensor", "Sensor")]
)
async def test_objects_of_argo_events_are_stored_as_they_are_given(
    served: Served, monkeypatch: pytest.MonkeyPatch, word: str, key: str, kind: str
) -> None:  # fmt: skip
    path, one = f"/api/v1/{word}/ns", {"metadata": {"name": "x"}, "spec": {"anything": {"goes": [1]}}}
    for verb, where in (("POST", path), ("GET", path), ("GET", f"{path}/x"), ("DELETE", f"{path}/x")):
        status, said = await served.ask(verb, where, {key: one} if verb == "POST" else None)
        assert (status, "not installed" in said["message"]) == (501, True)
    # as if the cluster had these kinds
    monkeypatch.setitem(paths.RESOURCES, (ARGO, word.replace("-", "")), (kind, True))
    status, made = await served.ask("POST", path, {key: one})
    assert (status, made["kind"], made["spec"]) == (200, kind, one["spec"])
    assert [each["metadata"]["name"] for each in (await served.ask("GET", path))[1]["items"]] == ["x"]
    made["spec"] = {}
    assert (await served.ask("PUT", f"{path}/x", {key: made}))[0] == 200
    assert (await served.ask("GET", f"{path}/x"))[1]["spec"] == {}
    async with served.session.get(
        f"{served.address}/api/v1/stream/{word}/ns?listOptions.resourceVersion=0", headers=TOKEN
    ) as answer:
        assert json.loads(await answer.content.readline())["result"]["object"]["metadata"]["name"] == "x"
    assert await served.ask("DELETE", f"{path}/x") == (200, {})
    assert (await served.ask("GET", f"{path}/x"))[0] == 404


async def _print(served: Served, name: str, log: bytes, **labels: str) -> None:
    place = Place("api/v1", "pods", "ns", name)
    served.cluster.kubelet.behave = lambda _pod: Ending(log=log)
    manifest = {"metadata": {"name": name, "labels": labels}, "spec": {"containers": [{"name": "main"}]}}
    served.cluster.store.create(place, manifest)
    while served.cluster.store.read(place).get("status", {}).get("phase") != "Succeeded":
        await served.cluster.store.changed.wait()


async def _lines(served: Served, path: str) -> list[dict[str, Any]]:
    async with served.session.get(served.address + path, headers=TOKEN) as answer:
        assert answer.status == 200, await answer.text()
        return [json.loads(line)["result"] async for line in answer.content if line.strip()]


@pytest.mark.parametrize(
    ("word", "label", "name", "field"),
    [("event-sources", "eventsource-name", "eventSourceName", "eventName"), ("sensors", "sensor-name", "sensorName", "triggerName")],
)
async def test_logs_of_argo_events_are_those_of_its_pods(served: Served, word: str, label: str, name: str, field: str) -> None:
    said = {"level": "error", "time": "2026-01-01T00:00:00Z", "msg": "broken", field: "one", "other": 1, "namespace": 2}
    await _print(served, "a", json.dumps(said).encode() + b"\nplain words\n", **{label: "first"})
    await _print(served, "b", b"[1]\n", **{label: "second"})
    await _print(served, "c", b"of nobody\n")
    path = f"/api/v1/stream/{word}/ns/logs"
    lines = await _lines(served, path)
    assert lines[0] == {"namespace": "ns", name: "first", "level": "error", "time": "2026-01-01T00:00:00Z", "msg": "broken", field: "one"}
    assert [(line[name], line["level"], line["msg"]) for line in lines[1:]] == [("first", "info", "plain words"), ("second", "info", "[1]")]
    assert [line["msg"] for line in await _lines(served, f"{path}?name=second")] == ["[1]"]
    assert [line["msg"] for line in await _lines(served, f"{path}?grep=plain")] == ["plain words"]
    assert [line["msg"] for line in await _lines(served, f"{path}?{field}=one")] == ["broken"]
    assert [line["msg"] for line in await _lines(served, f"{path}?name=first&podLogOptions.tailLines=1")] == ["plain words"]
    assert (await served.ask("GET", f"{path}?grep=("))[0] == 400
    assert (await served.ask("GET", f"{path}?name=../x"))[0] == 400
    # reading logs is a right of its own
    assert (await served.ask("GET", path, None, {"Authorization": "Bearer blind"}))[0] == 403


async def test_logs_of_argo_events_are_followed_from_pod_to_pod(served: Served) -> None:
    await _print(served, "a", b"one\n", **{"sensor-name": "s"})
    path = f"{served.address}/api/v1/stream/sensors/ns/logs?podLogOptions.follow=true"
    async with asyncio.timeout(30), served.session.get(path, headers=TOKEN) as answer:
        assert json.loads(await answer.content.readline())["result"]["msg"] == "one"
        await _print(served, "b", b"two\n", **{"sensor-name": "s"})
        assert json.loads(await answer.content.readline())["result"]["msg"] == "two"


async def test_links_go_where_the_administrator_lets_them_and_the_named_config_map_counts() -> None:
    links = [{"name": url, "scope": "workflow", "url": url} for url in ("https://a/${metadata.name}", "http://b", "/here", "javascript:alert(1)", "${x}")]
    async with APIServer() as cluster:
        place = Place("api/v1", "configmaps", "home", "mine")
        cluster.store.create(place, {"metadata": {"name": "mine"}, "data": {"links": json.dumps(links)}})
        gate = Gate(access=Access(server=cluster.address, namespace="home"), modes=frozenset({"server"}))
        for protocols, urls in ((("http", "https"), ["https://a/${metadata.name}", "http://b", "/here", "${x}"]), (("https",), ["https://a/${metadata.name}", "/here", "${x}"])):
            async with running(cluster, gate, Kept(configured(gate.access, "mine"), protocols=protocols)) as served:
                assert [link["url"] for link in (await served.ask("GET", "/api/v1/info"))[1]["links"]] == urls


async def test_what_a_page_tells_of_its_use_goes_nowhere(served: Served) -> None:
    assert await served.ask("POST", "/api/v1/tracking/event", {"name": "clicked"}) == (200, {})
