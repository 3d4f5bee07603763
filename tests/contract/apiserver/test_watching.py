"""What a watch tells, and what an informer makes of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
from tests.contract.apiserver.conftest import World, eventually

from tiphys.cluster.api import path_of
from tiphys.cluster.informer import Informer
from tiphys.model.base import ObjectMeta

LABELS = "watched=yes"


class Named(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, str] = {}


def parse(raw: msgspec.Raw) -> Named:
    return msgspec.json.decode(raw, type=Named)


async def watch(world: World, kind: str = "ConfigMap", **query: str) -> AsyncIterator[dict[str, Any]]:
    """Events of a kind."""
    path, timeout = path_of(kind, world.namespace), aiohttp.ClientTimeout(total=60)
    params = {"watch": "1", **query}
    async with world.api.session.get(path, params=params, headers=world.api.headers(), timeout=timeout) as answer:
        async for line in answer.content:
            yield msgspec.json.decode(line)


async def version(world: World) -> str:
    answer = await world.api.call("GET", "ConfigMap", path_of("ConfigMap", world.namespace))
    return str(msgspec.json.decode(answer)["metadata"]["resourceVersion"])


async def test_a_watch_tells_what_enters_changes_and_leaves_its_selection(world: World) -> None:
    since = await version(world)
    api, space = world.api, world.namespace
    await api.create("ConfigMap", space, world.config_map("other"))
    await api.create("ConfigMap", space, world.config_map("one"))
    await api.patch("ConfigMap", space, "one", {"metadata": {"labels": {"watched": "yes"}}})
    await api.patch("ConfigMap", space, "one", {"data": {"a": "2"}})
    await api.patch("ConfigMap", space, "one", {"metadata": {"labels": {"watched": "no"}}})
    await api.patch("ConfigMap", space, "one", {"metadata": {"labels": {"watched": "yes"}}})
    await api.delete("ConfigMap", space, "one")
    found = [e async for e in watch(world, resourceVersion=since, labelSelector=LABELS, timeoutSeconds="2")]
    assert [e["type"] for e in found] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    versions = [int(e["object"]["metadata"]["resourceVersion"]) for e in found]
    assert versions == sorted(versions)


async def test_a_watch_from_nowhere_begins_with_what_is_there(world: World) -> None:
    await world.api.create("ConfigMap", world.namespace, world.config_map("one", metadata={"labels": {"watched": "yes"}}))
    found = [e async for e in watch(world, labelSelector=LABELS, timeoutSeconds="1")]
    assert [(e["type"], e["object"]["metadata"]["name"]) for e in found] == [("ADDED", "one")]


async def test_bookmarks_say_how_far_a_quiet_watch_is(world: World) -> None:
    since = await version(world)
    await world.api.create("ConfigMap", world.namespace, world.config_map("other"))
    query = {"resourceVersion": since, "labelSelector": LABELS, "timeoutSeconds": "5", "allowWatchBookmarks": "true"}
    found = [e async for e in watch(world, **query)]
    assert {e["type"] for e in found} == {"BOOKMARK"}
    assert int(found[-1]["object"]["metadata"]["resourceVersion"]) > int(since)


async def test_a_watch_from_too_long_ago_is_told_that_it_is_gone(world: World) -> None:
    # what an API server remembers of a kind that was defined later begins after its first version, however young it is
    found = [e async for e in watch(world, "Workflow", resourceVersion="1", timeoutSeconds="2")]
    assert found[0]["type"] == "ERROR"
    assert found[0]["object"]["code"] == 410


async def test_an_informer_knows_what_is_there_and_hears_of_every_change(world: World) -> None:
    heard: list[tuple[str, str, dict[str, str]]] = []
    informer = Informer(world.api, "ConfigMap", parse=parse, namespace=world.namespace, labels=LABELS, watch_seconds=1)
    informer.on_change = lambda key, one: heard.append(("changed", key.partition("/")[2], one.data))
    informer.on_delete = lambda key, one: heard.append(("gone", key.partition("/")[2], one.data))
    label = {"metadata": {"labels": {"watched": "yes"}}}
    await world.api.create("ConfigMap", world.namespace, world.config_map("first", **label))
    task = asyncio.create_task(informer.run())
    await asyncio.wait_for(informer.synced.wait(), 10)
    assert heard == [("changed", "first", {"a": "1"})]
    # the server ends the watch every second: nothing may be lost or heard twice over that
    for value in ("2", "3"):
        await asyncio.sleep(0.8)
        await world.api.patch("ConfigMap", world.namespace, "first", {"data": {"a": value}})
    await world.api.create("ConfigMap", world.namespace, world.config_map("second", **label))
    await world.api.patch("ConfigMap", world.namespace, "second", {"metadata": {"labels": {"watched": "no"}}})
    await world.api.delete("ConfigMap", world.namespace, "first")

    async def done() -> bool:
        return len(heard) >= 6

    await eventually(done, 10)
    task.cancel()
    assert heard == [
        ("changed", "first", {"a": "1"}),
        ("changed", "first", {"a": "2"}),
        ("changed", "first", {"a": "3"}),
        ("changed", "second", {"a": "1"}),
        ("gone", "second", {"a": "1"}),
        ("gone", "first", {"a": "3"}),
    ]
    assert informer.items == {}
