"""What the page takes in Debian's Chromium, as the browser measures it: `python -m tests.bench.page`.

The server and the small API server run beside it on the same machine, so that what they take is in the numbers.
"""

import asyncio
import contextlib
import itertools
import pathlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn
from playwright.async_api import expect
from tests.servers.browser import Visit, chromium, install_browser, visit
from tests.servers.network import Network

from tiphys.cluster.connection import Access
from tiphys.local.objects import Place, Store
from tiphys.model.base import Json
from tiphys.server.app import make_app
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer

WORKFLOWS, NODES, ROUNDS = 1000, 500, 5
LOOPS, ITEMS, CHANGED, CHANGES_PER_SECOND = 10, 500, 25, 5
STAMP = "2026-01-01T{:02}:{:02}:{:02}Z"
PHASES = ("Succeeded", "Succeeded", "Succeeded", "Failed", "Running")
# `event`: how long the page took from a key or click until it was painted; shorter than 16 ms is not told
WATCH = """() => {
  window.slow = [];
  new PerformanceObserver(list => { for (const one of list.getEntries()) if (one.interactionId) window.slow.push(one.duration) })
    .observe({ type: 'event', durationThreshold: 16, buffered: true });
}"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
# the time at which a number of such elements is there, painted
SEEN = """([what, least]) => new Promise(done => {
  const look = () => document.querySelectorAll(what).length >= least
    ? requestAnimationFrame(() => setTimeout(() => done(performance.now()))) : requestAnimationFrame(look);
  look();
})"""


def _stamp(second: int) -> str:
    return STAMP.format(second // 3600 % 24, second // 60 % 60, second % 60)


def listed(number: int) -> Json:
    """One of many workflows."""
    phase = PHASES[number % len(PHASES)]
    end = {} if phase == "Running" else {"finishedAt": _stamp(number * 10 + number % 97)}
    labels = {"workflows.argoproj.io/phase": phase, "team": f"t{number % 7}"}
    return {
        "metadata": {"name": f"job-{number:04}", "namespace": "ns", "labels": labels},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i"}}]},
        "status": {"phase": phase, "startedAt": _stamp(number * 10), "progress": "1/1", **end},
    }


def graph(name: str, nodes: int) -> Json:
    """A workflow whose nodes stand in layers of twenty, two parents each."""
    found: Json = {name: {"id": name, "name": name, "displayName": name, "type": "DAG", "phase": "Running", "startedAt": _stamp(0)}}
    for number in range(nodes):
        later = [number + 20, number + 20 + (1 if number % 20 < 19 else -1)]
        children = [f"{name}-{one}" for one in later if one < nodes]
        phase = "Failed" if number == 7 else "Succeeded" if number < nodes - 40 else "Running"
        found[f"{name}-{number}"] = {
            "id": f"{name}-{number}", "name": f"{name}.t{number}", "displayName": f"t{number}", "type": "Pod", "phase": phase,
            "boundaryID": name, "templateName": "work", "startedAt": _stamp(number), "children": children,
            **({} if phase == "Running" else {"finishedAt": _stamp(number + 5)}),
        }  # fmt: skip
    found[name]["children"] = [f"{name}-{number}" for number in range(20)]
    made = listed(1)
    return {**made, "metadata": {"name": name, "namespace": "ns"}, "status": {"phase": "Running", "startedAt": _stamp(0), "nodes": found}}


def loops(name: str) -> Json:
    """A workflow of loops, each after the one before; the first item of each has failed."""
    found: Json = {name: {"id": name, "name": name, "displayName": name, "type": "DAG", "phase": "Running", "startedAt": _stamp(0), "children": ["loop-0"]}}
    for loop in range(LOOPS):
        group, after = f"loop-{loop}", [f"loop-{loop + 1}"] if loop + 1 < LOOPS else []
        shared = {"boundaryID": name, "startedAt": _stamp(loop)}
        items = {f"{group}-{item}": f"{group}({item}:x)" for item in range(ITEMS)}
        found[group] = {"id": group, "name": f"{name}.{group}", "displayName": group, "type": "TaskGroup", "phase": "Running", "children": list(items), **shared}
        for number, (one, shown) in enumerate(items.items()):
            found[one] = {"id": one, "name": f"{name}.{shown}", "displayName": shown, "type": "Pod", "phase": "Pending" if number else "Failed",
                          "templateName": "work", "children": after, "inputs": {"parameters": [{"name": "item", "value": "x" * 40}]},
                          "resourcesDuration": {"cpu": 3, "memory": 90}, "hostNodeName": f"node-{number % 9}", **shared}  # fmt: skip
    made = listed(1)
    return {**made, "metadata": {"name": name, "namespace": "ns"}, "status": {"phase": "Running", "startedAt": _stamp(0), "nodes": found}}


async def change(store: Store, name: str) -> None:
    """Some of the nodes go on, a few times a second, for ever."""
    ids = [f"loop-{loop}-{item}" for loop in range(LOOPS) for item in range(1, ITEMS)]
    for turn in itertools.count():
        phase = ("Running", "Succeeded", "Pending")[turn * CHANGED // len(ids) % 3]
        some = [ids[(turn * CHANGED + number) % len(ids)] for number in range(CHANGED)]
        nodes = {one: {"phase": phase, "message": f"turn {turn}"} for one in some}
        store.patch(_place(name), {"status": {"progress": f"{turn}/5000", "nodes": nodes}})
        await asyncio.sleep(1 / CHANGES_PER_SECOND)


def _place(name: str) -> Place:
    return Place("apis/argoproj.io/v1alpha1", "workflows", "ns", name)


@asynccontextmanager
async def changing(store: Store, name: str) -> AsyncIterator[None]:
    """Meanwhile it changes."""
    task = asyncio.create_task(change(store, name))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def served(network: Network) -> AsyncIterator[tuple[str, Store]]:
    """A server over a cluster with all of it."""
    async with APIServer() as cluster:
        for manifest in (*(listed(number) for number in range(WORKFLOWS)), graph("graph", NODES), loops("loops")):
            cluster.store.create(_place(manifest["metadata"]["name"]), manifest)
        gate = Gate(access=Access(server=cluster.address), modes=frozenset({"server"}))
        listener = network.listener()
        program = uvicorn.Server(uvicorn.Config(make_app(gate), log_config=None, timeout_graceful_shutdown=1))
        running = asyncio.create_task(program.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", cluster.store
        program.should_exit = True
        await running


async def opened(one: Visit, path: str, what: str, least: int) -> tuple[float, float]:
    """Milliseconds until something is painted, and until so many elements are."""
    await one.open(path)
    async with asyncio.timeout(20):
        seen: float = await one.page.evaluate(SEEN, [what, least])
    painted: float = await one.page.evaluate(PAINTED)
    return painted, seen


async def slowest(one: Visit) -> float:
    """The longest that a key or click took since the page was opened; 16 when none took so long."""
    await one.page.wait_for_timeout(300)
    found: list[float] = await one.page.evaluate("window.slow")
    return max(found, default=16)


async def use_list(one: Visit) -> float:
    """What people do on the list."""
    await one.page.evaluate(WATCH)
    name = one.page.get_by_label("Name contains")
    await name.press_sequentially("job-01")
    await name.fill("")
    for phase in ("Failed", "Running", "Failed", "Running"):
        await one.button(phase).click()
    for heading in ("Name", "Duration", "Name"):
        await one.page.get_by_role("columnheader").get_by_role("button", name=heading).click()
    for box in (2, 3, 4):
        await one.page.get_by_role("checkbox").nth(box).click()
    return await slowest(one)


async def use_graph(one: Visit) -> float:
    """What people do on a graph."""
    await one.page.evaluate(WATCH)
    await one.button("Fit").click()
    await one.page.locator("[data-id='graph-100']").click()
    for name in ("Larger", "Larger", "Smaller", "Fit"):
        await one.button(name).click()
    await one.page.locator("[data-id='graph-100']").focus()
    for key in ("ArrowRight", "ArrowDown", "Enter", "ArrowRight", "Enter"):
        await one.page.keyboard.press(key)
    for tab in ("Tree", "Timeline", "Graph"):
        await one.button(tab).click()
    return await slowest(one)


async def use_loops(one: Visit) -> float:
    """What people do on thousands of nodes while these go on."""
    await one.page.evaluate(WATCH)
    progress = one.page.locator(".page-head")
    for name in ("Larger", "Smaller", "Fit"):
        await one.button(name).click()
    await one.page.locator("[data-id^='group:']").first.click()
    await one.page.locator("[data-id='loop-0-0']").click()
    for key in ("ArrowRight", "ArrowDown", "Enter", "ArrowDown", "Enter"):
        await one.page.keyboard.press(key)
    await one.button("Tree").click()
    await one.button("Failed first").click()
    await one.page.get_by_role("treeitem", name="loop-3").first.click()
    await one.page.keyboard.press("ArrowRight")
    await one.page.keyboard.press("ArrowDown")
    for tab in ("Timeline", "Tree", "Graph"):
        await one.button(tab).click()
    before = await progress.text_content()
    # it still follows
    await expect(progress).not_to_have_text(before or "")
    return await slowest(one)


async def measure() -> list[tuple[str, list[float]]]:
    """Each row with its rounds."""
    rows: dict[str, list[float]] = {}
    network = Network()
    install_browser()
    with tempfile.TemporaryDirectory() as folder:
        async with served(network) as (address, store), chromium(network, pathlib.Path(folder)) as browser:
            still = contextlib.nullcontext
            for _ in range(ROUNDS):
                plan: list[tuple[str, str, str, int, Any, Any]] = [
                    (f"list of {WORKFLOWS:,}", "/workflows/ns", "a[href*='/job-']", 10, use_list, still),
                    (f"graph of {NODES}", "/workflows/ns/graph", "[data-id]", 100, use_graph, still),
                    (f"{LOOPS * ITEMS:,} nodes that change", "/workflows/ns/loops", "[data-id^='group:']", 3, use_loops, partial(changing, store, "loops")),
                ]
                for what, path, element, least, use, meanwhile in plan:
                    async with meanwhile(), visit(browser, address) as one:
                        painted, seen = await opened(one, path, element, least)
                        rows.setdefault(f"{what}: first paint", []).append(painted)
                        rows.setdefault(f"{what}: all there", []).append(seen)
                        rows.setdefault(f"{what}: the slowest of its interactions", []).append(await use(one))
    network.close()
    return list(rows.items())


def main() -> None:
    """Print the table: of the rounds the middle one."""
    print("| nobody was here before | ms, median | worst |\n|---|---|---|")
    for what, found in asyncio.run(measure()):
        print(f"| {what} | {sorted(found)[len(found) // 2]:.0f} | {max(found):.0f} |")


if __name__ == "__main__":
    main()
