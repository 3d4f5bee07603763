"""Live and archived workflows as one: lists, reads, and what is done to the archive, over a database in a file."""

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hera.workflows import WorkflowsService
from hera.workflows.models import ResubmitArchivedWorkflowRequest, RetryArchivedWorkflowRequest, WorkflowSubmitRequest
from tests.integration.server.serving import ARGO, SPEC, TOKEN, Served, running

from tiphys.archive.database import Database
from tiphys.archive.offload import SqlOffload
from tiphys.archive.store import SqlArchive
from tiphys.archive.target import Target
from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.model.archived import to_archive
from tiphys.model.compression import compress
from tiphys.server.kept import Kept, Settled
from tiphys.server.subject import Gate
from tiphys.settings.configuration import Configuration
from tiphys.settings.database import Persistence
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.rights import User

STATUS = "workflows.argoproj.io/workflow-archiving-status"
NODE = {"id": "w", "name": "w", "displayName": "w", "type": "Pod", "phase": "Failed", "templateName": "main"}


def document(name: str, at: int, phase: str = "Succeeded", namespace: str = "ns", **labels: str) -> dict[str, Any]:
    """A workflow that ended in the second `at`."""
    meta = {"name": name, "namespace": namespace, "uid": f"uid-{name}-{at}", "creationTimestamp": f"2026-01-01T00:00:{at:02d}Z"}
    status = {"phase": phase, "startedAt": f"2026-01-01T00:00:{at:02d}Z", "finishedAt": f"2026-01-01T00:01:{at:02d}Z"}
    node = {**NODE, "id": name, "name": name, "displayName": name, "phase": phase}
    return {"metadata": {**meta, "labels": labels}, "spec": SPEC, "status": {**status, "nodes": {name: node}}}


class Full(Served):
    """The server over a cluster and a database."""

    archive: SqlArchive
    offload: SqlOffload

    async def keep(self, *documents: dict[str, Any]) -> None:
        for one in documents:
            await self.archive.save(to_archive(one))

    async def names(self, query: str = "", path: str = "/api/v1/workflows/ns") -> list[str]:
        status, said = await self.ask("GET", f"{path}?{query}")
        assert status == 200, said
        return [one["metadata"]["name"] for one in said["items"] or ()]


@pytest.fixture
async def full(tmp_path: Path, migrated: Path) -> AsyncIterator[Full]:
    target = Target(kind="sqlite", name=str(shutil.copy(migrated, tmp_path)))
    database = Database(target)
    settled = Settled(Configuration(persistence=Persistence(archive=True, node_status_off_load=True)), target)

    async def ask() -> Settled:
        return settled

    async with APIServer() as cluster:
        cluster.users.add("secret", User("somebody", lambda *_: True))
        cluster.users.add("reader", User("reader", lambda verb, _kind, namespace: verb in ("get", "list") and namespace == "ns"))
        gate = Gate(access=Access(server=cluster.address, token=lambda: "wrong"), modes=frozenset({"client"}))
        async with running(cluster, gate, Kept(ask)) as served:
            made = Full(served.cluster, served.address, served.session)
            made.archive, made.offload = SqlArchive(database), SqlOffload(database)
            yield made
    await database.close()


async def test_a_list_shows_live_workflows_first_and_each_one_once(full: Full) -> None:
    full.put("running", status={"phase": "Running"})
    both = document("both", 3)
    full.cluster.store.create(_place("both"), both)
    full.cluster.store.create(
        _place("done"), {**document("done", 5), "metadata": {"name": "done", "labels": {STATUS: "Archived"}}}
    )
    await full.keep(
        document("done", 5), document("old", 1), {**both, "metadata": {**both["metadata"], "uid": _uid(full, "both")}}
    )
    assert sorted(await full.names()) == ["both", "done", "old", "running"]
    assert (await full.names())[0] == "running"
    _, said = await full.ask("GET", "/api/v1/workflows/ns")
    assert {one["metadata"]["name"]: one["metadata"]["labels"][STATUS] for one in said["items"] if "done" in str(one)} == {
        "done": "Persisted"
    }


def _place(name: str) -> Place:
    return Place(ARGO, "workflows", "ns", name)


def _uid(full: Full, name: str) -> str:
    return str(full.stored(name)["metadata"]["uid"])


async def test_pages_go_on_from_the_cluster_into_the_archive(full: Full) -> None:
    for name in ("a", "b", "c"):
        full.put(name, status={"phase": "Running", "startedAt": f"2026-02-01T00:00:0{ord(name) - 96}Z"})
    await full.keep(*(document(f"old-{at}", at) for at in range(5)))
    seen: list[str] = []
    offset, counts = "", []
    while True:
        query = f"listOptions.limit=2&listOptions.continue={offset}&listOptions.fieldSelector=ext.showRemainingItemCount=true"
        _, said = await full.ask("GET", f"/api/v1/workflows/ns?{query}")
        seen += [one["metadata"]["name"] for one in said["items"]]
        counts.append(said["metadata"]["remainingItemCount"])
        offset = said["metadata"].get("continue", "")
        if not offset:
            break
    assert seen == ["c", "b", "a", "old-4", "old-3", "old-2", "old-1", "old-0"]
    assert counts == [6, 4, 2, 0]
    assert (await full.ask("GET", "/api/v1/workflows/ns?listOptions.limit=8"))[1]["metadata"].get("continue") is None


async def test_lists_are_chosen_by_name_label_time_and_field(full: Full) -> None:
    full.put("live-one", status={"phase": "Running", "startedAt": "2026-03-01T00:00:00Z"})
    await full.keep(document("old-one", 1, team="x"), document("old-two", 2, "Failed"), document("else", 3, namespace="other"))
    field = "listOptions.fieldSelector="
    for query, names in (
        (f"nameFilter=Contains&{field}metadata.name=one", ["live-one", "old-one"]),
        (f"nameFilter=Prefix&{field}metadata.name=old", ["old-two", "old-one"]),
        (f"{field}metadata.name==old-two", ["old-two"]),
        (f"{field}metadata.name!=old-two", ["live-one", "old-one"]),
        (f"{field}metadata.namespace=ns,metadata.name=live-one", ["live-one"]),
        ("listOptions.labelSelector=team=x", ["old-one"]),
        (f"{field}spec.startedAt>2026-01-01T00:00:02Z", ["live-one", "old-two"]),
        (f"{field}spec.startedAt<2026-01-01T00:00:02Z", ["old-one"]),
        ("finishedBefore=2026-01-01T00:01:02Z", ["old-one"]),
        ("createdAfter=2026-01-01T00:00:02Z", ["live-one", "old-two"]),
        ("list_options.label_selector=team=x&listOptions.offset=3", ["old-one"]),
    ):
        assert await full.names(query) == names, query
    assert sorted(await full.names(path="/api/v1/workflows/")) == ["else", "live-one", "old-one", "old-two"]
    for bad in (f"{field}spec.x=1", f"{field}metadata.name>a", "nameFilter=Some", f"{field}metadata.namespace=other",
                "createdAfter=yesterday", "listOptions.limit=-1", f"{field}spec.startedAt>soon"):  # fmt: skip
        status, said = await full.ask("GET", f"/api/v1/workflows/ns?{bad}")
        assert (status, said["code"]) == (400, 3), bad


async def test_a_workflow_that_is_gone_is_read_from_the_archive(full: Full) -> None:
    await full.keep(document("w", 1), document("w", 2), document("w", 3, namespace="other"))
    status, said = await full.ask("GET", "/api/v1/workflows/ns/w")
    assert (status, said["metadata"]["uid"], said["metadata"]["labels"][STATUS]) == (200, "uid-w-2", "Persisted")
    assert (await full.ask("GET", "/api/v1/workflows/ns/w?uid=uid-w-1"))[1]["metadata"]["uid"] == "uid-w-1"
    assert (await full.ask("GET", "/api/v1/workflows/ns/w?uid=uid-w-3"))[0] == 404, "of another namespace"
    status, said = await full.ask("GET", "/api/v1/workflows/ns/missing")
    assert (status, said["code"]) == (404, 5)
    full.put("w", status={"phase": "Running"})
    assert (await full.ask("GET", "/api/v1/workflows/ns/w"))[1]["status"]["phase"] == "Running", "the live one wins"
    assert (await full.ask("GET", "/api/v1/workflows/ns/w?uid=uid-w-2"))[1]["metadata"]["uid"] == "uid-w-2"


async def test_who_may_not_see_a_namespace_sees_none_of_its_archive(full: Full) -> None:
    await full.keep(document("mine", 1), document("theirs", 2, namespace="other"))
    headers = {"Authorization": "Bearer reader"}
    for path in ("workflows/other/theirs", "archived-workflows/uid-theirs-2", "archived-workflows?namespace=other",
                 "archived-workflows", "workflows/other", "workflows/", "archived-workflows-label-keys?namespace=other"):  # fmt: skip
        status, said = await full.ask("GET", f"/api/v1/{path}", headers=headers)
        assert (status, said["code"]) == (403, 7), path
        assert "theirs" not in str(said.get("items"))
    assert (await full.ask("GET", "/api/v1/archived-workflows/uid-mine-1", headers=headers))[0] == 200
    assert (await full.ask("DELETE", "/api/v1/archived-workflows/uid-mine-1", headers=headers))[0] == 403
    assert (await full.ask("GET", "/api/v1/archived-workflows/uid-mine-1", headers=headers))[0] == 200


async def test_the_archive_is_listed_labelled_and_forgotten(full: Full) -> None:
    await full.keep(document("a", 1, team="x"), document("ab", 2, "Failed", team="y"), document("c", 3, namespace="other"))
    path = "/api/v1/archived-workflows"
    assert await full.names("namespace=ns", path) == ["ab", "a"]
    assert await full.names("namePrefix=ab", path) == ["ab"]
    assert await full.names("listOptions.labelSelector=team=x", path) == ["a"]
    assert await full.names("listOptions.fieldSelector=metadata.namespace=other", path) == ["c"]
    _, said = await full.ask("GET", f"{path}?listOptions.limit=1&namespace=ns&fields=metadata,items.metadata.name")
    assert (said["items"], said["metadata"]["continue"]) == ([{"metadata": {"name": "ab"}}], "1")
    assert await full.names("listOptions.limit=1&listOptions.continue=1&namespace=ns", path) == ["a"]
    assert (await full.ask("GET", f"{path}-label-keys?namespace=ns"))[1] == {"items": ["team", STATUS]}
    assert (await full.ask("GET", f"{path}-label-values?listOptions.labelSelector=team"))[1] == {"items": ["x", "y"]}
    assert (await full.ask("GET", f"{path}-label-values?listOptions.labelSelector=team=x"))[0] == 400
    assert await full.ask("DELETE", f"{path}/uid-a-1") == (200, {})
    assert (await full.ask("GET", f"{path}/uid-a-1"))[0] == 404
    assert (await full.ask("GET", f"{path}/nothing?namespace=ns&name=ab"))[1]["metadata"]["name"] == "ab"


async def test_archived_workflows_run_again_in_place_and_as_new_ones(full: Full) -> None:
    await full.keep(document("w", 1, "Failed"))
    status, said = await full.ask("PUT", "/api/v1/archived-workflows/uid-w-1/retry", {"namespace": "ns"})
    assert (status, said["metadata"]["name"]) == (200, "w")
    assert STATUS not in said["metadata"].get("labels", {})
    assert full.stored("w")["metadata"]["uid"] != "uid-w-1"
    status, said = await full.ask("PUT", "/api/v1/archived-workflows/uid-w-1/retry", {"namespace": "ns"})
    assert (status, said["code"], "use argo retry w instead" in said["message"]) == (409, 6, True)
    body = {"namespace": "ns", "parameters": ["p=1"]}
    status, said = await full.ask("PUT", "/api/v1/archived-workflows/uid-w-1/resubmit", body)
    assert (status, said["spec"]["arguments"]["parameters"]) == (200, [{"name": "p", "value": "1"}])
    assert said["metadata"]["labels"]["workflows.argoproj.io/resubmitted-from-workflow"] == "w"
    assert (await full.ask("PUT", "/api/v1/archived-workflows/uid-w-1/retry", {"namespace": "other"}))[0] == 404


async def test_nodes_that_are_packed_are_read_and_written_back_packed(full: Full) -> None:
    suspended = {"id": "w", "name": "w", "displayName": "w", "type": "Suspend", "phase": "Running", "templateName": "main"}
    nodes = {"w": suspended, **{f"n{i}": {**NODE, "id": f"n{i}", "name": f"n{i}"} for i in range(50)}}
    full.put("zipped", status={"phase": "Running", "compressedNodes": compress(msgspec.json.encode(nodes))})
    full.put("away", status={"phase": "Running"})
    uid = _uid(full, "away")
    version = await full.offload.save(uid, "ns", json.dumps(nodes).encode())
    stored = full.stored("away")
    full.cluster.store.replace(_place("away"), {**stored, "status": {"phase": "Running", "offloadNodeStatusVersion": version}})
    for name, field in (("zipped", "compressedNodes"), ("away", "offloadNodeStatusVersion")):
        _, said = await full.ask("GET", f"/api/v1/workflows/ns/{name}")
        assert len(said["status"]["nodes"]) == 51
        assert field not in said["status"]
        before = full.stored(name)["status"][field]
        body = {"nodeFieldSelector": "name=w", "message": "done"}
        status, said = await full.ask("PUT", f"/api/v1/workflows/ns/{name}/resume", body)
        assert (status, said["status"]["nodes"]["w"]["phase"]) == (200, "Succeeded")
        after = full.stored(name)["status"]
        assert (after[field] != before, "nodes" in after) == (True, False)
    _, said = await full.ask("GET", "/api/v1/workflows/ns")
    assert [len(one["status"]["nodes"]) for one in said["items"]] == [51, 51]
    _, said = await full.ask("GET", "/api/v1/workflows/ns?fields=-items.status.nodes,items.status.compressedNodes")
    assert all("nodes" not in one["status"] for one in said["items"])


async def test_without_an_archive_its_list_is_empty_and_its_workflows_are_refused() -> None:
    async def ask() -> Settled:
        return Settled()

    async with APIServer() as cluster:
        cluster.users.add("secret", User("somebody", lambda *_: True))
        gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
        async with running(cluster, gate, Kept(ask)) as served:
            full = Full(served.cluster, served.address, served.session)
            full.cluster.store.create(_place("w"), {"metadata": {"name": "w", "labels": {STATUS: "Archived"}}, "spec": SPEC})
            assert await full.names() == ["w"]
            assert await full.names(path="/api/v1/archived-workflows") == []
            status, said = await full.ask("GET", "/api/v1/archived-workflows/x", headers=TOKEN)
            assert (status, said["code"]) == (501, 12)


async def test_a_stored_object_is_submitted_with_options_and_the_name_of_who_submits(full: Full) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "system:serviceaccount:ns:bot", "email": "a@b.c"}).encode()).decode()
    token = f"x.{claims.rstrip('=')}.y"
    full.cluster.users.add(token, User("bot", lambda *_: True))
    full.put("t", "workflowtemplates")
    cron = {"metadata": {"name": "c"}, "spec": {"schedules": ["* * * * *"], "workflowSpec": SPEC}}
    full.cluster.store.create(Place(ARGO, "cronworkflows", "ns", "c"), cron)
    options = {"name": "made", "parameters": ["p=a=b"], "labels": "k=v,l=w", "annotations": "n=o", "serviceAccount": "sa",
               "entryPoint": "main", "priority": 3, "podPriorityClassName": "high", "artifacts": ["file=some/key"],
               "ownerReference": {"apiVersion": "v1", "kind": "Pod", "name": "o", "uid": "u"}}  # fmt: skip
    asked = {"resourceKind": "workflowtemplates", "resourceName": "t", "submitOptions": options}
    status, said = await full.ask("POST", "/api/v1/workflows/ns/submit", asked, {"Authorization": f"Bearer {token}"})
    assert status == 200, said
    prefix = "workflows.argoproj.io/"
    assert said["metadata"]["labels"] == {
        f"{prefix}workflow-template": "t", "k": "v", "l": "w", f"{prefix}creator": "system-serviceaccount-ns-bot",
        f"{prefix}creator-email": "a.at.b.c",
    }  # fmt: skip
    assert said["metadata"]["annotations"] == {"n": "o"}
    assert said["metadata"]["ownerReferences"][0]["name"] == "o"
    spec = said["spec"]
    assert spec.pop("arguments") == {
        "parameters": [{"name": "p", "value": "a=b"}], "artifacts": [{"name": "file", "s3": {"key": "some/key"}}]
    }  # fmt: skip
    assert spec == {
        "workflowTemplateRef": {"name": "t"}, "serviceAccountName": "sa", "entrypoint": "main", "priority": 3,
        "podPriorityClassName": "high",
    }  # fmt: skip
    for kind in ("cwf", "CronWorkflow", "cronworkflows"):
        status, said = await full.ask("POST", "/api/v1/workflows/ns/submit", {"resourceKind": kind, "resourceName": "c"})
        assert (status, said["metadata"]["labels"]) == (200, {f"{prefix}cron-workflow": "c"})
    count = len(await full.names())
    dry = {"resourceKind": "wftmpl", "resourceName": "t", "submitOptions": {"dryRun": True, "generateName": "x-"}}
    assert (await full.ask("POST", "/api/v1/workflows/ns/submit", dry))[1]["metadata"]["generateName"] == "x-"
    assert len(await full.names()) == count
    for wrong, code in (({**asked, "resourceKind": "pod"}, 400), ({**asked, "resourceName": "nothing"}, 404), ([], 400),
                        ({**asked, "submitOptions": {"parameters": ["p"]}}, 400)):  # fmt: skip
        assert (await full.ask("POST", "/api/v1/workflows/ns/submit", wrong))[0] == code
    full.put("acted")
    _, said = await full.ask("PUT", "/api/v1/workflows/ns/acted/suspend", None, {"Authorization": f"Bearer {token}"})
    assert said["metadata"]["labels"][f"{prefix}actor"] == "system-serviceaccount-ns-bot"
    assert said["metadata"]["labels"][f"{prefix}action"] == "Suspend"


def _use(address: str) -> None:
    """What a user of Hera does with the archive, in his own thread."""
    service = WorkflowsService(host=address, token="Bearer secret", namespace="ns")  # noqa: S106
    found = service.list_archived_workflows(namespace="ns").items or []
    assert [one.metadata.name for one in found] == ["w"]
    assert service.get_archived_workflow("uid-w-1").metadata.name == "w"
    assert STATUS in (service.list_archived_workflow_label_keys().items or [])
    assert service.list_archived_workflow_label_values(label_selector=STATUS).items == ["Persisted"]
    resubmit = ResubmitArchivedWorkflowRequest(name="w", namespace="ns", uid="uid-w-1")
    assert service.resubmit_archived_workflow("uid-w-1", resubmit).metadata.generate_name == "w-"
    retry = RetryArchivedWorkflowRequest(name="w", namespace="ns", uid="uid-w-1")
    assert service.retry_archived_workflow("uid-w-1", retry).metadata.name == "w"
    request = WorkflowSubmitRequest(namespace="ns", resource_kind="WorkflowTemplate", resource_name="t")
    assert service.submit_workflow(request, namespace="ns").spec.workflow_template_ref.name == "t"
    service.delete_archived_workflow("uid-w-1")
    assert not service.list_archived_workflows(namespace="ns").items


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated", "ignore:The `parse_obj`", "ignore::DeprecationWarning")
async def test_hera_uses_the_archive(full: Full) -> None:
    await full.keep(document("w", 1, "Failed"))
    full.put("t", "workflowtemplates")
    await asyncio.to_thread(_use, full.address)


async def test_a_watch_tells_of_packed_workflows_with_their_nodes(full: Full) -> None:
    full.put("zipped", status={"phase": "Running", "compressedNodes": compress(msgspec.json.encode({"w": NODE}))})
    path = f"{full.address}/api/v1/workflow-events/ns?listOptions.resourceVersion=0"
    for fields, nodes in (("", {"w": NODE}), ("result.type,result.object.metadata.name", None)):
        async with full.session.get(f"{path}&fields={fields}", headers=TOKEN) as answer:
            told = json.loads(await answer.content.readline())["result"]["object"]
            assert (told["metadata"]["name"], told.get("status", {}).get("nodes")) == ("zipped", nodes)
