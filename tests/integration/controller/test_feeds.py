"""What a controller hears of besides workflows and pods: templates, its configuration, labels of namespaces; and what it does without."""

import asyncio
from typing import Any

import pytest
from tests.integration.controller.conftest import ARGO, Harbour, Life

from tiphys.controller.configured import Configured
from tiphys.controller.feeds import Feeds, run_feeds
from tiphys.local.objects import Place
from tiphys.testing.apiserver import Fault

TEMPLATE = {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "i", "command": ["c"]}}]}
WAIT = "{entrypoint: a, templates: [{name: a, suspend: {}}]}"


class Fed:
    """A controller with its feeds."""

    def __init__(self, life: Life) -> None:
        configured = Configured("workflow-controller-configmap", "argo", life.announcements, life.metrics)
        configured.subscribe(life.controller.configure)
        self.controller = life.controller
        self.feeds = Feeds(life.api, life.controller, configured, "")
        self.task = asyncio.get_running_loop().create_task(run_feeds(self.feeds))

    async def settled(self) -> "Fed":
        await asyncio.wait_for(self.feeds.settled(), 60)
        return self

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def put(harbour: Harbour, plural: str, name: str, namespace: str = "ns", **manifest: Any) -> Place:
    group = ARGO if plural.endswith("templates") else "api/v1"
    at = Place(group, plural, namespace, name)
    harbour.server.store.create(at, {"metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, **manifest})
    return at


def asked(harbour: Harbour) -> int:
    return sum(call.kind.endswith("workflowtemplates") and call.verb == "get" for call in harbour.server.calls)


async def test_templates_come_by_watches_so_that_no_submission_asks(harbour: Harbour) -> None:
    put(harbour, "workflowtemplates", "early", spec=TEMPLATE)
    put(harbour, "clusterworkflowtemplates", "wide", "", spec=TEMPLATE)
    fed = await Fed(await harbour.controller()).settled()
    put(harbour, "workflowtemplates", "late", spec=TEMPLATE)
    await asyncio.sleep(2)
    harbour.submit("{workflowTemplateRef: {name: early}}", "one")
    harbour.submit("{workflowTemplateRef: {name: late}}", "two")
    harbour.submit("{workflowTemplateRef: {name: wide, clusterScope: true}}", "three")
    await harbour.finished("one", "two", "three")
    assert {harbour.status(name)["phase"] for name in ("one", "two", "three")} == {"Succeeded"}
    assert asked(harbour) == 0
    await fed.stop()


async def test_a_missing_right_is_told_where_it_matters_and_the_rest_works(harbour: Harbour) -> None:
    put(harbour, "workflowtemplates", "mine", spec=TEMPLATE)
    harbour.server.faults.append(Fault("answer", status=403, times=10**6, kind="clusterworkflowtemplates"))
    harbour.server.faults.append(Fault("answer", status=404, times=10**6, kind="namespaces"))
    fed = await Fed(await harbour.controller()).settled()
    harbour.submit("{workflowTemplateRef: {name: mine}}", "works")
    harbour.submit("{workflowTemplateRef: {name: wide, clusterScope: true}}", "told")
    await harbour.finished("works", "told")
    assert harbour.status("works")["phase"] == "Succeeded"
    assert harbour.status("told")["phase"] == "Error"
    assert harbour.status("told")["message"].startswith("cluster workflow template wide cannot be read: ")
    await fed.stop()


async def test_a_missing_right_is_said_once_asked_for_rarely_and_taken_when_it_comes(
    harbour: Harbour, caplog: pytest.LogCaptureFixture
) -> None:
    put(harbour, "clusterworkflowtemplates", "wide", "", spec=TEMPLATE)
    missing = Fault("answer", status=403, times=10**6, kind="clusterworkflowtemplates")
    harbour.server.faults.append(missing)
    fed = await Fed(await harbour.controller()).settled()

    def refused() -> int:
        return 10**6 - missing.times

    def said(text: str) -> list[str]:
        return [record.message for record in caplog.records if text in record.message]

    async with asyncio.timeout(300):
        while refused() < 8:  # noqa: ASYNC110 the server counts
            await asyncio.sleep(1)
    assert len(said("ClusterWorkflowTemplate may not be seen")) == 1
    assert not said("watch of ClusterWorkflowTemplate broke")
    harbour.server.faults.remove(missing)
    caplog.set_level("INFO")
    async with asyncio.timeout(300):
        while not said("ClusterWorkflowTemplate may be seen now"):  # noqa: ASYNC110 the log is written
            await asyncio.sleep(1)
    harbour.submit("{workflowTemplateRef: {name: wide, clusterScope: true}}")
    await harbour.finished("w")
    assert harbour.status()["phase"] == "Succeeded"
    await fed.stop()


async def test_the_configuration_and_a_namespaces_label_limit_workflows_as_they_change(harbour: Harbour) -> None:
    fed = await Fed(await harbour.controller()).settled()
    settings = put(harbour, "configmaps", "workflow-controller-configmap", "argo", data={"namespaceParallelism": "1"})
    await asyncio.sleep(2)
    for name in ("one", "two", "three"):
        harbour.submit(WAIT, name)
        await asyncio.sleep(1)
    await harbour.until(lambda: harbour.status("three").get("phase") == "Pending")
    assert harbour.status("two")["phase"] == "Pending"
    label = {"workflows.argoproj.io/parallelism-limit": "2"}
    harbour.server.store.create(Place("api/v1", "namespaces", "", "ns"), {"metadata": {"name": "ns", "labels": label}})
    await harbour.until(lambda: harbour.status("two").get("phase") == "Running")
    assert harbour.status("three")["phase"] == "Pending"
    harbour.server.store.patch(settings, {"data": {"namespaceParallelism": "oops"}})
    await asyncio.sleep(2)
    assert fed.controller.configuration.namespace_parallelism == 1
    harbour.server.store.patch(Place("api/v1", "namespaces", "", "ns"), {"metadata": {"labels": {**label, next(iter(label)): "7"}}})
    await harbour.until(lambda: harbour.status("three").get("phase") == "Running")
    reasons = [event["reason"] for event in harbour.server.store.find("api/v1", "events") if event["involvedObject"]["kind"] == "ConfigMap"]
    assert reasons == ["ConfigurationApplied", "ConfigurationRejected"]
    await fed.stop()


async def test_who_runs_is_counted_before_anybody_is_let_in(harbour: Harbour) -> None:
    life = await harbour.controller()
    harbour.submit(WAIT, "runs")
    await harbour.until(lambda: harbour.status("runs").get("phase") == "Running")
    await harbour.kill(life)
    harbour.server.faults.append(Fault("answer", status=503, times=2, verb="list", kind="workflows"))
    fed = await Fed(await harbour.controller()).settled()
    assert not fed.controller.admission.waiting_count
    assert fed.controller.admission.is_running(harbour.workflow("runs")["metadata"]["uid"])
    await fed.stop()
