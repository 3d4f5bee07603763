"""What the server takes: objects that can run, checked with all that they refer to."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.server.serving import SPEC, Served, running

from tiphys.cluster.connection import Access
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.rights import User

BAD = {"entrypoint": "missing", "templates": SPEC["templates"]}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with APIServer() as cluster:
        cluster.users.add("secret", User("somebody", lambda *_: True))
        cluster.users.add("author", User("author", lambda verb, kind, _namespace: verb == "create" and kind == "workflows"))
        gate = Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))
        async with running(cluster, gate) as made:
            yield made


def calls(template: str, name: str = "t", **more: Any) -> dict[str, Any]:
    step = {"name": "a", "templateRef": {"name": name, "template": template, **more}}
    return {"entrypoint": "main", "templates": [{"name": "main", "steps": [[step]]}]}


def wants(spec: dict[str, Any]) -> dict[str, Any]:
    return {"workflow": {"metadata": {"generateName": "w-"}, "spec": spec}}


async def test_references_are_followed_before_a_workflow_is_stored(served: Served) -> None:
    served.put("t", "workflowtemplates")
    path = "/api/v1/workflows/ns"
    assert (await served.ask("POST", path, wants(calls("main"))))[0] == 200
    for spec, said in ((calls("mian"), "mian"), (calls("main", "nothing"), "nothing"), (calls("main", clusterScope=True), "t"),
                       ({"workflowTemplateRef": {"name": "nothing"}}, "nothing")):  # fmt: skip
        status, answer = await served.ask("POST", path, wants(spec))
        assert (status, answer["code"], said in answer["message"]) == (400, 3, True), spec
        status, answer = await served.ask("POST", f"{path}/lint", wants(spec))
        assert (status, answer["code"], said in answer["message"]) == (500, 2, True), spec
    # whoever may not read templates is believed: the controller looks at them
    may_not = {"Authorization": "Bearer author"}
    assert (await served.ask("POST", path, wants(calls("mian")), may_not))[0] == 200


async def test_a_template_that_a_stored_one_needs_a_value_for_is_refused_without_it(served: Served) -> None:
    spec = {**SPEC, "arguments": {"parameters": [{"name": "must"}]}}
    status, said = await served.ask(
        "POST", "/api/v1/workflow-templates/ns", {"template": {"metadata": {"name": "t"}, "spec": spec}}
    )
    assert status == 200, said
    asked: dict[str, Any] = {"resourceKind": "WorkflowTemplate", "resourceName": "t"}
    status, said = await served.ask("POST", "/api/v1/workflows/ns/submit", asked)
    assert (status, "must" in said["message"]) == (400, True)
    asked["submitOptions"] = {"parameters": ["must=1"]}
    assert (await served.ask("POST", "/api/v1/workflows/ns/submit", asked))[0] == 200


@pytest.mark.parametrize(
    ("path", "key", "spec", "said"),
    [
        ("workflow-templates/ns", "template", BAD, "missing"),
        ("workflow-templates/ns", "template", calls("x", "nothing"), "nothing"),
        ("cluster-workflow-templates", "template", BAD, "missing"),
        ("cron-workflows/ns", "cronWorkflow", {"schedules": ["* * *"], "workflowSpec": SPEC}, "malformed"),
        ("cron-workflows/ns", "cronWorkflow", {"schedules": ["* * * * *"], "workflowSpec": BAD}, "missing"),
        (
            "cron-workflows/ns",
            "cronWorkflow",
            {"schedules": ["* * * * *"], "timezone": "Moon/Sea", "workflowSpec": SPEC},
            "Moon/Sea",
        ),
        ("cron-workflows/ns", "cronWorkflow", {"schedules": ["* * * * *"], "workflowSpec": calls("x", "nothing")}, "nothing"),
    ],
)
async def test_what_cannot_run_is_neither_created_nor_changed_nor_passed(
    served: Served, path: str, key: str, spec: dict[str, Any], said: str
) -> None:  # fmt: skip
    body = {key: {"metadata": {"name": "x"}, "spec": spec}}
    for verb, end, expected in (("POST", "", (400, 3)), ("PUT", "/x", (400, 3)), ("POST", "/lint", (500, 2))):
        status, answer = await served.ask(verb, f"/api/v1/{path}{end}", body)
        assert (status, answer["code"], said in answer["message"]) == (*expected, True), answer


async def test_options_of_kubernetes_are_passed_on(served: Served) -> None:
    body = {"template": {"metadata": {"name": "t"}, "spec": SPEC}, "createOptions": {"dryRun": ["All"]}}
    assert (await served.ask("POST", "/api/v1/workflow-templates/ns", body))[0] == 200
    assert (await served.ask("GET", "/api/v1/workflow-templates/ns/t"))[0] == 404
    served.put("w")
    assert (await served.ask("DELETE", "/api/v1/workflows/ns/w?deleteOptions.preconditions.uid=other"))[0] == 409
    assert (await served.ask("DELETE", "/api/v1/workflows/ns/w?deleteOptions.gracePeriodSeconds=soon"))[0] == 400
    assert (await served.ask("DELETE", "/api/v1/workflows/ns/@latest?deleteOptions.propagationPolicy=Orphan"))[0] == 200
    assert (await served.ask("GET", "/api/v1/workflows/ns/w"))[0] == 404
