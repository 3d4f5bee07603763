"""What whoever runs the server wants the page to show: links, columns, a colour, words for who is new."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect
from tests.integration.page.conftest import ARGO, World, served
from tests.servers.browser import Visit, visit
from tests.servers.network import Network

from tiphys.local import paths
from tiphys.local.objects import Place
from tiphys.server.kept import Kept, Settled
from tiphys.settings.configuration import Column, Configuration, Link

pytestmark = pytest.mark.asyncio(loop_scope="session")
SAID = Configuration(
    links=(
        Link(name="Runbook", scope="workflow-list", url="https://wiki.example/runbook"),
        Link(name="Metrics", scope="workflow", url="https://m.example/?w=${metadata.namespace}/${metadata.name}&from=${status.startedAtEpoch}"),
        Link(name="Script", scope="workflow", url="javascript:alert(1)"),
        Link(name="Machine", scope="pod", url="https://pods.example/${metadata.name}?of=${workflow.metadata.name}", target="_self"),
        Link(name="All logs", scope="pod-logs", url="https://logs.example/${metadata.name}"),
        Link(name="Logs of the source", scope="event-source-logs", url="https://logs.example/sources/${metadata.name}"),
        Link(name="Logs of the sensor", scope="sensor-logs", url="https://logs.example/sensors/${metadata.name}"),
        Link(name="Ask us", scope="chat", url="https://chat.example"),
    ),
    columns=(Column(name="Team", type="label", key="team"), Column(name="Ends", type="annotation", key="ends")),
    nav_color="rgb(200, 30, 40)",
)


@contextlib.asynccontextmanager
async def _configured(world: World, browser: Browser, network: Network) -> AsyncIterator[Visit]:
    async def ask() -> Settled:
        return Settled(SAID)

    async with served(world.cluster, network, kept=Kept(ask)) as address, visit(browser, address) as one:
        yield one


async def test_links_columns_and_the_colour_of_the_configuration_are_shown(world: World, browser: Browser, network: Network) -> None:
    async with _configured(world, browser, network) as one:
        await one.open("/workflows/ns")
        await expect(one.link("Runbook")).to_have_attribute("href", "https://wiki.example/runbook")
        await expect(one.link("Ask us")).to_have_attribute("href", "https://chat.example/")
        heads = one.page.get_by_role("columnheader")
        await expect(heads.filter(has_text="Team")).to_have_count(1)
        row = one.page.locator("[data-name=diamond]")
        await expect(row.locator(".rows-own")).to_have_text(["blue", "Succeeded"])
        await expect(one.page.get_by_role("banner")).to_have_css("border-top-color", SAID.nav_color)
        assert await one.violations() == ""
        await one.picture("configured")
        await one.link("diamond").click()
        metrics = one.link("Metrics")
        started = await one.page.evaluate("text => Date.parse(text)", world.stored("diamond")["status"]["startedAt"])
        await expect(metrics).to_have_attribute("href", f"https://m.example/?w=ns/diamond&from={started}")
        await expect(metrics).to_have_attribute("target", "_blank")
        assert await one.link("Script").count() == 0
        await one.page.locator('[data-id][aria-label^="a,"]').click()
        pod = next(node for node in world.stored("diamond")["status"]["nodes"].values() if node["displayName"] == "a")
        machine = one.link("Machine")
        suffix = pod["id"].rpartition("-")[2]
        await expect(machine).to_have_attribute("href", f"https://pods.example/diamond-say-{suffix}?of=diamond")
        await expect(machine).to_have_attribute("target", "_self")
        await one.page.get_by_role("tab", name="Logs").click()
        await expect(one.link("All logs")).to_have_attribute("href", f"https://logs.example/diamond-say-{suffix}")


async def test_links_of_what_argo_events_runs_stand_beside_it(
    world: World, browser: Browser, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as if the cluster had these kinds
    for plural, kind in (("eventsources", "EventSource"), ("sensors", "Sensor")):
        monkeypatch.setitem(paths.RESOURCES, (ARGO, plural), (kind, True))
        world.cluster.store.create(Place(ARGO, plural, "linked", "x"), {"kind": kind, "metadata": {"name": "x"}, "spec": {}})
    async with _configured(world, browser, network) as one:
        for tab, name in (("sources", "source"), ("sensors", "sensor")):
            await one.open(f"/events/linked?tab={tab}")
            await expect(one.link(f"Logs of the {name}")).to_have_attribute("href", f"https://logs.example/{name}s/x")


async def test_who_is_new_is_greeted_once_and_told_of_a_new_version(
    world: World, browser: Browser, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST_TIME_USER_MODAL", "true")
    monkeypatch.setenv("NEW_VERSION_MODAL", "true")
    monkeypatch.setenv("FEEDBACK_MODAL", "true")
    async with _configured(world, browser, network) as one:
        dialog = one.page.get_by_role("dialog")
        await one.open("/plugins")
        await expect(dialog).to_contain_text("Welcome to Tiphys")
        assert await one.violations() == ""
        await one.button("Close").click()
        await expect(dialog).to_have_count(0)
        for greeted, said in (('{"version": "v0"}', "Tiphys was updated"), ('{"version": "%s", "since": 1}', "How do you like Tiphys?")):
            version = await one.page.evaluate("async () => (await (await fetch('api/v1/version')).json()).version")
            await one.page.evaluate("text => localStorage.setItem('tiphys-greeted', text)", greeted.replace("%s", version))
            await one.open("/plugins")
            await expect(dialog).to_contain_text(said)
            await one.page.keyboard.press("Escape")
            await expect(dialog).to_have_count(0)
        await one.open("/user")
        await one.see("python")
        assert await dialog.count() == 0, "each is said once"
