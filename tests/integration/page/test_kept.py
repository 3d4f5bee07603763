"""Templates and schedules on the page: written, changed, suspended, deleted; and what is wrong is told with its line."""

import asyncio
import contextlib

import pytest
import yaml
from playwright.async_api import TimeoutError as PageTimeout
from tests.integration.page.conftest import World
from tests.servers.browser import Visit

from tiphys.model.base import Json

pytestmark = pytest.mark.asyncio(loop_scope="session")
RUN: Json = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "works", "args": ["hi"]}}]}


def _template(name: str, kind: str = "WorkflowTemplate") -> Json:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": RUN}


async def test_a_template_is_written_and_what_is_wrong_is_told_with_its_line(world: World, desk: Visit) -> None:
    await desk.open("/templates/ns")
    await desk.link("New template").click()
    text = desk.page.get_by_role("textbox", name="Manifest")
    await text.fill(yaml.safe_dump(_template("written"), sort_keys=False).replace("entrypoint", "entrypont"))
    problem = desk.button("Line 6: unknown field “entrypont”: did you mean “entrypoint”?")
    await problem.wait_for()
    assert await desk.button("Create").is_disabled()
    await problem.click()
    assert await text.evaluate("one => one === document.activeElement")
    await text.fill(yaml.safe_dump(_template("written"), sort_keys=False))
    await desk.see("No problems")
    await desk.button("Create").click()
    await desk.page.wait_for_url("**/templates/ns/written")
    assert world.stored("written", "workflowtemplates")["spec"] == RUN


async def test_what_only_the_server_knows_is_told_in_its_words(world: World, desk: Visit) -> None:
    desk.expected = [": 400", ": 409", ": 500"]
    await desk.open("/create/templates/ns")
    await desk.page.get_by_role("textbox", name="Manifest").fill(yaml.safe_dump(_template("greeting")))
    await desk.see("No problems")
    await desk.button("Create").click()
    await desk.see("already exists")
    assert desk.place == "/create/templates/ns"


async def test_a_manifest_is_changed_and_an_older_one_replaces_nothing(world: World, desk: Visit) -> None:
    world.apply(_template("changed"))
    desk.expected = [": 409"]
    await desk.open("/templates/ns/changed?tab=manifest")
    text = desk.page.get_by_role("textbox", name="Manifest of changed")
    await text.fill(yaml.safe_dump({**_template("changed"), "metadata": {"name": "changed", "labels": {"a": "b"}}}))
    await desk.see("No problems")
    await desk.button("Save").click()
    await desk.see("Stored.")
    assert world.stored("changed", "workflowtemplates")["metadata"]["labels"] == {"a": "b"}
    world.patch("changed", {"metadata": {"labels": {"a": "elsewhere"}}}, "workflowtemplates")
    await text.fill(yaml.safe_dump({**_template("changed"), "metadata": {"name": "changed", "labels": {"a": "c"}}}))
    await desk.see("No problems")
    await desk.button("Save").click()
    await desk.page.locator(".notice-failure").wait_for()
    assert world.stored("changed", "workflowtemplates")["metadata"]["labels"] == {"a": "elsewhere"}


async def test_a_schedule_is_suspended_and_resumed_and_says_when_it_starts_next(world: World, desk: Visit) -> None:
    cron = {"schedules": ["0 0 1 1 *"], "timezone": "Asia/Tokyo", "workflowSpec": RUN}
    world.apply({"kind": "CronWorkflow", "metadata": {"name": "yearly"}, "spec": cron})
    await desk.open("/cron/ns/yearly")
    starts = desk.page.get_by_role("list", name="Next starts").get_by_role("listitem")
    await starts.first.wait_for()
    times = await starts.locator("time").evaluate_all("all => all.map(one => one.dateTime.slice(5))")
    assert times == ["12-31T15:00:00Z"] * 5
    await desk.button("Suspend").click()
    await desk.see("none while it is suspended")
    assert world.stored("yearly", "cronworkflows")["spec"]["suspend"] is True
    await desk.button("Resume").click()
    await starts.first.wait_for()
    assert not world.stored("yearly", "cronworkflows")["spec"].get("suspend")


async def test_lists_are_filtered_by_name_and_labels_and_the_address_says_so(world: World, desk: Visit) -> None:
    await desk.open("/cron/ns?labels=team=red")
    await desk.link("nightly").wait_for()
    assert await desk.link("paused").count() == 0
    await desk.page.get_by_role("textbox", name="Labels").fill("")
    await desk.link("paused").wait_for()
    await desk.page.get_by_role("textbox", name="Name", exact=True).fill("pau")
    await desk.link("nightly").wait_for(state="detached")
    assert desk.place == "/cron/ns?name=pau"
    await desk.page.get_by_role("textbox", name="Namespace").fill("elsewhere")
    await desk.page.keyboard.press("Enter")
    await desk.see("There is no schedule here.")
    assert desk.place == "/cron/elsewhere?name=pau", "what is looked for stays"


async def test_fields_are_proposed_where_they_may_stand(world: World, desk: Visit) -> None:
    await desk.open("/create/workflows/ns")
    text = desk.page.get_by_role("textbox", name="Manifest")
    await text.fill("kind: Workflow\nmetadata: {}\nspec:\n  act")
    await desk.see("Line 3: must be a map of fields")
    option, written = desk.page.get_by_role("option", name="activeDeadlineSeconds"), text.get_by_text("activeDeadlineSeconds:")
    # the list is made anew when a check of the text ends: a click on the one before is nobody's
    async with asyncio.timeout(60):
        while not await written.count():
            if not await option.count():
                await text.press("Control+Space")
            with contextlib.suppress(PageTimeout):
                await option.click(timeout=2000)
