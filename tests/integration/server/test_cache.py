"""Lists from summaries say what lists from the cluster say, to nobody else, and as new."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.integration.server.serving import ARGO, SPEC, TOKEN, Served, running

from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.model.compression import compress
from tiphys.server.cache import Cache
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.faults import Fault
from tiphys.testing.apiserver.rights import Right, User

READS = ("get", "list", "watch")
LIST = "/api/v1/workflows/ns"
TABLE = "metadata,items.metadata.name,items.metadata.labels,items.status.phase,items.status.startedAt,items.spec.suspend"
ARGO_LIST = "metadata,items.metadata,items.spec,items.status.phase,items.status.message,items.status.progress"
NODES = {"w": {"id": "w", "name": "w", "displayName": "w", "type": "Pod", "phase": "Failed", "templateName": "main"}}
RIGHTS: dict[str, Right] = {
    "reader": lambda verb, _kind, namespace: verb in READS and namespace == "ns",
    "lister": lambda verb, _kind, namespace: verb == "list" and namespace == "ns",
    "foreign": lambda _verb, _kind, namespace: namespace == "theirs",
}


def _has_all(*_: str) -> bool:
    return True


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 nothing tells it
            await asyncio.sleep(0.005)


class Both:
    """One cluster, a server that reads lists from it, and one that knows summaries."""

    def __init__(self, cluster: APIServer, cold: Served, warm: Served, cache: Cache) -> None:
        self.cluster, self.cold, self.warm, self.cache = cluster, cold, warm, cache
        self.put = cold.put

    def calls(self, begun: int) -> list[tuple[str, str]]:
        """What was asked of workflows since, and by whom."""
        return [(call.user, call.verb) for call in self.cluster.calls[begun:] if call.kind == "workflows"]

    async def same(self, query: str, path: str = LIST) -> Any:
        """What both say, which is the same; the second without reading the cluster's list."""
        _, cold = await self.cold.ask("GET", f"{path}?{query}")
        begun = len(self.cluster.calls)
        status, warm = await self.warm.ask("GET", f"{path}?{query}")
        assert self.calls(begun)[0] == ("somebody", "list")
        for said in (cold, warm):
            said.get("metadata", {}).pop("resourceVersion", None)
        assert status == 200
        assert warm == cold
        return warm


@contextlib.asynccontextmanager
async def both(own: Right = _has_all, most: int = 1000) -> AsyncIterator[Both]:
    async with APIServer() as cluster:
        for token, right in RIGHTS.items():
            cluster.users.add(token, User(token, right))
        cluster.users.add("secret", User("somebody", _has_all))
        cluster.users.add("own", User("own", own))
        access = Access(server=cluster.address, token=lambda: "own")
        cache = Cache(access, most=most)
        gates = [Gate(access=access, modes=frozenset({"client"}), cache=one) for one in (None, cache)]
        async with running(cluster, gates[0]) as cold, running(cluster, gates[1]) as warm:
            yield Both(cluster, cold, warm, cache)


@pytest.fixture
async def served() -> AsyncIterator[Both]:
    async with both() as made:
        await _until(lambda: made.cache.is_warm)
        yield made


def _fill(served: Both) -> None:
    for number in range(12):
        at = f"2026-01-01T00:00:{number:02d}Z"
        status: dict[str, Any] = {"phase": "Running", "startedAt": at, "nodes": NODES}
        if number % 3:
            status |= {"phase": "Failed", "finishedAt": f"2026-01-01T01:00:{number:02d}Z", "message": "m" * 100, "progress": "1/2"}
        labels = {"team": "ab"[number % 2], "workflows.argoproj.io/phase": status["phase"]}
        meta: dict[str, Any] = {"name": f"w-{number}", "labels": labels, "annotations": {"note": "long " * 300 if number == 7 else "short"}}
        meta["managedFields"] = [{"manager": "m"}]
        place = Place(ARGO, "workflows", "ns", f"w-{number}")
        spec = {**SPEC, "suspend": number == 3, "arguments": {"parameters": [{"name": "a", "value": "x" * number * 500}]}}
        served.cluster.store.create(place, {"metadata": meta, "spec": spec, "status": status})
    served.put("theirs", namespace="theirs", status={"phase": "Running"})
    served.put("new")


QUERIES = (
    "listOptions.limit=5", "listOptions.limit=5&listOptions.continue=5&listOptions.fieldSelector=ext.showRemainingItemCount=true",
    "", "listOptions.labelSelector=team=a", "listOptions.labelSelector=workflows.argoproj.io/phase in (Running),team!=b",
    "nameFilter=Contains&listOptions.fieldSelector=metadata.name=1", "listOptions.fieldSelector=metadata.name!=w-1",
    "listOptions.fieldSelector=metadata.name=w-1", "namePrefix=ne", "listOptions.labelSelector=!team",
    "listOptions.fieldSelector=spec.startedAt>2026-01-01T00:00:03Z", "finishedBefore=2026-01-01T01:00:05Z",
)  # fmt: skip
FIELDS = (TABLE, ARGO_LIST, "items.metadata.managedFields", "metadata", "items.metadata.name,items.spec.arguments", "items", "-items.spec", "")


async def test_a_list_says_the_same_from_summaries_as_from_the_cluster(served: Both) -> None:
    _fill(served)
    for query in QUERIES:
        for fields in FIELDS:
            await served.same(f"{query}&fields={fields}")
    assert "managedFields" not in str(await served.same("fields=items.metadata"))
    assert "managedFields" in str(await served.same("fields=items.metadata.managedFields"))


async def test_all_namespaces_are_one_list_and_one_namespace_is_served_alone(served: Both) -> None:
    _fill(served)
    said = await served.same(f"fields={TABLE}", "/api/v1/workflows/")
    assert {one["metadata"]["name"] for one in said["items"]} >= {"theirs", "new", "w-1"}
    one = await served.same(f"fields={TABLE}&listOptions.fieldSelector=metadata.namespace!=ns", "/api/v1/workflows/")
    assert [item["metadata"]["name"] for item in one["items"]] == ["theirs"]


async def test_a_page_of_a_table_costs_one_look_at_the_cluster_and_a_whole_page_its_bodies(served: Both) -> None:
    _fill(served)
    begun = len(served.cluster.calls)
    _, said = await served.warm.ask("GET", f"{LIST}?listOptions.limit=3&fields={TABLE}")
    assert len(said["items"]) == 3
    assert served.calls(begun) == [("somebody", "list")]
    begun = len(served.cluster.calls)
    _, said = await served.warm.ask("GET", f"{LIST}?listOptions.limit=3")
    assert [len(one["status"]["nodes"]) for one in said["items"] if one["metadata"]["name"] != "new"] == [1, 1]
    assert served.calls(begun) == [("somebody", "list")] + 3 * [("somebody", "get")]


async def test_packed_nodes_of_a_page_are_unpacked(served: Both) -> None:
    served.put("packed", status={"phase": "Failed", "compressedNodes": compress(json.dumps(NODES).encode())})
    said = await served.same("listOptions.limit=3")
    assert said["items"][0]["status"]["nodes"] == NODES


async def test_what_has_just_been_made_or_deleted_is_so_in_the_next_list(served: Both) -> None:
    names = []
    for number in range(20):
        served.put(f"w-{number}")
        _, said = await served.warm.ask("GET", f"{LIST}?fields=items.metadata.name")
        names.append(len(said["items"]))
    assert names == list(range(1, 21))
    for number in range(20):
        served.cluster.store.remove(Place(ARGO, "workflows", "ns", f"w-{number}"))
        _, said = await served.warm.ask("GET", f"{LIST}?fields=items.metadata.name")
        assert len(said["items"] or ()) == 19 - number


@pytest.mark.parametrize(("token", "path", "status"), [
    ("foreign", LIST, 403), ("unknown", LIST, 401), ("reader", LIST, 200), ("reader", "/api/v1/workflows/", 403),
    ("reader", "/api/v1/workflows/theirs", 403), ("foreign", "/api/v1/workflows/theirs", 200), ("lister", LIST, 200),
])  # fmt: skip
async def test_summaries_are_for_who_may_list_them(served: Both, token: str, path: str, status: int) -> None:
    _fill(served)
    for query in (f"fields={TABLE}", f"fields={ARGO_LIST}", "listOptions.limit=2", ""):
        for one in (served.cold, served.warm):
            found, said = await one.ask("GET", f"{path}?{query}", headers={"Authorization": f"Bearer {token}"})
            assert found == status, said
            assert status == 200 or not any(name in str(said) for name in ("w-1", "theirs'", "items"))


async def test_a_right_that_is_taken_away_is_gone_with_the_next_list(served: Both) -> None:
    _fill(served)
    assert (await served.warm.ask("GET", f"{LIST}?fields={TABLE}"))[0] == 200
    served.cluster.users.add("secret", User("somebody", lambda *_: False))
    assert (await served.warm.ask("GET", f"{LIST}?fields={TABLE}"))[0] == 403


async def test_who_may_list_and_not_read_has_whole_lists_from_the_cluster(served: Both) -> None:
    _fill(served)
    begun = len(served.cluster.calls)
    _, said = await served.warm.ask("GET", f"{LIST}?listOptions.limit=3", headers={"Authorization": "Bearer lister"})
    assert len(said["items"]) == 3
    assert served.calls(begun) == 2 * [("lister", "list")]


async def test_many_who_read_the_same_list_with_the_same_rights_share_readings_of_the_cluster_and_nobody_else_does(served: Both) -> None:
    _fill(served)
    begun = len(served.cluster.calls)
    said = [one for _, one in await asyncio.gather(*(served.warm.ask("GET", LIST) for _ in range(9)))]
    assert all(one == said[0] for one in said)
    assert len(said[0]["items"]) == 13
    assert 1 <= served.calls(begun).count(("somebody", "list")) < 9
    others = [{"Authorization": f"Bearer {token}"} for token in ("reader", "foreign", "lister", "reader", "foreign")]
    told = await asyncio.gather(*(served.warm.ask("GET", LIST, headers=one) for one in others))
    assert [status for status, _ in told] == [200, 403, 200, 200, 403]
    assert {user for user, _ in served.calls(begun)} == {"somebody", "reader", "foreign", "lister"}


async def test_a_server_that_may_not_watch_reads_lists_from_the_cluster() -> None:
    async with both(own=lambda verb, kind, _namespace: kind != "workflows" or verb not in ("list", "watch")) as served:
        _fill(served)
        await _until(lambda: ("own", "list") in served.calls(0))
        assert not served.cache.is_warm
        assert len((await served.warm.ask("GET", f"{LIST}?fields={TABLE}"))[1]["items"]) == 13


async def test_with_more_workflows_than_are_kept_lists_are_read_from_the_cluster() -> None:
    async with both(most=3) as served:
        await _until(lambda: served.cache.is_warm)
        _fill(served)
        await _until(lambda: not served.cache.is_warm)
        assert len((await served.warm.ask("GET", f"{LIST}?fields={TABLE}"))[1]["items"]) == 13


async def test_while_the_watch_is_broken_lists_are_read_from_the_cluster(served: Both) -> None:
    _fill(served)
    served.cluster.faults.append(Fault("answer", "watch", "workflows", times=10_000, status=500))
    served.cluster.disconnect()
    await _until(lambda: not served.cache.is_warm)
    served.cluster.store.patch(Place(ARGO, "workflows", "ns", "w-1"), {"metadata": {"labels": {"team": "changed"}}})
    _, said = await served.warm.ask("GET", f"{LIST}?listOptions.labelSelector=team=changed&fields=items.metadata.name")
    assert [one["metadata"]["name"] for one in said["items"]] == ["w-1"]
    served.cluster.faults.clear()
    await _until(lambda: served.cache.is_warm)
    await served.same(f"listOptions.labelSelector=team=changed&fields={TABLE}")


async def test_one_that_is_gone_before_it_is_read_is_left_out(served: Both) -> None:
    _fill(served)
    served.cluster.faults.append(Fault("answer", "get", "workflows", status=404, matches=lambda call: call.name == "w-3"))
    _, said = await served.warm.ask("GET", f"{LIST}?listOptions.limit=50")
    assert {one["metadata"]["name"] for one in said["items"]} == {"new"} | {f"w-{number}" for number in range(12) if number != 3}


async def test_one_that_cannot_be_read_is_shown_as_it_is(served: Both) -> None:
    served.put("odd", status={"phase": "Failed", "startedAt": "yesterday"})
    served.put("good")
    said = await served.same("listOptions.limit=5")
    assert {one["metadata"]["name"] for one in said["items"]} == {"odd", "good"}
    _, said = await served.warm.ask("GET", f"{LIST}?fields={TABLE}")
    assert {one["metadata"]["name"]: one.get("status", {}).get("startedAt") for one in said["items"]} == {"odd": "yesterday", "good": None}


async def test_what_is_watched_from_a_lists_version_goes_on_from_the_list(served: Both) -> None:
    _fill(served)
    _, said = await served.warm.ask("GET", f"{LIST}?fields=metadata")
    served.put("later")
    version = said["metadata"]["resourceVersion"]
    path = f"{served.warm.address}/api/v1/workflow-events/ns?listOptions.resourceVersion={version}"
    async with served.warm.session.get(path, headers=TOKEN) as answer:
        while True:
            told = json.loads(await answer.content.readline())["result"]
            if told["object"]["metadata"]["name"] == "later":
                break
    assert told["type"] == "ADDED"
