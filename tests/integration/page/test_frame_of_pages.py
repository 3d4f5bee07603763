"""What all pages share: keys, focus, colours, the path behind a proxy, and who is let in."""

import pytest
from playwright.async_api import Browser, expect
from tests.integration.page.conftest import TOKEN, World, served
from tests.servers.browser import Visit, visit
from tests.servers.network import Network

from tiphys.testing.apiserver import APIServer

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_keys_go_from_page_to_page_and_are_told(world: World, desk: Visit) -> None:
    await desk.open("/workflows")
    await desk.see("diamond")
    for key, path in (("t", "/templates"), ("c", "/cluster-templates"), ("s", "/cron"), ("r", "/reports"), ("e", "/events"), ("p", "/plugins"), ("i", "/api-docs"), ("u", "/user")):
        await desk.page.keyboard.press("g")
        await desk.page.keyboard.press(key)
        await desk.page.wait_for_url(f"**{path}")
    await desk.page.keyboard.press("?")
    await desk.page.get_by_role("dialog", name="Keys").wait_for()
    assert await desk.violations() == ""
    await desk.page.keyboard.press("Escape")
    await desk.page.get_by_role("dialog", name="Keys").wait_for(state="detached")


async def test_who_has_no_mouse_skips_the_navigation_and_moves_through_tabs(world: World, desk: Visit) -> None:
    await desk.open("/templates/ns/greeting")
    await desk.see("Says hello to somebody.")
    await desk.page.keyboard.press("Tab")
    await desk.page.keyboard.press("Enter")
    assert await desk.page.evaluate("document.activeElement.id") == "page"
    await desk.page.get_by_role("tab", name="Summary").focus()
    await desk.page.keyboard.press("ArrowRight")
    await desk.see("Who is greeted.")
    assert desk.place == "/templates/ns/greeting?tab=submit"
    assert await desk.page.evaluate("document.activeElement.textContent") == "Submit"


async def test_colours_are_as_the_system_says_or_as_was_chosen(world: World, night: Visit) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    await night.open("/user")
    await night.see("python")
    dark = await night.page.evaluate(ground)
    await night.button("Colours: system. Change").click()
    light = await night.page.evaluate(ground)
    assert light != dark
    await night.open("/templates")
    await night.see("greeting")
    assert await night.page.evaluate(ground) == light, "it is remembered"
    await night.button("Colours: light. Change").click()
    assert await night.page.evaluate(ground) == dark


async def test_behind_a_proxy_everything_is_below_its_path(world: World, browser: Browser, network: Network) -> None:
    async with served(world.cluster, network, base="/flow/") as address, visit(browser, f"{address}/flow") as one:
        asked: list[str] = []
        one.page.on("request", lambda request: asked.append(request.url))
        await one.open("/templates/ns/greeting?tab=manifest")
        await one.see("No problems")
        await one.link("Cron").click()
        await one.see("nightly")
        assert one.place == "/cron"
        await one.link("Workflows").click()
        await one.see("diamond")
        assert asked
        assert [url for url in asked if not url.startswith(f"{address}/flow/")] == []


async def test_who_has_no_token_is_sent_to_log_in_and_the_right_one_is_let_in(browser: Browser, network: Network) -> None:
    async with APIServer() as cluster:
        cluster.token = TOKEN
        async with served(cluster, network, "client") as address, visit(browser, address) as one:
            one.expected = [": 401"]
            await one.open("/templates")
            await one.link("Log in").click()
            await one.page.get_by_role("textbox", name="Token").fill("wrong")
            await one.button("Log in").click()
            await one.see("The server does not know this token.")
            await one.page.get_by_role("textbox", name="Token").fill(f"Bearer {TOKEN}")
            await one.button("Log in").click()
            await one.page.wait_for_url("**/templates")
            await one.see("There is no template here.")
            await one.link("User").click()
            await one.button("Log out").click()
            await one.page.wait_for_url("**/login")
            await one.open("/templates")
            await one.link("Log in").wait_for()


async def test_other_pages_show_how_a_workflow_stands(world: World, desk: Visit) -> None:
    await desk.open("/widgets/workflow-status-badges/ns?name=diamond")
    badge = desk.page.get_by_role("link", name="diamond")
    await badge.wait_for()
    await desk.see("Succeeded")
    assert await desk.violations() == ""
    await desk.picture("widget-badge")
    await desk.open("/widgets/workflow-graphs/ns?label=team=blue,workflows.argoproj.io/completed!=true")
    await desk.page.get_by_role("button", name="pull, Pending", exact=True).wait_for()
    assert await desk.violations() == ""
    await desk.picture("widget-graph")
    await desk.page.get_by_role("button", name="pull, Pending", exact=True).click()
    await desk.page.wait_for_url("**/workflows/ns/waiting?nodeId=*")
    await desk.open("/widgets/workflow-graphs/ns?name=nobody")
    await desk.see("No workflow fits.")


async def test_titles_and_descriptions_are_marked_and_nothing_in_them_runs(world: World, desk: Visit) -> None:
    words = {"title": "**Nightly** build of `main`", "description": "See [the docs](https://docs.example)\n\n- one\n- <img src=x onerror=alert(1)>"}
    annotations = {f"workflows.argoproj.io/{name}": text for name, text in words.items()}
    spec = {"entrypoint": "main", "suspend": True, "templates": [{"name": "main", "suspend": {}}]}
    world.apply({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "titled", "namespace": "titles", "annotations": annotations}, "spec": spec})
    await desk.open("/workflows/titles")
    row = desk.page.locator("[data-name=titled]")
    await expect(row.locator("strong")).to_have_text("Nightly")
    await row.get_by_role("link").click()
    await desk.page.wait_for_url("**/workflows/titles/titled")
    await expect(desk.page.get_by_role("heading", level=1).locator("code")).to_have_text("main")
    await expect(desk.link("the docs")).to_have_attribute("href", "https://docs.example")
    await expect(desk.page.get_by_role("listitem").nth(1)).to_have_text("<img src=x onerror=alert(1)>")
    assert await desk.violations() == ""
    await desk.picture("workflow-described")


async def test_only_ways_in_that_there_are_are_offered(world: World, desk: Visit) -> None:
    await desk.open("/login")
    await desk.see("acts with the rights of the server")
    assert await desk.page.get_by_role("textbox").count() == 0
    assert await desk.link("Single sign-on").count() == 0


async def test_reports_count_what_ended_and_choose_by_what_started_it(world: World, desk: Visit) -> None:
    await desk.open("/reports/ns")
    await desk.see("Median duration")
    await desk.page.get_by_label("Started by").select_option(label="template greeting (1)")
    await desk.page.get_by_role("img", name="Durations of 1 workflows, oldest first").wait_for()
    await desk.see("0 (0%)")
    await desk.page.get_by_text("The last 1 in a table").click()
    assert await desk.link("greeted").count() == 1
    assert desk.place == "/reports/ns?of=workflows.argoproj.io%2Fworkflow-template%3Dgreeting"


async def test_addresses_of_argos_page_lead_to_the_same_thing_here(world: World, desk: Visit) -> None:
    # this cluster knows nothing of Argo Events
    desk.expected = [": 501"]
    for old, new in (
        ("/workflow-templates/ns/greeting?tab=submit", "/templates/ns/greeting?tab=submit"),
        ("/cluster-workflow-templates/shared-greeting", "/cluster-templates/shared-greeting"),
        ("/cron-workflows/ns", "/cron/ns"),
        ("/archived-workflows/ns", "/archive/ns"),
        ("/userinfo", "/user"),
        ("/event-sources/ns", "/events/ns?tab=sources"),
        ("/workflow-event-bindings/ns", "/events/ns?tab=bindings"),
        ("/apidocs", "/api-docs"),
    ):
        await desk.open(old)
        await desk.page.wait_for_url(f"**{new}")
