"""One workflow: as graph, tree and timeline, all about each node, its logs, and every action."""

import re

import pytest
from playwright.async_api import Browser, expect
from tests.integration.page.conftest import World, served
from tests.servers.browser import Visit, visit
from tests.servers.network import Network

from tiphys.local.objects import Place
from tiphys.model.base import Json
from tiphys.testing.apiserver import APIServer

pytestmark = pytest.mark.asyncio(loop_scope="session")
ARGO = "apis/argoproj.io/v1alpha1"
LOOKS = {"Tree": "a", "Timeline": "a", "Summary": "Arguments", "Logs": "ended", "Events": "WorkflowSucceeded", "YAML": "entrypoint: main"}


def manifest(name: str, templates: list[Json], **spec: object) -> Json:
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "namespace": "view"},
        "spec": {"entrypoint": "main", "templates": templates, **spec},
    }  # fmt: skip


def pod(name: str, image: str = "works", *args: str) -> Json:
    return {"name": name, "container": {"image": image, "command": ["a"], "args": list(args)}}


async def running(world: World, one: Json, phase: str) -> None:
    world.apply(one)
    await world.until(lambda: found(world, one).get("status", {}).get("phase") == phase)


def found(world: World, one: Json) -> Json:
    return world.stored(one["metadata"]["name"], namespace="view")


async def test_every_look_is_accessible_by_day_by_night_and_on_a_phone(desk: Visit) -> None:
    faults = []
    await desk.open("/workflows/ns/diamond")
    await desk.page.get_by_role("button", name="d, Succeeded", exact=True).wait_for()
    for look, seen in {"Graph": "", **LOOKS}.items():
        await desk.button(look).click()
        if seen:
            await desk.page.get_by_text(seen, exact=len(seen) == 1).first.wait_for()
        faults += await desk.faults(f"workflow-{look.lower()}")
    await desk.open("/workflows/ns/broken?tab=tree")
    await desk.page.get_by_role("treeitem", name="bad").click()
    await desk.see("Error (exit code 1)")
    faults += await desk.faults("workflow-node")
    assert not faults, "\n".join(faults)


async def test_what_is_looked_at_stands_in_the_address(world: World, desk: Visit) -> None:
    await desk.open("/workflows/ns/diamond")
    await desk.page.get_by_role("button", name="b, Succeeded", exact=True).click()
    panel = desk.page.get_by_role("complementary", name="Node b")
    await panel.get_by_role("tab", name="Inputs").click()
    await expect(panel.get_by_role("row", name="text")).to_contain_text("two")
    await desk.page.keyboard.press("3")
    await desk.page.reload()
    await expect(panel.get_by_role("row", name="text")).to_contain_text("two")
    await expect(desk.button("Timeline")).to_have_attribute("aria-pressed", "true")
    assert desk.place.startswith("/workflows/ns/diamond?nodeId=diamond-")
    assert desk.place.endswith("&panel=inputs&tab=timeline")
    await panel.get_by_role("tab", name="Inputs").focus()
    await desk.page.keyboard.press("ArrowLeft")
    await expect(panel.get_by_role("tab", name="Summary")).to_be_focused()
    await desk.page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    assert desk.place == "/workflows/ns/diamond?tab=timeline"


async def test_what_made_a_workflow_is_a_link(world: World, desk: Visit) -> None:
    await desk.open("/workflows/ns/greeted?tab=summary")
    await desk.link("greeting").click()
    await desk.see("Says hello to somebody.")
    assert desk.place == "/templates/ns/greeting"


async def test_keys_go_through_the_graph_and_the_tree(world: World, desk: Visit) -> None:
    await desk.open("/workflows/ns/diamond")
    await desk.page.get_by_role("button", name="diamond, Succeeded", exact=True).focus()
    for key, name in (("ArrowRight", "a"), ("ArrowRight", "b|c"), ("ArrowRight", "d"), ("ArrowLeft", "b|c")):
        await desk.page.keyboard.press(key)
        await expect(desk.page.locator(".vertex:focus")).to_have_attribute("aria-label", re.compile(f"^({name}), Succeeded"))
    await desk.page.keyboard.press("Enter")
    await desk.page.get_by_role("complementary").wait_for()
    await desk.page.keyboard.press("Escape")
    await desk.page.keyboard.press("2")
    await desk.page.get_by_role("treeitem", name="diamond").focus()
    await desk.page.keyboard.press("ArrowLeft")
    await expect(desk.page.get_by_role("treeitem")).to_have_count(1)
    await desk.page.keyboard.press("ArrowRight")
    await desk.page.keyboard.press("End")
    await expect(desk.page.get_by_role("treeitem", name="d", exact=False).last).to_be_focused()
    await desk.page.keyboard.press("Enter")
    await desk.page.get_by_role("complementary", name="Node d").wait_for()


async def test_why_a_node_waits_is_told(world: World, desk: Visit) -> None:
    await desk.open("/workflows/ns/waiting")
    await desk.page.get_by_role("button", name="pull, Pending", exact=True).click()
    reason = desk.page.get_by_test_id("reason")
    await expect(reason).to_contain_text("Why it waits")
    await expect(reason).to_contain_text("ErrImagePull")
    await desk.page.get_by_role("button", name="approve, Running", exact=True).click()
    await expect(reason).to_contain_text("until somebody resumes it")


async def test_logs_have_their_colours_and_are_searched(world: World, desk: Visit) -> None:
    await desk.open("/workflows/ns/diamond?tab=tree")
    await desk.page.get_by_role("treeitem", name="b").click()
    await desk.page.get_by_role("tab", name="Logs").click()
    await expect(desk.page.locator(".logs-line .ansi-green")).to_have_text("started")
    lines = desk.page.locator(".logs-line")
    await expect(lines).to_have_count(3)
    await expect(desk.page.get_by_text("3 lines", exact=True)).to_be_visible()
    await desk.page.get_by_label("Search the logs").fill("ed")
    await desk.see("1 of 2")
    await expect(desk.page.locator("mark")).to_have_text(["ed", "ed"])
    await desk.button("Only hits").click()
    await expect(lines).to_have_count(2)
    async with desk.page.expect_download() as saved:
        await desk.button("Download").click()
    assert (await (await saved.value).path()).read_text() == "started\ntwo\nended\n"
    await desk.button("Logs").click()
    await expect(desk.page.locator(".logs").first.locator(".logs-line")).to_have_count(12)


async def test_a_workflow_is_followed_while_it_runs_and_goes(world: World, desk: Visit) -> None:
    one = manifest("lives", [{"name": "main", "steps": [[{"name": "first", "template": "hold"}], [{"name": "then", "template": "go"}]]},
                             {"name": "hold", "suspend": {}}, pod("go")])  # fmt: skip
    await desk.open("/workflows/view")
    world.apply(one)
    await desk.link("lives").click()
    await desk.page.get_by_role("button", name="first, Running", exact=True).wait_for()
    await desk.button("Resume").click()
    await desk.page.get_by_role("button", name="then, Succeeded", exact=True).wait_for()
    await expect(desk.page.locator("h1 + .phase")).to_have_text("✓Succeeded")
    world.cluster.store.delete(Place(ARGO, "workflows", "view", "lives"))
    await desk.see("deleted from the cluster")


def large(items: int) -> Json:
    """A finished workflow with one loop, two of whose items failed."""
    at = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:10:00Z"}
    names = [f"large.each({number}:x{number})" for number in range(items)]
    nodes = {"large": {"id": "large", "name": "large", "displayName": "large", "type": "DAG", "phase": "Failed", "children": ["each"], **at},
             "each": {"id": "each", "name": "large.each", "displayName": "each", "type": "TaskGroup", "phase": "Failed",
                      "boundaryID": "large", "children": names, **at}}  # fmt: skip
    for number, name in enumerate(names):
        phase = "Failed" if number in (7, items - 1) else "Succeeded"
        nodes[name] = {"id": name, "name": name, "displayName": name.removeprefix("large."), "type": "Pod", "phase": phase,
                       "templateName": "work", "boundaryID": "large", **at}  # fmt: skip
    status = {"phase": "Failed", "nodes": nodes, **at}
    return {**manifest("large", [pod("work")]), "status": status}


async def test_five_thousand_nodes_are_a_group_that_opens_with_its_failures_first(browser: Browser, network: Network) -> None:
    async with APIServer() as cluster, served(cluster, network) as address, visit(browser, address) as desk:
        cluster.store.create(Place(ARGO, "workflows", "view", "large"), large(5000))
        await desk.open("/workflows/view/large")
        group = desk.page.get_by_role("button", name="each, 5000 alike, 2 failed")
        await group.click()
        await expect(desk.page.locator(".vertex.phase-failed", has_text="each(")).to_have_count(2)
        await expect(desk.page.locator(".vertex:focus")).to_have_attribute("aria-label", "each(7:x7), Failed")
        await desk.picture("workflow-large")
        await desk.page.get_by_role("button", name="each(7:x7), Failed", exact=True).click()
        await desk.page.get_by_role("complementary", name="Node each(7:x7)").wait_for()
        await desk.page.keyboard.press("2")
        await desk.page.get_by_role("treeitem", name="each").first.focus()
        await desk.button("Failed first").click()
        await desk.page.get_by_role("treeitem", name="each").first.click()
        await desk.page.get_by_role("complementary", name="Node each", exact=True).wait_for()
        await desk.page.keyboard.press("ArrowRight")
        rows = desk.page.get_by_role("treeitem", name="each(")
        await expect(rows.first).to_contain_text("each(7:x7)")
        assert await rows.count() < 80
        await desk.page.keyboard.press("3")
        assert await desk.page.locator(".timeline-row").count() < 80
