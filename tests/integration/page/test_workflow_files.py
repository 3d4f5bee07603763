"""What a workflow left: logs of pods that are gone, artifacts shown and fetched; and what the cluster tells of its pods."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from tests.integration.page.conftest import World, served
from tests.servers.browser import Visit, visit
from tests.servers.network import Network

from tiphys.local.objects import Place
from tiphys.model.base import Json
from tiphys.model.parse import parse_as
from tiphys.server.kept import Kept, Settled
from tiphys.settings.configuration import Configuration
from tiphys.testing.apiserver import APIServer

pytestmark = pytest.mark.asyncio(loop_scope="session")
ARGO = "apis/argoproj.io/v1alpha1"
REPOSITORY = {"s3": {"endpoint": "this-machine", "bucket": "b"}}
AT = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:00Z"}
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
FILES = {
    "main.log": b"\x1b[33mwarm\x1b[0m\nkept for later\n", "table.csv": b"a,b\n1,<script>alert(1)</script>\n", "dot.png": DOT,
    "pack.tgz": b"\x1f\x8b\x08", "long.txt": b"x" * 400_000,
}  # fmt: skip


def finished() -> Json:
    """A workflow whose pod is gone and whose files are in the store."""
    names = {"main-logs": "main.log", "table": "table.csv", "dot": "dot.png", "pack": "pack.tgz", "long": "long.txt", "missing": "no.txt"}
    artifacts = [{"name": name, "s3": {"key": f"w/{file}"}} for name, file in names.items()]
    node = {"id": "w", "name": "w", "displayName": "w", "type": "Pod", "phase": "Succeeded", "templateName": "main", **AT,
            "outputs": {"artifacts": [*artifacts, {"name": "gone", "s3": {"key": "w/gone"}, "deleted": True}]}}  # fmt: skip
    known = {"artifactRepositoryRef": {"default": True, "artifactRepository": REPOSITORY}}
    template = {"name": "main", "container": {"image": "i", "command": ["a"]}}
    status = {"phase": "Succeeded", "nodes": {"w": node}, **known, **AT}
    return {"metadata": {"name": "w"}, "spec": {"entrypoint": "main", "templates": [template]}, "status": status}


@pytest_asyncio.fixture(loop_scope="session")
async def store(browser: Browser, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Visit]:
    """Somebody before a server with a store that is a folder."""
    monkeypatch.setenv("TIPHYS_LOCAL_ARTIFACTS", str(tmp_path))
    for name, content in FILES.items():
        (tmp_path / "b/w").mkdir(parents=True, exist_ok=True)
        (tmp_path / "b/w" / name).write_bytes(content)
    settled = Settled(parse_as(Configuration, {"artifactRepository": REPOSITORY}))

    async def ask() -> Settled:
        return settled

    async with (
        APIServer() as cluster, served(cluster, network, kept=Kept(ask)) as address, visit(browser, address) as desk
    ):  # fmt: skip
        cluster.store.create(Place(ARGO, "workflows", "ns", "w"), finished())
        yield desk


async def test_logs_of_a_pod_that_is_gone_are_those_that_were_kept(store: Visit) -> None:
    await store.open("/workflows/ns/w?nodeId=w&panel=logs")
    await expect(store.page.locator(".logs-line")).to_have_count(2)
    await expect(store.page.locator(".logs-line .ansi-yellow")).to_have_text("warm")
    await store.see("kept for later")


async def test_artifacts_are_shown_where_a_page_can_and_fetched_where_not(store: Visit) -> None:
    await store.open("/workflows/ns/w?nodeId=w&panel=outputs")
    await store.button("Show table").click()
    await expect(store.page.get_by_label("Content of table.csv")).to_have_text("a,b\n1,<script>alert(1)</script>\n")
    await store.button("Show dot").click()
    picture = store.page.get_by_role("img", name="dot.png")
    await expect(picture).to_have_js_property("naturalWidth", 1)
    await store.button("Show pack").click()
    await store.see("The page cannot show this kind of file.")
    await store.button("Show long").click()
    await store.see("Only the first 256 KiB are shown.")
    await expect(store.page.locator(".file", has_text="gone")).to_contain_text("deleted")
    store.expected = [": 404"]
    await store.button("Show missing").click()
    await store.see("Cannot be fetched:")
    await store.picture("workflow-artifacts")
    assert await store.violations() == ""
    async with store.page.expect_download() as saved:
        await store.link("Download pack").click()
    fetched = await saved.value
    assert fetched.suggested_filename == "pack.tgz"
    assert (await fetched.path()).read_bytes() == FILES["pack.tgz"]


async def test_what_the_cluster_tells_of_a_pod_is_shown_as_it_happens(world: World, desk: Visit) -> None:
    await desk.open("/workflows/ns/waiting?tab=tree")
    await desk.page.get_by_role("treeitem", name="pull").click()
    await desk.page.get_by_role("tab", name="Events").click()
    await desk.see("The cluster has no events of it.")
    nodes = world.stored("waiting")["status"]["nodes"].values()
    node = next(one for one in nodes if one["displayName"] == "pull")
    name = f"waiting-pull-{node['id'].rpartition('-')[2]}"
    told = {"metadata": {"name": "told"}, "involvedObject": {"kind": "Pod", "namespace": "ns", "name": name},
            "type": "Warning", "reason": "Failed", "message": "no such image", "count": 3}  # fmt: skip
    world.cluster.store.create(Place("api/v1", "events", "ns", "told"), told)
    row = desk.page.get_by_role("row", name="no such image")
    await expect(row.get_by_role("cell").nth(1)).to_have_text(re.compile("^Failed .3$"))
