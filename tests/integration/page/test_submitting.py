"""Workflows are started from the page: by a form that parameters make, and as YAML."""

import pytest
import yaml
from tests.integration.page.conftest import World
from tests.servers.browser import Visit

from tiphys.model.base import Json

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _started(world: World, visit: Visit) -> Json:
    """The workflow whose page is shown; it ends well."""
    await visit.page.wait_for_url("**/workflows/ns/*")
    name = visit.place.removeprefix("/workflows/ns/")
    await world.until(lambda: world.phase(name) == "Succeeded")
    return world.stored(name)


async def test_a_form_asks_for_what_must_be_there_and_sends_what_was_chosen(world: World, desk: Visit) -> None:
    await desk.open("/templates/ns/greeting?tab=submit")
    form = desk.page.get_by_role("form", name="Submit greeting")
    await form.get_by_role("button", name="Submit").click()
    await desk.see("Write a value: there is none to fall back on.")
    times = form.get_by_label("times")
    assert await times.get_attribute("aria-invalid") == "true"
    assert await desk.violations() == ""
    await times.fill("3")
    await form.get_by_label("tone").select_option("cold")
    await form.get_by_label("Entrypoint").select_option("twice")
    await form.get_by_label("gap").fill("7")
    await form.get_by_label("Labels").fill("a=b, nonsense")
    await form.get_by_role("button", name="Submit").click()
    await desk.see("“nonsense” is no label")
    await form.get_by_label("Labels").fill("a=b,c=d")
    await form.get_by_role("button", name="Submit").click()
    made = await _started(world, desk)
    sent = {one["name"]: one["value"] for one in made["spec"]["arguments"]["parameters"] if "value" in one}
    assert (sent["times"], sent["tone"], sent["gap"]) == ("3", "cold", "7")
    assert made["spec"]["entrypoint"] == "twice"
    assert {"a": "b", "c": "d"}.items() <= made["metadata"]["labels"].items()
    assert len([one for one in made["status"]["nodes"].values() if one["type"] == "Pod"]) == 2


async def test_what_a_template_gives_is_edited_as_yaml_before_it_is_submitted(world: World, desk: Visit) -> None:
    await desk.open("/templates/ns/greeting?tab=submit")
    await desk.link("Edit as YAML instead").click()
    text = desk.page.get_by_role("textbox", name="Manifest")
    await desk.see("No problems")
    lines = await text.locator(".cm-line").all_text_contents()
    manifest = yaml.safe_load("\n".join(lines))
    assert manifest["metadata"] == {"generateName": "greeting-", "namespace": "ns"}
    manifest["spec"]["arguments"]["parameters"] = [{"name": "times", "value": "9"}, {"name": "whom", "value": "Ada"}]
    await text.fill(yaml.safe_dump(manifest, sort_keys=False))
    await desk.button("Submit").click()
    made = await _started(world, desk)
    assert [one["value"] for one in made["spec"]["arguments"]["parameters"]] == ["9", "Ada"]


async def test_the_archive_is_searched_page_by_page(world: World, desk: Visit) -> None:
    await desk.open("/archive")
    await desk.link("kept-59").wait_for()
    assert await desk.page.get_by_role("row").count() == 51, "a heading and a page"
    await desk.button("Older").click()
    await desk.link("kept-00").wait_for()
    assert desk.place == "/archive?from=50"
    await desk.page.get_by_label("Phase").select_option("Failed")
    await desk.link("kept-09").wait_for()
    await desk.link("kept-00").wait_for(state="detached")
    await desk.page.get_by_role("textbox", name="Labels").fill("crew=c0")
    await desk.link("kept-29").wait_for(state="detached")
    assert await desk.link("kept-09").count() == 1
    await desk.open("/archive?name=t-1&since=2026-01-06&until=2026-01-08")
    await desk.link("kept-15").wait_for()
    shown = await desk.page.get_by_role("row").get_by_role("link").all_text_contents()
    assert sorted(shown) == [f"kept-{number}" for number in range(10, 16)]
