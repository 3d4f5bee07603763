"""Memos that nobody has asked for in a while are dropped, when the administrator wants that."""

import asyncio
import json
from datetime import timedelta

from tests.integration.controller.conftest import Harbour, LoopClock, place

from tiphys.controller.forgetting import forget_memos, forget_once
from tiphys.model.names import PREFIX
from tiphys.settings import Environment

REMEMBERS = """
entrypoint: a
templates:
- name: a
  memoize: {key: KEY, cache: {configMap: {name: cache}}}
  container: {image: i, command: [a]}
"""


def keys(harbour: Harbour, name: str = "cache") -> set[str]:
    return set(harbour.server.store.read(at(name)).get("data") or {})


def at(name: str):
    return place(name, "configmaps")._replace(namespace="argo")


async def test_a_memo_goes_when_nobody_has_asked_for_it_in_time(harbour: Harbour) -> None:
    life = await harbour.controller()
    await harbour.finished(harbour.submit(REMEMBERS.replace("KEY", "old"), "a"))
    await asyncio.sleep(10)
    await harbour.finished(harbour.submit(REMEMBERS.replace("KEY", "new"), "b"))
    assert keys(harbour) == {"old", "new"}
    assert await forget_once(life.api, "argo", LoopClock().now() - timedelta(seconds=5)) == 1
    assert keys(harbour) == {"new"}


async def test_a_memo_that_is_asked_for_stays(harbour: Harbour) -> None:
    life = await harbour.controller()
    for name in ("a", "b"):
        await harbour.finished(harbour.submit(REMEMBERS.replace("KEY", "asked"), name))
        await asyncio.sleep(10)
    assert await forget_once(life.api, "argo", LoopClock().now() - timedelta(seconds=15)) == 0
    assert keys(harbour) == {"asked"}


async def test_what_is_no_memo_is_left_alone(harbour: Harbour) -> None:
    life = await harbour.controller()
    entry = json.dumps({"nodeID": "n", "outputs": None, "creationTimestamp": "2020-01-01T00:00:00Z", "lastHitTimestamp": "2020-01-01T00:00:00Z"})
    for name, labels, data in (
        ("cache", {PREFIX + "configmap-type": "Cache"}, {"broken": "{", "old": entry}),
        ("settings", {}, {"old": entry}),
    ):
        harbour.server.store.create(at(name), {"metadata": {"name": name, "labels": labels}, "data": data})
    assert await forget_once(life.api, "argo", LoopClock().now()) == 1
    assert (keys(harbour), keys(harbour, "settings")) == ({"broken"}, {"old"})


async def test_memos_are_looked_at_once_each_period_and_never_when_that_is_not_wanted(harbour: Harbour) -> None:
    life = await harbour.controller()
    wanted = Environment(cache_gc_period=timedelta(seconds=10), cache_gc_after_not_hit_duration=timedelta(seconds=15))
    works = [asyncio.ensure_future(forget_memos(life.api, LoopClock(), "argo", said)) for said in (wanted, Environment())]
    await harbour.finished(harbour.submit(REMEMBERS.replace("KEY", "old"), "a"))
    start = LoopClock().now()
    await harbour.until(lambda: not keys(harbour))
    assert LoopClock().now() - start >= timedelta(seconds=14)
    assert not any(work.done() for work in works)
    for work in works:
        work.cancel()
