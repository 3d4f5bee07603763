"""The REST API on a small API server, asked over HTTP and by the real Hera client."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from hera.exceptions import NotFound as HeraNotFound
from hera.workflows import Container, Workflow, WorkflowsService
from hera.workflows.models import WorkflowStopRequest, WorkflowSuspendRequest
from tests.integration.server.serving import ARGO, SPEC, TOKEN, Served, running

from tiphys.cli.server import is_loopback, server
from tiphys.cluster.connection import Access
from tiphys.errors import SpecError
from tiphys.local.objects import Place
from tiphys.server.subject import Asked, Gate
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.kubelet import Ending


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with APIServer() as cluster:
        cluster.token = "secret"  # noqa: S105
        # the server's own token is a bad one: whatever works does so by the caller's
        access = Access(server=cluster.address, token=lambda: "wrong")
        async with running(cluster, Gate(access=access, modes=frozenset({"client"}))) as made:
            yield made


async def test_who_has_no_token_or_a_bad_one_gets_401_everywhere(served: Served) -> None:
    for path in (
        "/workflows/ns",
        "/workflows/ns/x",
        "/workflow-templates/ns",
        "/cluster-workflow-templates",
        "/cron-workflows/ns",
    ):
        assert (await served.ask("GET", f"/api/v1{path}", headers={}))[0] == 401
        status, said = await served.ask("GET", f"/api/v1{path}", headers={"Authorization": "Bearer fake"})
        assert (status, said["code"]) == (401, 16)
    assert (await served.ask("GET", "/api/v1/version", headers={}))[0] == 401
    bad = {"Cookie": "authorization=Bearer secret"}
    assert (await served.ask("POST", "/api/v1/workflows/ns", {}, headers=bad))[0] == 401, "a cookie changes nothing"


async def test_unknown_paths_and_verbs_are_501(served: Served) -> None:
    for verb, path in (("GET", "/api/v1/nonsense"), ("PATCH", "/api/v1/workflows/ns"), ("PUT", "/api/v1/workflows/ns/x/dance")):
        assert await served.ask(verb, path) == (501, {"code": 12, "message": "Not Implemented"})


async def test_an_empty_list_has_null_items(served: Served) -> None:
    status, said = await served.ask("GET", "/api/v1/workflows/ns")
    assert (status, said["items"]) == (200, None)
    assert said["metadata"]["resourceVersion"]


async def test_lists_are_paged_ordered_and_cut(served: Served) -> None:
    for name, phase, end in (
        ("a", "Succeeded", "2026-01-01T00:00:01Z"),
        ("b", "Failed", "2026-01-01T00:00:02Z"),
        ("c", "Running", None),
    ):
        served.put(name, status={"phase": phase, "finishedAt": end})
    status, said = await served.ask("GET", "/api/v1/workflows/ns?listOptions.limit=2&fields=metadata,items.metadata.name")
    assert status == 200
    assert said["items"] == [{"metadata": {"name": "c"}}, {"metadata": {"name": "b"}}]
    assert said["metadata"]["continue"] == "2"
    _, rest = await served.ask("GET", "/api/v1/workflows/ns?listOptions.limit=2&listOptions.continue=2")
    assert [one["metadata"]["name"] for one in rest["items"]] == ["a"]
    assert "continue" not in rest["metadata"]
    assert (await served.ask("GET", "/api/v1/workflows/ns?listOptions.limit=x"))[0] == 400


async def test_bad_workflows_and_names_are_refused_before_the_cluster_is_asked(served: Served) -> None:
    bad = {"workflow": {"metadata": {"name": "x"}, "spec": {"entrypoint": "missing", "templates": SPEC["templates"]}}}
    for path in ("", "/lint"):
        status, said = await served.ask("POST", f"/api/v1/workflows/ns{path}", bad)
        assert status >= 400
        assert "missing" in said["message"]
    for name in ("..a", "UPPER", "a%2Fb%3Fc", "x" * 300):
        assert (await served.ask("GET", f"/api/v1/workflows/ns/{name}"))[0] in (400, 501)
    assert (await served.ask("POST", "/api/v1/workflows/ns", {"workflow": None}))[0] == 400
    assert not served.cluster.calls


async def test_policies_of_the_administrator_are_read_with_the_servers_rights_and_deny_submissions() -> None:
    policies = "[{name: images, over: template, expression: \"template.container.image == 'good'\", message: only good ones}]"
    async with APIServer() as cluster:
        place = Place("api/v1", "configmaps", "argo", "tiphys")
        cluster.store.create(place, {"metadata": {"name": "tiphys"}, "data": {"policies": policies}})
        async with running(
            cluster, Gate(access=Access(server=cluster.address, namespace="argo"), modes=frozenset({"client"}))
        ) as served:
            workflow = {"metadata": {"name": "w"}, "spec": SPEC}
            for path in ("/api/v1/workflows/ns", "/api/v1/workflows/ns/lint"):
                status, said = await served.ask("POST", path, {"workflow": workflow})
                assert (status, said) == (403, {"code": 7, "message": "policy images (template main): only good ones"})
            cron = {"metadata": {"name": "c"}, "spec": {"schedules": ["0 0 * * *"], "workflowSpec": SPEC}}
            status, said = await served.ask("POST", "/api/v1/cron-workflows/ns", {"cronWorkflow": cron})
            assert (status, said) == (403, {"code": 7, "message": "policy images (template main): only good ones"})
            cluster.store.create(Place(ARGO, "workflowtemplates", "ns", "t"), {"metadata": {"name": "t"}, "spec": SPEC})
            binding = {"event": {"selector": "true"}, "submit": {"workflowTemplateRef": {"name": "t"}}}
            cluster.store.create(Place(ARGO, "workfloweventbindings", "ns", "b"), {"metadata": {"name": "b"}, "spec": binding})
            status, said = await served.ask("POST", "/api/v1/events/ns/d", {})
            assert (status, said["message"]) == (500, "failed to dispatch event: b: policy images (template main): only good ones")
            good = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "good", "command": ["a"]}}]}
            assert (await served.ask("POST", "/api/v1/workflows/ns", {"workflow": {**workflow, "spec": good}}))[0] == 200


async def test_dry_runs_store_nothing(served: Served) -> None:
    body = {"workflow": {"metadata": {"name": "x"}, "spec": SPEC}, "createOptions": {"dryRun": ["All"]}}
    status, said = await served.ask("POST", "/api/v1/workflows/ns", body)
    assert (status, said["metadata"]["name"]) == (200, "x")
    assert (await served.ask("GET", "/api/v1/workflows/ns/x"))[0] == 404


async def test_workflows_are_operated_with_empty_bodies(served: Served) -> None:
    served.put("w", status={"phase": "Running"})
    assert (await served.ask("PUT", "/api/v1/workflows/ns/w/suspend"))[1]["spec"]["suspend"] is True
    assert "suspend" not in (await served.ask("PUT", "/api/v1/workflows/ns/w/resume"))[1]["spec"]
    assert (await served.ask("PUT", "/api/v1/workflows/ns/w/stop", {}))[1]["spec"]["shutdown"] == "Stop"
    assert (await served.ask("PUT", "/api/v1/workflows/ns/w/terminate", {}))[1]["spec"]["shutdown"] == "Terminate"
    assert served.stored("w")["spec"]["shutdown"] == "Terminate"
    served.put("done", status={"phase": "Succeeded"})
    status, said = await served.ask("PUT", "/api/v1/workflows/ns/done/stop", {})
    assert (status, "cannot shutdown a completed workflow" in said["message"]) == (400, True)
    status, said = await served.ask("PUT", "/api/v1/workflows/ns/done/resubmit", {})
    assert (status, said["metadata"]["labels"]["workflows.argoproj.io/resubmitted-from-workflow"]) == (200, "done")


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_watch_brings_changes_as_they_come(served: Served, accept: str) -> None:
    served.put("early")
    headers = {**TOKEN, "Accept": accept}
    seen: list[tuple[str, str]] = []
    async with served.session.get(
        f"{served.address}/api/v1/workflow-events/ns?listOptions.resourceVersion=0", headers=headers
    ) as answer:
        assert answer.headers["Content-Type"].startswith(accept)
        async for line in answer.content:
            if line.strip() in (b"", b":"):
                continue
            told = json.loads(line.removeprefix(b"data: "))["result"]
            seen.append((told["type"], told["object"]["metadata"]["name"]))
            if len(seen) == 1:
                served.put("late")
            if len(seen) == 2:
                break
    assert seen == [("ADDED", "early"), ("ADDED", "late")]


async def test_templates_and_schedules_are_stored_changed_and_deleted(served: Served) -> None:
    for path, key in (("workflow-templates/ns", "template"), ("cluster-workflow-templates", "template")):
        status, made = await served.ask("POST", f"/api/v1/{path}", {key: {"metadata": {"name": "t"}, "spec": SPEC}})
        assert (status, made["metadata"]["name"]) == (200, "t")
        made["metadata"]["labels"] = {"a": "b"}
        assert (await served.ask("PUT", f"/api/v1/{path}/t", {key: made}))[0] == 200
        assert (await served.ask("GET", f"/api/v1/{path}/t"))[1]["metadata"]["labels"] == {"a": "b"}
        assert len((await served.ask("GET", f"/api/v1/{path}"))[1]["items"]) == 1
        assert await served.ask("DELETE", f"/api/v1/{path}/t") == (200, {})
        assert (await served.ask("GET", f"/api/v1/{path}/t"))[0] == 404
    cron = {"metadata": {"name": "c"}, "spec": {"schedules": ["* * * * *"], "workflowSpec": SPEC}}
    assert (await served.ask("POST", "/api/v1/cron-workflows/ns", {"cronWorkflow": cron}))[0] == 200
    assert (await served.ask("PUT", "/api/v1/cron-workflows/ns/c/suspend", {}))[1]["spec"]["suspend"] is True
    assert not (await served.ask("PUT", "/api/v1/cron-workflows/ns/c/resume", {}))[1]["spec"].get("suspend")


async def test_events_start_what_bindings_want_and_a_broken_one_keeps_nobody_from_it(served: Served) -> None:
    submit = {
        "workflowTemplateRef": {"name": "t"},
        "arguments": {"parameters": [{"name": "p", "valueFrom": {"event": "payload.m"}}]},
    }
    wants = """discriminator == "d" && payload.m == "hi" && metadata["x-kind"] == ["push"] && !("authorization" in metadata)"""
    for name, selector in (("bad", "payload.missing.deep == 1 &&"), ("good", wants)):
        spec = {"event": {"selector": selector}, "submit": submit}
        served.cluster.store.create(Place(ARGO, "workfloweventbindings", "ns", name), {"metadata": {"name": name}, "spec": spec})
    assert (await served.ask("POST", "/api/v1/events/ns/d", {"m": "hi"}))[0] == 500, "only the broken one has seen it"
    assert (await served.ask("GET", "/api/v1/workflows/ns"))[1]["items"] is None
    status, said = await served.ask("POST", "/api/v1/events/ns/d", {"m": "hi"}, {**TOKEN, "X-Kind": "push"})
    assert (status, said["code"], "bad" in said["message"]) == (500, 2, True)
    items = (await served.ask("GET", "/api/v1/workflows/ns"))[1]["items"]
    assert [one["metadata"]["labels"]["workflows.argoproj.io/workflow-event-binding"] for one in items] == ["good"]
    assert [one["spec"]["arguments"]["parameters"] for one in items] == [[{"name": "p", "value": "hi"}]]


async def test_logs_come_as_lines_of_their_pods_and_grep_chooses(served: Served) -> None:
    place = Place("api/v1", "pods", "ns", "w")
    served.cluster.kubelet.behave = lambda _pod: Ending(log=b"one\ntwo\n")
    served.cluster.store.create(place, {"metadata": {"name": "w"}, "spec": {"containers": [{"name": "main"}]}})
    while served.cluster.store.read(place).get("status", {}).get("phase") != "Succeeded":
        await served.cluster.store.changed.wait()
    node = {"id": "w", "name": "w", "type": "Pod", "phase": "Succeeded", "templateName": "main"}
    served.put("w", status={"phase": "Succeeded", "nodes": {"w": node}})
    _, said = await served.ask("GET", "/api/v1/workflows/ns/w/log?grep=tw")
    assert said == {"result": {"content": "two", "podName": "w"}}
    gone = {**node, "id": "x", "name": "x"}
    served.put("x", status={"phase": "Succeeded", "nodes": {"x": gone}})
    assert "no logs" in (await served.ask("GET", "/api/v1/workflows/ns/x/log"))[1]["result"]["content"]


def _use(address: str) -> str:
    """What a user of Hera does, in his own thread."""
    service = WorkflowsService(host=address, token="Bearer secret", namespace="ns")  # noqa: S106
    with Workflow(generate_name="hera-", entrypoint="main", namespace="ns", workflows_service=service) as made:
        Container(name="main", image="i", command=["a"])
    made.lint()
    name = str(made.create().metadata.name)
    assert service.get_workflow(name, namespace="ns").metadata.name == name
    assert [one.metadata.name for one in service.list_workflows(namespace="ns").items or []] == [name]
    assert service.suspend_workflow(name, WorkflowSuspendRequest(name=name, namespace="ns"), namespace="ns").spec.suspend is True
    assert service.stop_workflow(name, WorkflowStopRequest(name=name, namespace="ns"), namespace="ns").spec.shutdown == "Stop"
    assert service.get_version().version.startswith("v")
    service.get_info()
    service.get_user_info()
    service.delete_workflow(name, namespace="ns")
    with pytest.raises(HeraNotFound):
        service.get_workflow(name, namespace="ns")
    return name


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated", "ignore:The `parse_obj`", "ignore::DeprecationWarning")
async def test_hera_runs_against_the_server(served: Served) -> None:
    assert (await asyncio.to_thread(_use, served.address)).startswith("hera-")


def test_no_address_that_others_reach_without_a_chosen_mode() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert not is_loopback("0.0.0.0")  # noqa: S104
    with pytest.raises(SpecError, match="reached by others"):
        server(host="0.0.0.0")  # noqa: S104


async def test_server_mode_lends_its_own_rights_and_keeps_to_its_namespace() -> None:
    gate = Gate(access=Access(server="http://x"), modes=frozenset({"server"}), namespace="ns")
    assert (await gate.admit(Asked())).api.access is gate.access
    assert gate.place("") == "ns"


async def test_a_page_of_another_site_changes_nothing(served: Served) -> None:
    path, own = "/api/v1/workflows/ns", served.address.replace("127.0.0.1", "localhost")
    for origin in ("https://elsewhere.example", "null", own):
        code, answer = await served.ask("POST", path, {"workflow": {}}, {**TOKEN, "Origin": origin})
        assert (code, answer["code"]) == (403, 7)
    wanted = {"metadata": {"name": "mine"}, "spec": SPEC}
    assert (await served.ask("POST", path, {"workflow": wanted}, {**TOKEN, "Origin": served.address}))[0] == 200
