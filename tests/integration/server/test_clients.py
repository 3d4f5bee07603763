"""Clients that users have: the PyPI `argo-workflows` SDK, and Hera for all it asks of a server, each in its own thread."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import argo_workflows
import pytest
from argo_workflows import exceptions, models
from argo_workflows.api import (
    archived_workflow_service_api,
    cron_workflow_service_api,
    info_service_api,
    workflow_service_api,
    workflow_template_service_api,
)
from hera.workflows import Container, CronWorkflow, Parameter, Workflow, WorkflowsService, WorkflowTemplate
from hera.workflows.models import (
    WorkflowResubmitRequest,
    WorkflowResumeRequest,
    WorkflowRetryRequest,
    WorkflowTerminateRequest,
)
from tests.integration.server.serving import ARGO, SPEC, Served, running

from tiphys.cluster.connection import Access
from tiphys.local.objects import Place
from tiphys.server.subject import Gate
from tiphys.testing.apiserver import APIServer
from tiphys.testing.apiserver.kubelet import Ending
from tiphys.testing.apiserver.rights import User

OLD = ("ignore:The `json` method is deprecated", "ignore:The `parse_obj`", "ignore::DeprecationWarning")


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with APIServer() as cluster:
        cluster.users.add("secret", User("somebody", lambda *_: True))
        async with running(cluster, Gate(access=Access(server=cluster.address), modes=frozenset({"client"}))) as made:
            yield made


def _body(kind: str, **said: Any) -> Any:
    """A request of the SDK, its parts as plain JSON: what its users do, since its own types are of an older Argo."""
    return getattr(models, f"IoArgoprojWorkflowV1alpha1{kind}")(**said, _check_type=False)


def _by_sdk(address: str) -> None:
    configuration = argo_workflows.Configuration(host=address)
    configuration.api_key["BearerToken"] = "Bearer secret"
    client = argo_workflows.ApiClient(configuration)
    workflows = workflow_service_api.WorkflowServiceApi(client)
    loose: dict[str, Any] = {"_check_return_type": False}
    asked = {"metadata": {"name": "sdk", "labels": {"by": "sdk"}}, "spec": SPEC}
    made = workflows.create_workflow("ns", _body("WorkflowCreateRequest", workflow=asked), **loose)
    assert made["metadata"]["name"] == "sdk"
    assert workflows.lint_workflow("ns", _body("WorkflowLintRequest", workflow=asked), **loose)["metadata"]["name"] == "sdk"
    assert workflows.get_workflow("ns", "sdk", **loose)["metadata"]["labels"]["by"] == "sdk"
    found = workflows.list_workflows("ns", list_options_label_selector="by=sdk", **loose)
    assert [one["metadata"]["name"] for one in found["items"]] == ["sdk"]
    for act in ("suspend", "resume", "stop", "terminate", "resubmit"):
        call = getattr(workflows, f"{act}_workflow")
        body = _body(f"Workflow{act.capitalize()}Request", name="sdk", namespace="ns")
        assert call("ns", "sdk", body, **loose)["metadata"]
    archived = archived_workflow_service_api.ArchivedWorkflowServiceApi(client)
    assert archived.list_archived_workflows(namespace="ns", **loose)["items"] is None
    templates = workflow_template_service_api.WorkflowTemplateServiceApi(client)
    body = _body("WorkflowTemplateCreateRequest", template={"metadata": {"name": "t"}, "spec": SPEC})
    assert templates.create_workflow_template("ns", body, **loose)["metadata"]["name"] == "t"
    options = _body("SubmitOpts", name="from-t")
    submit = _body("WorkflowSubmitRequest", resource_kind="WorkflowTemplate", resource_name="t", submit_options=options)
    assert workflows.submit_workflow("ns", submit, **loose)["metadata"]["name"] == "from-t"
    crons = cron_workflow_service_api.CronWorkflowServiceApi(client)
    spec = {"schedules": ["* * * * *"], "workflowSpec": SPEC}
    cron = _body("CreateCronWorkflowRequest", cron_workflow={"metadata": {"name": "c"}, "spec": spec})
    assert crons.create_cron_workflow("ns", cron, **loose)["metadata"]["name"] == "c"
    assert info_service_api.InfoServiceApi(client).get_version().platform
    workflows.delete_workflow("ns", "sdk", **loose)
    with pytest.raises(exceptions.NotFoundException, match="not found"):
        workflows.get_workflow("ns", "sdk", **loose)


async def test_the_sdk_of_pypi_runs_against_the_server(served: Served) -> None:
    await asyncio.to_thread(_by_sdk, served.address)


def _by_hera(address: str) -> list[str]:
    service = WorkflowsService(host=address, token="Bearer secret", namespace="ns")  # noqa: S106
    with WorkflowTemplate(name="t", entrypoint="main", namespace="ns", workflows_service=service) as template:
        Container(name="main", image="i", command=["a"], inputs=[Parameter(name="p", value="1")])
    template.create()
    assert service.get_workflow_template("t", namespace="ns").metadata.name == "t"
    assert template.lint().metadata.name == "t"
    assert template.update().metadata.name == "t"
    assert [one.metadata.name for one in service.list_workflow_templates(namespace="ns").items or []] == ["t"]
    with CronWorkflow(
        name="c", entrypoint="main", namespace="ns", schedules=["* * * * *"], workflows_service=service
    ) as cron:  # fmt: skip
        Container(name="main", image="i", command=["a"])
    cron.create()
    assert service.suspend_cron_workflow("c", _named("c"), namespace="ns").spec.suspend is True
    assert not service.resume_cron_workflow("c", _named("c"), namespace="ns").spec.suspend
    with Workflow(name="w", entrypoint="main", namespace="ns", workflows_service=service) as workflow:
        Container(name="main", image="i", command=["a"])
    workflow.create()
    assert service.terminate_workflow("w", WorkflowTerminateRequest(name="w", namespace="ns"), namespace="ns").spec.shutdown
    resumed = service.resume_workflow("w", WorkflowResumeRequest(name="w", namespace="ns"), namespace="ns")
    assert resumed.metadata.name == "w"
    assert service.resubmit_workflow("failed", WorkflowResubmitRequest(name="failed", namespace="ns"), namespace="ns").metadata
    assert service.retry_workflow("failed", WorkflowRetryRequest(name="failed", namespace="ns"), namespace="ns").metadata
    assert service.workflow_logs("done", namespace="ns") is not None
    ended = Workflow(name="done", namespace="ns", workflows_service=service).wait(poll_interval=1)
    return [str(ended.status.phase)]


def _named(name: str) -> Any:
    from hera.workflows.models import CronWorkflowSuspendRequest

    return CronWorkflowSuspendRequest(name=name, namespace="ns")


@pytest.mark.filterwarnings(*OLD)
async def test_hera_asks_all_that_its_users_do(served: Served) -> None:
    place = Place("api/v1", "pods", "ns", "done")
    served.cluster.kubelet.behave = lambda _pod: Ending(log=b"hello\n")
    served.cluster.store.create(place, {"metadata": {"name": "done"}, "spec": {"containers": [{"name": "main"}]}})
    while served.cluster.store.read(place).get("status", {}).get("phase") != "Succeeded":
        await served.cluster.store.changed.wait()
    for name, phase in (("done", "Succeeded"), ("failed", "Failed")):
        node = {"id": name, "name": name, "displayName": name, "type": "Pod", "phase": phase, "templateName": "main"}
        status = {"phase": phase, "finishedAt": "2026-01-01T00:00:00Z", "nodes": {name: node}}
        served.cluster.store.create(
            Place(ARGO, "workflows", "ns", name), {"metadata": {"name": name, "namespace": "ns"}, "spec": SPEC, "status": status}
        )
    assert await asyncio.to_thread(_by_hera, served.address) == ["Succeeded"]
