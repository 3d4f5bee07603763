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


def begun(world: World, prefix: str) -> int:
    """How many pods of such names were ever started."""
    return sum(name.startswith(prefix) for name in world.cluster.kubelet.started)


async def _all_looks(one: Visit, suffix: str) -> None:
    """Each way to look at a workflow, and a node beside it; faults of all are told at once."""
    faults = []
    await one.open("/workflows/ns/diamond")
    await one.page.get_by_role("button", name="d, Succeeded", exact=True).wait_for()
    for look, seen in {"Graph": "", **LOOKS}.items():
        await one.button(look).click()
        if seen:
            await one.page.get_by_text(seen, exact=len(seen) == 1).first.wait_for()
        await one.picture(f"workflow-{look.lower()}{suffix}")
        faults += [f"{look}: {fault}" for fault in (await one.violations(), await one.excess()) if fault]
    await one.open("/workflows/ns/broken?tab=tree")
    await one.page.get_by_role("treeitem", name="bad").click()
    await one.see("Error (exit code 1)")
    await one.picture(f"workflow-node{suffix}")
    faults += [f"node: {fault}" for fault in (await one.violations(), await one.excess()) if fault]
    assert not faults, "\n".join(faults)


async def test_every_look_is_accessible_by_day(desk: Visit) -> None:
    await _all_looks(desk, "")


async def test_every_look_is_accessible_by_night(night: Visit) -> None:
    await _all_looks(night, "-night")


async def test_every_look_is_accessible_and_fits_on_a_phone(phone: Visit) -> None:
    await _all_looks(phone, "-phone")


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


async def test_who_resumes_supplies_what_is_asked_for(world: World, desk: Visit) -> None:
    ask = {
        "name": "ask", "suspend": {},
        "inputs": {"parameters": [{"name": "verdict", "default": "no", "enum": ["yes", "no"], "description": "May it go on?"}]},
        "outputs": {"parameters": [{"name": "verdict", "valueFrom": {"supplied": {}}}]},
    }  # fmt: skip
    say = {"name": "say", "inputs": {"parameters": [{"name": "text"}]}, **pod("say", "works", "{{inputs.parameters.text}}")}
    given = {"parameters": [{"name": "text", "value": "{{steps.ask.outputs.parameters.verdict}}"}]}
    steps = [[{"name": "ask", "template": "ask"}], [{"name": "say", "template": "say", "arguments": given}]]
    one = manifest("asks", [{"name": "main", "steps": steps}, ask, say])
    await running(world, one, "Running")
    await desk.open("/workflows/view/asks")
    await desk.button("Resume").click()
    dialog = desk.page.get_by_role("dialog", name="Resume ask?")
    await dialog.get_by_text("May it go on?").wait_for()
    assert await desk.violations() == ""
    await dialog.get_by_label("verdict").select_option("yes")
    await dialog.get_by_role("button", name="Resume", exact=True).click()
    await world.until(lambda: found(world, one)["status"]["phase"] == "Succeeded")
    await desk.page.get_by_role("button", name="say, Succeeded", exact=True).click()
    await desk.page.get_by_role("tab", name="Inputs").click()
    await expect(desk.page.get_by_role("row", name="text")).to_contain_text("yes")


async def test_a_retry_says_first_what_runs_again(world: World, desk: Visit) -> None:
    tasks = [{"name": "good", "template": "good"}, {"name": "bad", "template": "bad", "depends": "good"},
             {"name": "late", "template": "good", "depends": "bad"}]  # fmt: skip
    one = manifest("again", [{"name": "main", "dag": {"tasks": tasks}}, pod("good"), pod("bad", "fails")])
    await running(world, one, "Failed")
    ended = {node["displayName"]: node["finishedAt"] for node in found(world, one)["status"]["nodes"].values()}
    await desk.open("/workflows/view/again")
    await desk.button("Retry").click()
    dialog = desk.page.get_by_role("dialog", name="Retry again?")
    await expect(dialog.get_by_role("list", name="Runs again").get_by_role("listitem")).to_have_text(["✕Failed bad"])
    await expect(dialog.get_by_role("list", name="Then what comes after").get_by_role("listitem")).to_contain_text(["Omitted late"])
    await desk.see("1 node that went well is kept.")
    await desk.picture("workflow-retry")
    assert await desk.violations() == ""
    await dialog.get_by_role("button", name="Retry", exact=True).click()
    await world.until(lambda: begun(world, "again-") == 3)
    await world.until(lambda: found(world, one)["status"]["phase"] == "Failed")
    nodes = {node["displayName"]: node for node in found(world, one)["status"]["nodes"].values()}
    assert nodes["good"]["finishedAt"] == ended["good"], "what went well is kept"
    await desk.page.get_by_role("button", name="good, Succeeded", exact=True).click()
    await desk.button("Run again from here").click()
    await expect(desk.page.get_by_role("list", name="Runs again").get_by_role("listitem")).to_have_count(2)
    await desk.page.get_by_role("dialog").get_by_role("button", name="Run again", exact=True).click()
    await world.until(lambda: begun(world, "again-") == 5)


async def test_suspended_stopped_resubmitted_and_deleted(world: World, desk: Visit) -> None:
    one = manifest("acts", [pod("main", "hangs")], arguments={"parameters": [{"name": "day", "value": "monday"}]})
    await running(world, one, "Running")
    await desk.open("/workflows/view/acts")
    await desk.button("Suspend").click()
    await world.until(lambda: found(world, one)["spec"].get("suspend") is True)
    await desk.button("Resume").click()
    await world.until(lambda: not found(world, one)["spec"].get("suspend"))
    await desk.button("Stop").click()
    await desk.page.get_by_role("dialog", name="Stop acts?").get_by_role("button", name="Stop", exact=True).click()
    await desk.see("Stopped with strategy 'Stop'")
    await desk.button("Resubmit").click()
    dialog = desk.page.get_by_role("dialog", name="Submit acts again?")
    await dialog.get_by_label("day").fill("tuesday")
    await dialog.get_by_role("button", name="Resubmit", exact=True).click()
    await desk.page.wait_for_url("**/workflows/view/acts-*")
    new = world.stored(desk.place.rpartition("/")[2], namespace="view")
    assert new["spec"]["arguments"]["parameters"] == [{"name": "day", "value": "tuesday"}]
    await desk.button("Terminate").click()
    await desk.page.get_by_role("dialog").get_by_role("button", name="Terminate", exact=True).click()
    await desk.see("Stopped with strategy 'Terminate'")
    await desk.button("Delete").click()
    await desk.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    await desk.page.wait_for_url("**/workflows/view")
    await world.until(lambda: not world.cluster.store.find(ARGO, "workflows", "view") or all(
        left["metadata"]["name"] != new["metadata"]["name"] for left in world.cluster.store.find(ARGO, "workflows", "view")))


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
