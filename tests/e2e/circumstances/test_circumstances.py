"""Configuration, stored templates and limits, as administrators and users set them on a real cluster."""

import json
import time
import uuid
from collections.abc import Callable

from tests.e2e.circumstances.conftest import INSTANCE, Station

ECHO = {"name": "say", "inputs": {"parameters": [{"name": "text"}]},
        "container": {"image": "alpine", "command": ["echo", "{{inputs.parameters.text}}"]}}  # fmt: skip
NAP = {"entrypoint": "nap", "templates": [{"name": "nap", "container": {"image": "alpine", "command": ["sleep", "3"]}}]}


def until(reached: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "not reached"
        time.sleep(0.2)


def test_the_configuration_is_in_force_reloaded_and_a_bad_edit_is_told_and_not_taken(station: Station) -> None:
    one = station.finished(station.submit("with-defaults", NAP))
    assert one["metadata"]["labels"]["team"] == "red"
    assert one["spec"]["ttlStrategy"] == {"secondsAfterCompletion": 3600}
    good = {"instanceID": INSTANCE, "parallelism": "50"}
    station.configure(**good, workflowDefaults="metadata: {labels: {team: blue}}")
    until(lambda: bool(station.events("ConfigurationApplied")))
    assert station.finished(station.submit("with-new-defaults", NAP))["metadata"]["labels"]["team"] == "blue"
    station.configure(**good, workflowDefaults="metadata: {lables: {team: green}}")
    until(lambda: bool(station.events("ConfigurationRejected")))
    assert "workflowDefaults.metadata.lables: unknown field 'lables', did you mean 'labels'?" in station.events("ConfigurationRejected")[0]
    assert station.process is not None
    assert 'tiphys_configuration_valid{config_map="workflow-controller-configmap"} 0.0' in station.process.metrics()
    assert station.finished(station.submit("with-the-last-good-ones", NAP))["metadata"]["labels"]["team"] == "blue"
    station.configure(**good, workflowDefaults="metadata: {labels: {team: green}}")
    until(lambda: station.process is not None and 'configmap"} 1.0' in station.process.metrics())


def test_stored_templates_run_and_are_kept_in_the_status(station: Station) -> None:
    shared = f"shared-{uuid.uuid4().hex[:6]}"
    stored = [
        {"kind": "WorkflowTemplate", "metadata": {"name": "greet"}, "spec": {
            "entrypoint": "main", "arguments": {"parameters": [{"name": "who", "value": "world"}]},
            "workflowMetadata": {"labels": {"workflows.argoproj.io/controller-instanceid": INSTANCE}},
            "templates": [{"name": "main", "steps": [
                [{"name": "own", "template": "say", "arguments": {"parameters": [{"name": "text", "value": "own {{workflow.parameters.who}}"}]}}],
                [{"name": "other", "templateRef": {"name": shared, "template": "say", "clusterScope": True},
                  "arguments": {"parameters": [{"name": "text", "value": "other {{workflow.parameters.who}}"}]}}]]}, ECHO]}},
        {"kind": "ClusterWorkflowTemplate", "metadata": {"name": shared}, "spec": {"templates": [ECHO]}},
    ]  # fmt: skip
    for one in stored:
        station.apply(json.dumps({"apiVersion": "argoproj.io/v1alpha1", **one}))
    try:
        label = f"workflows.argoproj.io/controller-instanceid={INSTANCE}"
        shown = station.tiphys("submit", "--from", "workflowtemplate/greet", "-p", "who=you", "-l", label, "--log")
        assert "own you" in shown
        assert "other you" in shown
        name = json.loads(station.kubectl("get", "workflows", "-l", "workflows.argoproj.io/workflow-template=greet", "-o", "json"))
        status = name["items"][0]["status"]
        assert status["phase"] == "Succeeded"
        assert status["storedWorkflowTemplateSpec"]["arguments"]["parameters"] == [{"name": "who", "value": "you"}]
        assert list(status["storedTemplates"]) == [f"cluster/{shared}/say"]
        missing = station.finished(station.submit("missing", {"workflowTemplateRef": {"name": "gret"}}))
        assert missing["status"]["message"] == "workflow template gret not found, did you mean 'greet'?"
    finally:
        station.kubectl("delete", "clusterworkflowtemplate", shared)


def test_a_template_applied_with_its_workflow_is_found(station: Station) -> None:
    label = {"workflows.argoproj.io/controller-instanceid": INSTANCE}
    both = [
        {"kind": "Workflow", "metadata": {"name": "early", "labels": label}, "spec": {"workflowTemplateRef": {"name": "late"}}},
        {"kind": "WorkflowTemplate", "metadata": {"name": "late"}, "spec": NAP},
    ]
    for manifest in reversed(both):
        station.apply(json.dumps({"apiVersion": "argoproj.io/v1alpha1", **manifest}))
    assert station.finished("early")["status"]["phase"] == "Succeeded"


def test_workflows_over_the_limit_wait_for_their_turn_by_priority_also_when_the_controller_is_killed(station: Station) -> None:
    entries = {"instanceID": INSTANCE}
    station.configure(**entries, parallelism="1")
    until(lambda: any("in force" in text for text in station.events("ConfigurationApplied")))
    time.sleep(0.5)
    station.submit("first", NAP)
    station.wait_until("first", lambda found: found.get("status", {}).get("phase") == "Running")
    station.submit("low", NAP)
    station.submit("high", {**NAP, "priority": 5})
    held = station.wait_until("high", lambda found: found.get("status", {}).get("phase") == "Pending")
    assert held["status"]["message"] == "Workflow processing has been postponed because too many workflows are already running"
    assert "startedAt" not in held["status"]
    station.wait_until("low", lambda found: found.get("status", {}).get("phase") == "Pending")
    assert station.process is not None
    station.process.kill()
    station.process.log.write_text("")
    station.process.start()
    ends = {name: station.finished(name)["status"] for name in ("first", "low", "high")}
    assert all(status["phase"] == "Succeeded" for status in ends.values())
    assert ends["first"]["finishedAt"] <= ends["high"]["startedAt"]
    assert ends["high"]["finishedAt"] <= ends["low"]["startedAt"]
    station.configure(**entries)
