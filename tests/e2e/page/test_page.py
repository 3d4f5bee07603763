"""Every page and every action on a real cluster; each is believed only when the cluster says so.

What tutorials teach comes first: submit from a template, see it run, read each step's logs while it runs and after its pod is gone.
"""

import asyncio
import re
from typing import Any

import pytest
import yaml
from playwright.async_api import Browser, expect
from tests.e2e.page.conftest import Site, manifest
from tests.e2e.page.steps import node, read_as_it_runs
from tests.servers.browser import Visit, visit

pytestmark = pytest.mark.asyncio(loop_scope="module")
Json = dict[str, Any]
HELD: Json = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}
FROM = "workflows.argoproj.io/resubmitted-from-workflow"


async def _sure(desk: Visit, deed: str, question: str = "") -> None:
    """Yes, it is meant."""
    dialog = desk.page.get_by_role("dialog", **({"name": question} if question else {}))  # type: ignore[arg-type]
    await dialog.get_by_role("button", name=deed, exact=True).click()


async def _landed(desk: Visit, place: str, before: str = "") -> str:
    """The name of the object whose page is shown then, and was not before."""
    await desk.page.wait_for_url(re.compile(rf"{re.escape(place)}/(?!{before or '/'}$)[^/?]+$"))
    return desk.place.rpartition("/")[2]


async def test_a_template_is_submitted_seen_running_and_its_logs_are_read_while_it_runs_and_after_its_pods_are_gone(site: Site, desk: Visit) -> None:
    await desk.open(f"/templates/{site.namespace}/greeting")
    await desk.see("Greets in two steps.")
    await desk.picture("cluster-template")
    await desk.button("Submit").click()
    form = desk.page.get_by_role("form", name="Submit greeting")
    await form.get_by_label("whom").fill("Ada")
    await form.get_by_role("button", name="Submit").click()
    name = await _landed(desk, f"/workflows/{site.namespace}")
    await read_as_it_runs(desk, site.cluster, name, ("first", "second"), "cluster")
    await desk.open("/workflows")
    await desk.link(name).wait_for()
    assert "Succeeded" in await asyncio.to_thread(site.cluster.tiphys, "get", name)
    await desk.open(f"/templates/{site.namespace}/greeting?tab=workflows")
    await desk.link(name).wait_for()
    await desk.picture("cluster-template-workflows")


async def test_suspended_resumed_stopped_resubmitted_terminated_and_deleted(site: Site, desk: Visit) -> None:
    await desk.open(f"/workflows/{site.namespace}/acts")
    await desk.page.get_by_role("button", name="acts, Running", exact=True).wait_for()
    await desk.button("Suspend").click()
    await site.until("acts", lambda one: one["spec"].get("suspend") is True)
    await desk.button("Resume").click()
    await site.until("acts", lambda one: not one["spec"].get("suspend"))
    await desk.button("Stop").click()
    await _sure(desk, "Stop", "Stop acts?")
    stopped = await site.ended("acts", "Failed")
    assert stopped["spec"]["shutdown"] == "Stop"
    assert node(stopped, "acts.onExit")["phase"] == "Succeeded", "what is stopped leaves in good order"
    await desk.see("Stopped with strategy 'Stop'")
    await desk.button("Resubmit").click()
    await desk.page.get_by_role("dialog", name="Submit acts again?").get_by_label("day").fill("tuesday")
    await _sure(desk, "Resubmit")
    again = await _landed(desk, f"/workflows/{site.namespace}", "acts")
    running = await site.until(again, lambda one: one.get("status", {}).get("phase") == "Running")
    assert running["spec"]["arguments"]["parameters"] == [{"name": "day", "value": "tuesday"}]
    await desk.button("Terminate").click()
    await _sure(desk, "Terminate")
    ended = await site.ended(again, "Failed")
    assert not node(ended, f"{again}.onExit"), "what is terminated does not"
    await desk.see("Stopped with strategy 'Terminate'")
    await desk.picture("cluster-terminated")
    # the archive's row goes with it
    await site.archived(again)
    await desk.button("Delete").click()
    await desk.see("It is deleted from the cluster and from the archive.")
    await _sure(desk, "Delete", f"Delete {again}?")
    await desk.page.wait_for_url(f"**/workflows/{site.namespace}")
    await site.until(again, lambda one: not one)
    assert again not in await asyncio.to_thread(site.cluster.tiphys, "archive", "list", "-o", "name")


async def test_a_retry_says_what_runs_again_and_runs_that_alone_with_other_parameters(site: Site, desk: Visit) -> None:
    before = await site.ended("broken", "Failed")
    await desk.open(f"/workflows/{site.namespace}/broken")
    await desk.button("Retry").click()
    dialog = desk.page.get_by_role("dialog", name="Retry broken?")
    await expect(dialog.get_by_role("list", name="Runs again").get_by_role("listitem")).to_have_text(["✕Failed bad"])
    await expect(dialog.get_by_role("list", name="Then what comes after").get_by_role("listitem")).to_contain_text(["Omitted late"])
    await dialog.get_by_text("Other parameters").click()
    await dialog.get_by_label("code").fill("0")
    await desk.see("1 node that went well is kept.")
    await desk.picture("cluster-retry")
    assert await desk.violations() == ""
    await _sure(desk, "Retry")
    await desk.page.get_by_role("button", name="late, Succeeded", exact=True).wait_for()
    after = await site.ended("broken")
    assert node(after, "good") == node(before, "good"), "what went well is kept"
    assert node(after, "bad")["startedAt"] > node(before, "bad")["startedAt"]
    await desk.page.get_by_role("button", name="good, Succeeded", exact=True).click()
    await desk.button("Run again from here").click()
    await expect(desk.page.get_by_role("list", name="Runs again").get_by_role("listitem")).to_have_text(["✓Succeeded good"])
    await expect(desk.page.get_by_role("list", name="Then what comes after").get_by_role("listitem")).to_have_count(2)
    await _sure(desk, "Run again")
    await site.until("broken", lambda one: node(one, "good").get("startedAt", "") > node(after, "bad")["startedAt"])
    await site.ended("broken")


async def test_who_resumes_supplies_what_is_asked_for(site: Site, desk: Visit) -> None:
    await desk.open(f"/workflows/{site.namespace}/asks")
    await desk.button("Resume").click()
    dialog = desk.page.get_by_role("dialog", name="Resume ask?")
    await dialog.get_by_text("May it go on?").wait_for()
    await dialog.get_by_label("verdict").select_option("yes")
    await desk.picture("cluster-resume")
    assert await desk.violations() == ""
    await _sure(desk, "Resume")
    asked = await site.until("asks", lambda one: node(one, "ask").get("phase") == "Succeeded")
    assert node(asked, "ask")["outputs"]["parameters"][0]["value"] == "yes"
    await desk.page.get_by_role("button", name="then, Running", exact=True).click()
    await desk.button("Resume this node").click()
    await _sure(desk, "Resume")
    await site.ended("asks")


async def test_many_are_acted_on_at_once(site: Site, desk: Visit) -> None:
    await desk.open(f"/workflows/{site.namespace}?name=bulk-")

    async def together(deed: str, *names: str) -> None:
        for name in names:
            await desk.page.get_by_label(f"Choose {name}", exact=True).check()
        await desk.page.get_by_role("toolbar").get_by_role("button", name=deed, exact=True).click()
        await _sure(desk, deed)
        await desk.picture(f"cluster-bulk-{deed}")
        await desk.see(f"{deed}: {len(names)} of {len(names)} done.")

    async def stand(phase: str, *names: str) -> list[Json]:
        """In the cluster, and on the page."""
        found = [await site.ended(name, phase) for name in names]
        for name in names:
            await expect(desk.page.locator(f"[data-name={name}]")).to_contain_text(phase)
        return found

    await together("Suspend", "bulk-a", "bulk-b")
    for name in ("bulk-a", "bulk-b"):
        await site.until(name, lambda one: one["spec"].get("suspend") is True)
    await desk.picture("cluster-workflows")
    await together("Resume", "bulk-a", "bulk-b")
    await stand("Succeeded", "bulk-a", "bulk-b")
    await together("Resubmit", "bulk-a", "bulk-b")
    again = [await _resubmitted(site, name) for name in ("bulk-a", "bulk-b")]
    works = ("bulk-c", "bulk-d")
    await together("Stop", *works)
    assert [one["spec"]["shutdown"] for one in await stand("Failed", *works)] == ["Stop", "Stop"]
    await together("Retry", *works)
    await stand("Running", *works, *again)
    await together("Terminate", *works, *again)
    assert {one["spec"]["shutdown"] for one in await stand("Failed", *works, *again)} == {"Terminate"}
    everything = ("bulk-a", "bulk-b", *works, *again)
    await together("Delete", *everything)
    for name in everything:
        await site.until(name, lambda one: not one)


async def _resubmitted(site: Site, name: str) -> str:
    """The workflow that was made of another one."""
    found = await asyncio.to_thread(site.cluster.kubectl, "get", "workflows", "-l", f"{FROM}={name}", "-o", "name")
    return found.split()[0].rpartition("/")[2]


async def test_files_and_logs_are_shown_where_they_are_and_from_the_archive(site: Site, desk: Visit) -> None:
    live = await site.archived("files")
    await desk.open(f"/workflows/{site.namespace}/files?nodeId=files&panel=outputs")
    await desk.button("Show table").click()
    await expect(desk.page.get_by_label("Content of table.csv")).to_have_text("a,b\n1,2\n")
    await desk.picture("cluster-artifact")
    async with desk.page.expect_download() as saved:
        await desk.link("Download table").click()
    assert (await (await saved.value).path()).read_text() == "a,b\n1,2\n"
    await asyncio.to_thread(site.cluster.kubectl, "delete", "workflow", "files")
    await desk.open(f"/archive/{site.namespace}")
    await desk.page.get_by_label("Phase").select_option("Succeeded")
    await desk.page.get_by_role("textbox", name="Labels").fill("team=blue")
    await expect(desk.page.get_by_role("row")).to_have_count(2)
    await desk.picture("cluster-archive")
    await desk.link("files").click()
    await desk.see("from the archive")
    await desk.page.get_by_role("button", name="files, Succeeded", exact=True).click()
    await desk.page.get_by_role("tab", name="Logs").click()
    # one of 256 colours, and one of all; each as bright as it can be read
    for text, colour in (("orange", "rgb(255, 135, 0)"), ("ink", "rgb(1, 2, 3)")):
        piece = desk.page.locator(".logs-line .ansi-own", has_text=text)
        await expect(piece).to_have_css("--own", colour)
        await expect(piece).to_have_css("color", re.compile("^oklch"))
    await desk.picture("cluster-archived")
    await desk.page.go_back()
    await desk.page.get_by_role("tab", name="Logs").wait_for(state="detached")
    await desk.open(f"/archive/{site.namespace}?name=files")
    await desk.button("Resubmit files").click()
    again = await _landed(desk, f"/workflows/{site.namespace}")
    assert (await site.ended(again))["metadata"]["labels"][FROM] == "files"
    await desk.open(f"/archive/{site.namespace}?labels=team=blue")
    await desk.button("Delete files").click()
    await desk.button("Delete from archive").click()
    await desk.see("Deleted files from the archive.")
    kept = await asyncio.to_thread(site.cluster.tiphys, "archive", "list", "-o", "json")
    assert live["metadata"]["uid"] not in kept


async def test_what_failed_and_left_the_cluster_runs_again_from_the_archive(site: Site, desk: Visit) -> None:
    before = await site.archived("gone")
    await asyncio.to_thread(site.cluster.kubectl, "delete", "workflow", "gone")
    await desk.open(f"/archive/{site.namespace}?labels=team=red")
    await desk.button("Retry gone").click()
    await desk.page.wait_for_url(f"**/workflows/{site.namespace}/gone")
    after = await site.until("gone", lambda one: node(one, "bad").get("startedAt", "") > node(before, "bad")["startedAt"])
    assert node(after, "good") == node(before, "good"), "what went well is kept"
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    await site.ended("gone", "Failed")
    await desk.page.get_by_role("button", name="bad, Failed", exact=True).wait_for()


async def test_a_workflow_is_written_again_from_another_one(site: Site, desk: Visit) -> None:
    await desk.open(f"/workflows/{site.namespace}/asks")
    await desk.link("Edit as new").click()
    await desk.see("generateName: asks-")
    text = desk.page.get_by_role("textbox", name="Manifest")
    written = yaml.safe_load("\n".join(await text.locator(".cm-line").all_text_contents()))
    written["spec"]["entrypoint"] = "nobody"
    await text.fill(yaml.safe_dump({**written, "spec": {**written["spec"], "entrypont": "hold"}}))
    await desk.see("did you mean “entrypoint”?")
    await desk.picture("cluster-editor")
    await text.fill(yaml.safe_dump({**written, "spec": {**written["spec"], "entrypoint": "hold"}}))
    await desk.see("No problems")
    await desk.button("Submit").click()
    made = await _landed(desk, f"/workflows/{site.namespace}")
    stored = await site.until(made, lambda one: one.get("status", {}).get("phase") == "Running")
    assert stored["spec"]["entrypoint"] == "hold"
    assert [one["type"] for one in stored["status"]["nodes"].values()] == ["Suspend"]


@pytest.mark.parametrize(
    ("kind", "plural", "place"),
    [("WorkflowTemplate", "workflowtemplate", "templates"), ("ClusterWorkflowTemplate", "clusterworkflowtemplate", "cluster-templates")],
)
async def test_a_template_is_written_submitted_changed_and_deleted(site: Site, desk: Visit, kind: str, plural: str, place: str) -> None:
    name = f"written-{site.namespace}"
    here = f"/{place}" if kind.startswith("Cluster") else f"/{place}/{site.namespace}"
    await desk.open(here)
    await desk.link(f"New {'cluster ' if kind.startswith('Cluster') else ''}template").click()
    await desk.page.get_by_role("textbox", name="Manifest").fill(manifest(kind, name, HELD))
    await desk.see("No problems")
    await desk.button("Create").click()
    await desk.page.wait_for_url(f"**{here}/{name}")
    assert (await asyncio.to_thread(site.read, name, plural))["spec"] == HELD
    await desk.page.get_by_role("tab", name="Manifest").click()
    await desk.page.get_by_role("textbox", name=f"Manifest of {name}").fill(manifest(kind, name, {**HELD, "priority": 3}))
    await desk.see("No problems")
    await desk.button("Save").click()
    await site.until(name, lambda one: one["spec"].get("priority") == 3, plural)
    await desk.picture(f"cluster-{plural}-manifest")
    await desk.page.get_by_role("tab", name="Submit").click()
    form = desk.page.get_by_role("form", name=f"Submit {name}")
    if kind.startswith("Cluster"):
        await form.get_by_label("Namespace").fill(site.namespace)
    await form.get_by_role("button", name="Submit").click()
    made = await _landed(desk, f"/workflows/{site.namespace}")
    started = await site.until(made, lambda one: one.get("status", {}).get("phase") == "Running")
    assert started["spec"]["workflowTemplateRef"]["name"] == name
    await desk.open(f"{here}/{name}")
    await desk.button("Delete").click()
    await desk.button("Cancel").click()
    assert await asyncio.to_thread(site.read, name, plural)
    await desk.button("Delete").click()
    await desk.page.get_by_role("dialog").get_by_role("button", name="Delete ").click()
    await desk.see(f"Deleted {name}.")
    await site.until(name, lambda one: not one, plural)
    await desk.picture(f"cluster-{place}")


async def test_a_schedule_is_written_suspended_resumed_started_and_deleted(site: Site, desk: Visit) -> None:
    await desk.open(f"/cron/{site.namespace}")
    await desk.link("New schedule").click()
    spec = {"schedules": ["0 0 1 1 *"], "timezone": "Asia/Tokyo", "workflowSpec": HELD}
    await desk.page.get_by_role("textbox", name="Manifest").fill(manifest("CronWorkflow", "yearly", spec))
    await desk.see("No problems")
    await desk.button("Create").click()
    await desk.page.wait_for_url(f"**/cron/{site.namespace}/yearly")
    await desk.page.get_by_role("list", name="Next starts").get_by_role("listitem").first.wait_for()
    await desk.picture("cluster-schedule")
    await desk.button("Suspend").click()
    await site.until("yearly", lambda one: one["spec"].get("suspend") is True, "cronworkflow")
    await desk.button("Resume").click()
    await site.until("yearly", lambda one: not one["spec"].get("suspend"), "cronworkflow")
    await desk.button("Submit now").click()
    await desk.page.get_by_role("form", name="Submit yearly").get_by_role("button", name="Submit").click()
    made = await _landed(desk, f"/workflows/{site.namespace}")
    started = await site.until(made, lambda one: one.get("status", {}).get("phase") == "Running")
    assert started["metadata"]["labels"]["workflows.argoproj.io/cron-workflow"] == "yearly"
    await desk.open(f"/cron/{site.namespace}")
    await desk.link("yearly").wait_for()
    await desk.picture("cluster-schedules")
    await desk.link("yearly").click()
    await desk.button("Delete").click()
    await desk.page.get_by_role("dialog").get_by_role("button", name="Delete ").click()
    await site.until("yearly", lambda one: not one, "cronworkflow")


async def test_why_a_pod_waits_and_what_the_cluster_tells_of_it_are_shown(site: Site, desk: Visit) -> None:
    await site.until("waits", lambda one: "nobody" in node(one, "waits").get("message", ""))
    await desk.open(f"/workflows/{site.namespace}/waits")
    await desk.page.get_by_role("button", name="waits, Pending", exact=True).click()
    await expect(desk.page.get_by_test_id("reason")).to_contain_text("Why it waits")
    await desk.page.get_by_role("tab", name="Events").click()
    await desk.page.get_by_role("row", name="registry.invalid/nobody").first.wait_for()
    await desk.picture("cluster-waits")


async def test_reports_count_what_ended(site: Site, desk: Visit) -> None:
    await site.ended("broken")
    await desk.open(f"/reports/{site.namespace}")
    await desk.see("Median duration")
    await desk.page.get_by_text(re.compile("^The last .* in a table$")).click()
    await desk.link("broken").wait_for()
    await desk.picture("cluster-reports")


async def test_who_has_a_token_has_its_rights_and_no_others(site: Site, browser: Browser, desk: Visit) -> None:
    token = (await asyncio.to_thread(site.cluster.kubectl, "create", "token", "nobody")).strip()
    await desk.open("/user")
    await desk.see("Subject")
    await desk.link("Log in as somebody else").click()
    await desk.page.get_by_role("textbox", name="Token").fill(token)
    desk.expected = [": 403"]
    await desk.button("Log in").click()
    await desk.page.wait_for_url("**/workflows")
    await desk.open(f"/workflows/{site.namespace}")
    await desk.see("forbidden")
    await desk.picture("cluster-forbidden")
    await desk.open("/user")
    await desk.see(f"{site.namespace}/nobody")
    await desk.picture("cluster-user")
    await desk.button("Log out").click()
    await desk.page.wait_for_url("**/login")
    await desk.picture("cluster-login")


async def test_what_starts_workflows_from_outside_and_how_the_server_describes_itself(site: Site, browser: Browser) -> None:
    pages = (("events", f"/events/{site.namespace}", "Argo Events is not installed here"), ("plugins", "/plugins", "Executor plugins"),
             ("api", "/api-docs", "Store a workflow made of a stored object."))  # fmt: skip
    for name, path, seen in pages:
        async with visit(browser, site.address) as desk:
            # this cluster has no Argo Events
            desk.expected = [": 501", ": 404"]
            await desk.open(path)
            await desk.see(seen)
            await desk.picture(f"cluster-{name}")
