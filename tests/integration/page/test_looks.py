"""Every page: accessible by day, by night and on a phone, without a complaint of the browser, and kept as a picture."""

import pytest
from tests.integration.page.conftest import World
from tests.servers.browser import Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")

# name of the picture, address, what is to be seen when all is there
PAGES = [
    ("workflows", "/workflows/ns", "diamond"),
    ("templates", "/templates", "greeting"),
    ("template", "/templates/ns/greeting", "Says hello to somebody."),
    ("template-submit", "/templates/ns/greeting?tab=submit", "Who is greeted."),
    ("template-manifest", "/templates/ns/greeting?tab=manifest", "No problems"),
    ("template-workflows", "/templates/ns/greeting?tab=workflows", "greeted"),
    ("cluster-templates", "/cluster-templates", "shared-greeting"),
    ("cluster-template", "/cluster-templates/shared-greeting", "container"),
    ("cron", "/cron", "nightly"),
    ("cron-one", "/cron/ns/nightly", "Next starts"),
    ("create-workflow", "/create/workflows/ns", "No problems"),
    ("archive", "/archive", "kept-59"),
    ("reports", "/reports", "Median duration"),
    ("events-none", "/events", "Name the namespace"),
    ("plugins", "/plugins", "Executor plugins"),
    ("api-docs", "/api-docs", "Store a workflow made of a stored object."),
    ("user", "/user", "python"),
    ("login", "/login", "acts with the rights of the server"),
    ("nothing", "/no/such/page", "There is no page at this address."),
]


async def test_every_page_is_accessible_by_day_by_night_and_on_a_phone(world: World, desk: Visit) -> None:
    faults = []
    for name, path, seen in PAGES:
        await desk.open(path)
        await desk.see(seen)
        faults += await desk.faults(name)
    assert not faults, "\n".join(faults)
