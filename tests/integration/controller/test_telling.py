"""Kubernetes Events of workflows and nodes, as the configuration wants them."""

from typing import Any

from tests.integration.controller.conftest import Harbour, Life

from tiphys.local.objects import Change
from tiphys.settings import OwnConfiguration, parse_configuration

SPEC = "{entrypoint: a, templates: [{name: a, container: {image: i, command: [c]}}]}"


def events(harbour: Harbour) -> list[dict[str, Any]]:
    return harbour.server.store.find("api/v1", "events")


def reasons(harbour: Harbour) -> list[str]:
    return [event["reason"] for event in events(harbour)]


def configure(life: Life, **entries: str) -> None:
    life.controller.configure(parse_configuration(entries), OwnConfiguration())


async def test_workflows_and_nodes_tell_what_becomes_of_them(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit(SPEC)
    await harbour.until(lambda: {"WorkflowSucceeded", "WorkflowNodeSucceeded"} <= set(reasons(harbour)))
    assert {"WorkflowRunning", "WorkflowNodeRunning"} <= set(reasons(harbour))
    node = next(event for event in events(harbour) if event["reason"] == "WorkflowNodeSucceeded")
    assert node["involvedObject"]["kind"] == "Workflow"
    said = {key.rpartition("/")[2]: text for key, text in node["metadata"]["annotations"].items()}
    assert (said["node-type"], said["node-name"], said["node-id"]) == ("Pod", "w", "w")
    assert said["node-start-time"].endswith("000000000")


async def test_events_can_be_switched_off(harbour: Harbour) -> None:
    life = await harbour.controller()
    configure(life, nodeEvents="enabled: false")
    harbour.submit(SPEC)
    await harbour.until(lambda: "WorkflowSucceeded" in reasons(harbour))
    assert not [reason for reason in reasons(harbour) if reason.startswith("WorkflowNode")]
    configure(life, workflowEvents="enabled: false")
    count = len([reason for reason in reasons(harbour) if not reason.startswith("WorkflowNode")])
    harbour.submit(SPEC, "second")
    await harbour.until(lambda: "WorkflowNodeSucceeded" in reasons(harbour))
    assert len([reason for reason in reasons(harbour) if not reason.startswith("WorkflowNode")]) == count


async def test_events_of_nodes_can_be_the_pods(harbour: Harbour) -> None:
    life = await harbour.controller()
    configure(life, nodeEvents="sendAsPod: true")
    harbour.submit(SPEC)
    await harbour.until(lambda: "WorkflowNodeSucceeded" in reasons(harbour))
    node = next(event for event in events(harbour) if event["reason"] == "WorkflowNodeSucceeded")
    assert (node["involvedObject"]["kind"], node["involvedObject"]["name"]) == ("Pod", "w")
    assert node["metadata"]["annotations"]["workflows.argoproj.io/workflow-name"] == "w"


async def test_a_node_that_jumps_to_its_end_is_said_to_have_begun(harbour: Harbour) -> None:
    await harbour.controller()
    harbour.submit("{entrypoint: a, templates: [{name: a, steps: [[{name: b, template: c, arguments: {parameters: [{name: x, value: y}]}}]]},"
                   " {name: c, inputs: {parameters: [{name: x}]}, container: {image: i, command: [c]}}]}")  # fmt: skip
    await harbour.until(lambda: "WorkflowSucceeded" in reasons(harbour))
    await harbour.until(lambda: reasons(harbour).count("WorkflowNodeRunning") >= 3)


def with_metric(kind: str) -> str:
    metric = f"{{name: seen, help: h, {kind}: {{value: '1'}}}}"
    return f"{{entrypoint: a, metrics: {{prometheus: [{metric}]}}, templates: [{{name: a, container: {{image: i, command: [c]}}}}]}}"


def conditions(harbour: Harbour, name: str) -> set[str]:
    return {one["type"] for one in harbour.status(name).get("conditions", [])}


async def test_a_metric_that_is_refused_is_a_condition_unless_the_configuration_ignores_it(harbour: Harbour) -> None:
    life = await harbour.controller()
    harbour.submit(with_metric("counter"), "first")
    await harbour.finished("first")
    harbour.submit(with_metric("gauge"), "told")
    await harbour.until(lambda: "MetricsError" in conditions(harbour, "told"))
    configure(life, metricsConfig="ignoreErrors: true")
    harbour.submit(with_metric("gauge"), "ignored")
    await harbour.until(lambda: "Completed" in conditions(harbour, "ignored"))
    await harbour.stop(life)
    assert "MetricsError" not in conditions(harbour, "ignored")


async def test_what_the_cluster_drops_of_a_pod_is_told_and_what_it_keeps_is_not(harbour: Harbour) -> None:
    def forget(change: Change) -> None:
        """An API server that does not know resources of pods, and does know claims."""
        if change.type == "ADDED" and change.place.plural == "pods":
            harbour.server.store.patch(change.place, {"spec": {"resources": None}})

    harbour.server.store.on_change.append(forget)
    await harbour.controller()
    harbour.submit(
        "{entrypoint: a, templates: [{name: a, podResources: {requests: {cpu: 1m}}, resourceClaims: [{name: gpu, resourceClaimName: g}], "
        "container: {image: i, command: [c]}}]}"
    )
    await harbour.until(lambda: "PodLevelResourcesDropped" in reasons(harbour) and "WorkflowSucceeded" in reasons(harbour))
    told = next(event for event in events(harbour) if event["reason"] == "PodLevelResourcesDropped")
    assert (told["type"], told["message"]) == ("Warning", "the cluster dropped the podResources of pod w: it does not know them")
    assert "ResourceClaimsDropped" not in reasons(harbour)
