"""A schedule on a real cluster through a real minute, its commands, and lint against what is stored."""

import datetime
import json
import pathlib
import time

from tests.e2e.conftest import Cluster


def test_a_schedule_runs_on_the_minute_and_is_counted(cluster: Cluster) -> None:
    cluster.tiphys("cron", "create", "examples/cron-hello.yaml")
    assert "cron-hello" in cluster.tiphys("cron", "list")
    end = time.monotonic() + 100
    status: dict[str, object] = {}
    while time.monotonic() < end and not status.get("succeeded"):
        time.sleep(1)
        status = json.loads(cluster.kubectl("get", "cronworkflow", "cron-hello", "-o", "json")).get("status") or {}
    assert status.get("succeeded") == 1, status
    children = json.loads(cluster.kubectl("get", "workflows", "-o", "json"))["items"]
    first = min(children, key=lambda one: str(one["metadata"]["creationTimestamp"]))
    slot = datetime.datetime.fromisoformat(first["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"])
    assert slot.second == 0
    assert first["metadata"]["name"] == f"cron-hello-{int(slot.timestamp())}"
    assert f"hello at {slot:%Y-%m-%dT%H:%M:%SZ}" in cluster.logs(first["metadata"]["name"])
    cluster.tiphys("cron", "suspend", "cron-hello")
    assert "Suspended:                  true" in cluster.tiphys("cron", "get", "cron-hello")
    cluster.tiphys("cron", "delete", "cron-hello")


def test_a_backfill_runs_past_slots_once(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    manifest = pathlib.Path("examples/cron-hello.yaml").read_text().replace('"* * * * *"', '"0 0 1 1 *"')
    (tmp_path / "cron.yaml").write_text(manifest)
    cluster.tiphys("cron", "create", tmp_path / "cron.yaml")
    span = ("--start", "2020-06-01T00:00:00Z", "--end", "2023-06-01T00:00:00Z", "--parallel", "3")
    assert "3 succeeded, 0 did not" in cluster.tiphys("cron", "backfill", "cron-hello", *span)
    again = cluster.tiphys("cron", "backfill", "cron-hello", *span)
    assert again.count("is there already") == 3
    labelled = cluster.kubectl("get", "workflows", "-l", "workflows.argoproj.io/backfill=cron-hello", "-o", "name").split()
    assert len(labelled) == 3
    one = json.loads(cluster.kubectl("get", labelled[0], "-o", "json"))
    (argument,) = one["spec"]["arguments"]["parameters"]
    assert argument["name"] == "cronScheduleTime"
    assert " 01 Jan 202" in argument["value"]


def test_lint_knows_the_templates_of_the_cluster(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: stored}\n"
        "spec: {templates: [{name: say, container: {image: busybox, command: [echo]}}]}\n"
    )
    cluster.tiphys("template", "create", template)
    workflow = tmp_path / "workflow.yaml"
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: x-}\n"
        "spec: {entrypoint: m, templates: [{name: m, steps: [[{name: a, templateRef: {name: stored, template: say}}]]}]}\n"
    )
    workflow.write_text(text)
    assert "no linting errors" in cluster.tiphys("lint", workflow)
    workflow.write_text(text.replace("template: say", "template: sya"))
    assert "did you mean 'say'?" in cluster.tiphys("lint", workflow, code=1)
