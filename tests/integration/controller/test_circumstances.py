"""Configuration, stored templates, limits and estimates of a controller at work."""

import asyncio
import logging

import pytest
from tests.integration.controller.conftest import ARGO, Harbour, Life

from tiphys.local.objects import Place
from tiphys.settings import OwnConfiguration, parse_configuration

SPEC = "{entrypoint: a, templates: [{name: a, container: {image: i, command: [c]}}]}"


def configure(life: Life, **entries: str) -> None:
    life.controller.configure(parse_configuration(entries), OwnConfiguration())


def store(harbour: Harbour, name: str, spec: dict[str, object], plural: str = "workflowtemplates") -> None:
    namespace = "" if plural.startswith("cluster") else "ns"
    harbour.server.store.create(Place(ARGO, plural, namespace, name), {"metadata": {"name": name, "namespace": namespace}, "spec": spec})


TEMPLATE = {"entrypoint": "a", "templates": [{"name": "a", "container": {"image": "i", "command": ["c"]}}]}


async def test_a_template_that_no_watch_has_told_of_is_asked_for_once(harbour: Harbour) -> None:
    await harbour.controller()
    store(harbour, "late", TEMPLATE)
    for i in range(3):
        harbour.submit("{workflowTemplateRef: {name: late}}", f"w{i}")
    await harbour.finished("w0", "w1", "w2")
    harbour.submit("{workflowTemplateRef: {name: late}}", "again")
    await harbour.finished("again")
    assert {harbour.status(name)["phase"] for name in ("w0", "w1", "w2", "again")} == {"Succeeded"}
    asked = [call for call in harbour.server.calls if call.kind == "workflowtemplates" and call.verb == "get"]
    assert 1 <= len(asked) <= 3


async def test_a_template_that_is_not_there_is_told_after_asking(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit("{workflowTemplateRef: {name: nowhere}}")
    await harbour.finished("w")
    assert harbour.status()["message"] == "workflow template nowhere not found"


async def test_the_limit_holds_workflows_back_also_across_a_restart(harbour: Harbour) -> None:
    life = await harbour.controller()
    configure(life, parallelism="1")
    wait = "{entrypoint: a, templates: [{name: a, suspend: {}}]}"
    harbour.submit(wait, "first")
    await harbour.until(lambda: harbour.status("first").get("phase") == "Running")
    harbour.submit(SPEC, "second")
    await harbour.until(lambda: harbour.status("second").get("phase") == "Pending")
    await harbour.kill(life)
    life = await harbour.controller()
    configure(life, parallelism="1")
    await asyncio.sleep(3)
    assert harbour.status("second")["phase"] == "Pending"
    harbour.patch({"spec": {"shutdown": "Terminate"}}, "first")
    await harbour.finished("first", "second")
    assert harbour.status("second")["phase"] == "Succeeded"
    assert harbour.status("second").get("message", "") == ""


async def test_the_last_success_of_a_template_says_how_long_the_next_will_take(harbour: Harbour) -> None:
    life = await harbour.controller()
    store(harbour, "timed", TEMPLATE)
    harbour.submit("{workflowTemplateRef: {name: timed}}", "one")
    await harbour.finished("one")
    assert "estimatedDuration" not in harbour.status("one")
    await asyncio.sleep(2)
    harbour.submit("{workflowTemplateRef: {name: timed}}", "two")
    await harbour.finished("two")
    assert isinstance(harbour.status("two")["estimatedDuration"], int)
    assert "estimatedDuration" in harbour.status("two")["nodes"]["two"]
    await harbour.kill(life)
    await harbour.controller()
    await asyncio.sleep(2)
    harbour.submit("{workflowTemplateRef: {name: timed}}", "three")
    await harbour.finished("three")
    harbour.submit("{workflowTemplateRef: {name: timed}}", "four")
    await harbour.finished("four")
    assert "estimatedDuration" in harbour.status("four")["nodes"]["four"]


async def test_a_new_workflow_is_given_time_first(harbour: Harbour) -> None:
    life = await harbour.controller()
    configure(life, initialDelay="20s")
    harbour.submit(SPEC)
    await asyncio.sleep(8)
    assert harbour.status() == {}
    await harbour.finished("w")


async def test_specs_of_pods_are_logged_where_that_is_wanted(harbour: Harbour, caplog: pytest.LogCaptureFixture) -> None:
    life = await harbour.controller()
    configure(life, podSpecLogStrategy="allPods: true")
    with caplog.at_level(logging.INFO, "tiphys.controller.spec_log"):
        harbour.submit(SPEC)
        await harbour.finished("w")
    assert any("pod ns/w has the spec" in record.getMessage() for record in caplog.records)


async def test_the_metrics_tell_of_workflows_pods_and_conditions(harbour: Harbour) -> None:
    life = await harbour.controller()
    harbour.submit(SPEC, "done")
    harbour.submit("{entrypoint: a, templates: [{name: a, suspend: {}}]}", "runs")
    await harbour.finished("done")
    await harbour.until(lambda: harbour.status("runs").get("phase") == "Running")
    await asyncio.sleep(1)
    text = life.metrics.text().decode()
    for line in (
        'argo_workflows_gauge{phase="Succeeded"} 1.0', 'argo_workflows_gauge{phase="Running"} 1.0',
        'argo_workflows_pods_gauge{phase="Succeeded"} 1.0', 'argo_workflows_total_count{namespace="ns",phase="Succeeded"} 1.0',
        'argo_workflows_workflow_condition{status="True",type="Completed"} 1.0',
        'argo_workflows_pods_total_count{namespace="ns",phase="Succeeded"} 1.0',
    ):  # fmt: skip
        assert line in text, text
