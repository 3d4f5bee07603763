"""What starts workflows from outside, on the page; and how the server describes itself."""

import pytest
from playwright.async_api import expect
from tests.integration.page.conftest import ARGO, World
from tests.servers.browser import Visit

from tiphys.local import paths
from tiphys.local.objects import Place
from tiphys.model.base import Json

pytestmark = pytest.mark.asyncio(loop_scope="session")
OBJECTS: tuple[Json, ...] = (
    {"kind": "EventSource", "metadata": {"name": "hooks"}, "spec": {"webhook": {"push": {"port": "1"}, "idle": {"port": "2"}}}},
    {"kind": "Sensor", "metadata": {"name": "builder"},
     "spec": {"dependencies": [{"name": "pushed", "eventSourceName": "hooks", "eventName": "push"}],
              "triggers": [{"template": {"name": "build", "argoWorkflow": {"operation": "submit"}}}]}},
    {"kind": "WorkflowEventBinding", "metadata": {"name": "on-push"},
     "spec": {"event": {"selector": "payload.ref == 'main'"}, "submit": {"workflowTemplateRef": {"name": "greeting"}}}},
)  # fmt: skip


async def test_an_event_is_followed_from_its_source_to_what_it_starts(
    world: World, desk: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.expected = [": 501"]
    await desk.open("/event-flow/events")
    await desk.see("Argo Events is not installed here: the cluster knows no EventSource")
    # as if the cluster had these kinds
    for plural, kind in (("eventsources", "EventSource"), ("sensors", "Sensor")):
        monkeypatch.setitem(paths.RESOURCES, (ARGO, plural), (kind, True))
    for one in OBJECTS:
        manifest = {"apiVersion": "argoproj.io/v1alpha1", **one}
        world.cluster.store.create(Place(ARGO, f"{one['kind'].lower()}s", "events", one["metadata"]["name"]), manifest)
    await desk.open("/event-flow/events")
    row = desk.page.get_by_role("row")
    await expect(row.filter(has_text="push")).to_have_text("hookspush webhookbuilderbuild (argoWorkflow)")
    await expect(row.filter(has_text="idle")).to_contain_text("nobody waits for it")
    assert desk.place == "/events/events"
    assert await desk.violations() == ""
    await desk.picture("events")
    for tab, name, said in (("Event sources", "hooks", "idle (webhook)"), ("Sensors", "builder", "build"), ("Bindings", "on-push", "payload.ref == 'main'")):
        await desk.page.get_by_role("tab", name=tab).click()
        # the flow has two rows of that name
        await expect(row.filter(has_text=name)).to_have_count(1)
        await expect(row.filter(has_text=name)).to_contain_text(said)
    await desk.page.get_by_text("YAML of on-push").click()
    await desk.see("kind: WorkflowEventBinding")
    assert await desk.violations() == ""
    await expect(desk.link("greeting")).to_have_attribute("href", "/templates/events/greeting")


async def test_the_api_is_described_from_the_servers_own_words(world: World, desk: Visit) -> None:
    await desk.open("/apidocs")
    await desk.page.get_by_label("Find an operation").fill("/api/v1/workflows/{namespace}/submit")
    operation = desk.page.locator("details")
    await expect(operation).to_have_count(1)
    await operation.locator("summary").click()
    await expect(operation.get_by_role("row").filter(has_text="namespace")).to_contain_text("required")
    await expect(operation.get_by_role("heading", name="Body: application/json")).to_be_visible()
    await expect(operation.get_by_role("region", name="YAML")).to_contain_text("schema:")
    assert await desk.violations() == ""
    await desk.picture("api-operation")
