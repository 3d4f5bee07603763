"""The list of workflows: live, filtered, sorted, acted on together, thousands of rows, by mouse and by key."""

import contextlib
import re

import pytest
from playwright.async_api import Browser, expect
from tests.integration.page.conftest import TOKEN, World, served
from tests.servers.browser import Visit, visit
from tests.servers.network import Network

from tiphys.local.objects import Place
from tiphys.model.base import Json
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.rights import User

pytestmark = pytest.mark.asyncio(loop_scope="session")
ARGO = "apis/argoproj.io/v1alpha1"


def workflow(name: str, namespace: str, image: str = "works", **labels: str) -> Json:
    main = {"name": "main", "container": {"image": image, "command": ["a"]}}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": {"entrypoint": "main", "templates": [main]},
    }  # fmt: skip


async def started(world: World, namespace: str, *names: str, image: str = "works", phase: str = "Succeeded") -> None:
    """Workflows that stand as they should."""
    for name in names:
        world.apply(workflow(name, namespace, image))
    await world.until(
        lambda: all(world.stored(name, namespace=namespace).get("status", {}).get("phase") == phase for name in names)
    )


def count(world: World, namespace: str) -> int:
    return len(world.cluster.store.find(ARGO, "workflows", namespace))


async def test_the_list_follows_the_cluster(world: World, desk: Visit) -> None:
    await desk.open("/workflows/live")
    await desk.see("There are no workflows here.")
    world.apply(workflow("comes", "live", "hangs"))
    row = desk.page.locator("[data-name=comes]")
    await expect(row).to_contain_text("Running")
    world.cluster.store.patch(Place(ARGO, "workflows", "live", "comes"), {"spec": {"shutdown": "Terminate"}})
    await expect(row).to_contain_text("Failed")
    await expect(row).to_contain_text("Stopped with strategy 'Terminate'")
    world.cluster.store.delete(Place(ARGO, "workflows", "live", "comes"))
    await expect(row).to_have_count(0)


async def test_a_server_that_went_away_is_told_and_followed_again(browser: Browser, network: Network) -> None:
    async with APIServer() as cluster:
        place = Place(ARGO, "workflows", "ns", "kept")
        cluster.store.create(place, workflow("kept", "ns"))
        async with contextlib.AsyncExitStack() as stack:
            first = contextlib.AsyncExitStack()
            address = await first.enter_async_context(served(cluster, network))
            desk = await stack.enter_async_context(visit(browser, address))
            desk.expected = [address]
            await desk.open("/workflows/ns")
            mark = desk.page.get_by_role("status").first
            await expect(mark).to_have_text("live")
            await first.aclose()
            await expect(mark).to_have_text(re.compile("^not live since .*, reconnecting$"))
            await desk.picture("not-live")
            await stack.enter_async_context(served(cluster, network, port=int(address.rpartition(":")[2])))
            await expect(mark).to_have_text("live")
            cluster.store.patch(place, {"status": {"phase": "Failed"}})
            await expect(desk.page.locator("[data-name=kept]")).to_contain_text("Failed")


async def test_filters_stand_in_the_address_and_hold_for_what_comes_later(world: World, desk: Visit) -> None:
    await started(world, "sift", "one", "two")
    await started(world, "sift", "bad", image="fails", phase="Failed")
    await desk.open("/workflows/sift?phase=Failed")
    rows = desk.page.locator(".rows-scroll [role=row]")
    await expect(rows).to_have_count(1)
    await started(world, "sift", "worse", image="fails", phase="Failed")
    await started(world, "sift", "three")
    await expect(rows).to_have_count(2)
    await desk.button("Failed").click()
    await expect(rows).to_have_count(5)
    await desk.page.keyboard.press("/")
    await desk.page.keyboard.type("two")
    await expect(rows).to_have_count(1)
    assert desk.place == "/workflows/sift?name=two"
    await desk.button("Clear").click()
    await desk.page.get_by_text("More filters").click()
    await desk.page.get_by_label("Label", exact=True).fill("no label")
    await desk.page.keyboard.press("Enter")
    await desk.see("no label is no label")
    await desk.page.get_by_label("Label", exact=True).fill("workflows.argoproj.io/phase!=Failed")
    await desk.page.keyboard.press("Enter")
    await expect(rows).to_have_count(3)
    await desk.page.get_by_role("button", name="Name", exact=False).first.click()
    await expect(rows.first).to_have_attribute("data-name", "one")
    assert desk.place.endswith("sort=name")
    await desk.page.get_by_label("Namespace", exact=True).fill("ns")
    await desk.page.keyboard.press("Enter")
    await desk.page.locator("[data-name=diamond]").wait_for()


async def test_resumed_resubmitted_and_deleted_together(world: World, desk: Visit) -> None:
    world.apply({**workflow("held", "bulk", "works"), "spec": {**workflow("x", "bulk")["spec"], "suspend": True}})
    await desk.open("/workflows/bulk")
    await expect(desk.page.locator("[data-name=held]")).to_contain_text("suspended")
    await desk.page.get_by_label("Choose all").check()
    for deed in ("Resume", "Resubmit"):
        await desk.page.get_by_label("Choose all").check()
        await desk.page.get_by_role("toolbar").get_by_role("button", name=deed, exact=True).click()
        await desk.page.get_by_role("dialog").get_by_role("button", name=deed, exact=True).click()
        await desk.see(f"{deed}: 1 of 1 done.")
        await expect(desk.page.locator("[data-name=held]")).to_contain_text("Succeeded")
    await expect(desk.page.locator(".rows-scroll [role=row]")).to_have_count(2)
    await desk.page.get_by_label("Choose all").check()
    await desk.button("Delete").click()
    await desk.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert count(world, "bulk") == 2
    await desk.button("Delete").click()
    await desk.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await desk.see("There are no workflows here.")
    assert count(world, "bulk") == 0


async def test_what_is_refused_is_told_with_its_name(browser: Browser, network: Network) -> None:
    async with APIServer() as cluster, served(cluster, network, "client") as address, visit(browser, address) as desk:
        cluster.users.add(TOKEN, User("reader", lambda verb, *_: verb in ("get", "list", "watch")))
        cluster.store.create(Place(ARGO, "workflows", "ns", "kept"), workflow("kept", "ns"))
        await desk.page.context.add_cookies([{"name": "authorization", "value": f"Bearer%20{TOKEN}", "url": address}])
        await desk.open("/workflows/ns")
        await desk.page.get_by_label("Choose kept", exact=True).check()
        await desk.button("Delete").click()
        desk.expected = [": 403"]
        await desk.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await desk.page.get_by_label("Messages").get_by_text("kept:").wait_for()
        assert cluster.store.read(Place(ARGO, "workflows", "ns", "kept"))


async def test_three_thousand_rows_are_a_few_in_the_document_and_are_reached_by_key(browser: Browser, network: Network) -> None:
    async with APIServer() as cluster, served(cluster, network) as address, visit(browser, address) as desk:
        for number in range(3000):
            name = f"row-{number:04d}"
            cluster.store.create(Place(ARGO, "workflows", "many", name), workflow(name, "many"))
        await desk.open("/workflows/many?sort=name")
        rows = desk.page.locator(".rows-scroll [role=row]")
        await rows.first.focus()
        await desk.page.keyboard.press("x")
        await desk.see("1 chosen")
        # each end that is reached brings the next page of the list
        for shown in range(500, 3001, 500):
            await expect(desk.page.get_by_test_id("count")).to_have_text(re.compile(rf"^({shown}|{shown + 500})\+? shown"))
            # rows that come meanwhile may take the place of the one that has the focus
            await rows.first.focus()
            await desk.page.keyboard.press("End")
        await expect(desk.page.get_by_test_id("count")).to_have_text("3000 shown")
        await rows.first.focus()
        await desk.page.keyboard.press("End")
        await expect(desk.page.locator("[data-name=row-2999]")).to_be_focused()
        assert await rows.count() < 80
        await desk.page.keyboard.press("Home")
        await expect(desk.page.locator("[data-name=row-0000]")).to_be_focused()
        await desk.page.keyboard.press("j")
        await expect(desk.page.locator("[data-name=row-0001]")).to_be_focused()
        await desk.picture("workflows-many")
        await desk.page.keyboard.press("Enter")
        await desk.page.wait_for_url("**/workflows/many/row-0001")
