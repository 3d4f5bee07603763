"""Retry, resubmit, and suspend nodes set by hand, on a real cluster: what had succeeded is not run again."""

import json
from typing import Any

from tests.e2e.conftest import TIPHYS, Cluster, nodes, run

WORK = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: %s}
spec:
  entrypoint: main
  arguments: {parameters: [{name: code, value: "1"}]}
  templates:
  - name: main
    steps:
    - - {name: first, template: say}
    - - {name: second, template: leave, arguments: {parameters: [{name: said, value: "{{steps.first.outputs.result}}"}]}}
  - {name: say, script: {image: alpine, command: [sh], source: "echo hello; date +%%s%%N >&2"}}
  - name: leave
    inputs: {parameters: [{name: said}]}
    container: {image: alpine, command: [sh, -c], args: ["echo {{inputs.parameters.said}}; exit {{workflow.parameters.code}}"]}
"""
ASKING = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: asking}
spec:
  entrypoint: main
  templates:
  - name: main
    dag:
      failFast: false
      tasks:
      - {name: answer, template: ask}
      - {name: wait, template: ask}
      - {name: refuse, template: ask}
      - {name: told, template: tell, depends: answer, arguments: {parameters: [{name: said, value: "{{tasks.answer.outputs.parameters.word}}"}]}}
  - {name: ask, suspend: {}, outputs: {parameters: [{name: word, valueFrom: {supplied: {}, default: nothing}}]}}
  - {name: tell, inputs: {parameters: [{name: said}]}, container: {image: alpine, command: [echo, "{{inputs.parameters.said}}"]}}
"""


def complaint(cluster: Cluster, *arguments: str) -> str:
    """What a command that must fail says."""
    done = run(*TIPHYS, *arguments, "--kubeconfig", cluster.kubeconfig, "-n", cluster.namespace, check=False)
    assert done.returncode == 1
    return done.stderr


def uid_of(cluster: Cluster, workflow: dict[str, Any], display_name: str) -> str:
    node = next(node for node in workflow["status"]["nodes"].values() if node["displayName"] == display_name)
    pods = json.loads(cluster.kubectl("get", "pods", "-o", "json"))["items"]
    return next(
        pod["metadata"]["uid"]
        for pod in pods
        if pod["metadata"]["annotations"]["workflows.argoproj.io/node-id"] == node["id"]
        and pod["metadata"]["labels"]["workflows.argoproj.io/workflow"] == workflow["metadata"]["name"]
    )


def test_what_failed_is_run_again_in_place_or_as_a_new_workflow(cluster: Cluster) -> None:
    cluster.apply(WORK % "broken")
    cluster.apply(WORK % "again")
    failed, other = cluster.finished("broken"), cluster.finished("again")
    assert nodes(failed)["second"] == ("Pod", "Failed")
    kept, gone = uid_of(cluster, failed, "first"), uid_of(cluster, failed, "second")

    shown = cluster.tiphys("retry", "broken", "-p", "code=0", "--wait")
    assert "Succeeded" in shown
    retried = cluster.workflow("broken")
    assert nodes(retried) == {"broken": ("Steps", "Succeeded"), "[0]": ("StepGroup", "Succeeded"), "first": ("Pod", "Succeeded"),
                              "[1]": ("StepGroup", "Succeeded"), "second": ("Pod", "Succeeded")}  # fmt: skip
    assert uid_of(cluster, retried, "first") == kept
    assert uid_of(cluster, retried, "second") != gone
    assert retried["status"]["progress"] == "2/2"

    made = cluster.tiphys("resubmit", "again", "--memoized", "-p", "code=0", "-o", "name").strip()
    new = cluster.finished(made)
    assert made.startswith("again-")
    assert new["status"]["phase"] == "Succeeded"
    assert nodes(new)["first"] == ("Skipped", "Skipped")
    assert new["metadata"]["labels"]["workflows.argoproj.io/resubmitted-from-workflow"] == "again"
    assert "hello" in cluster.logs(made)
    assert other["status"]["phase"] == "Failed"

    plain = cluster.tiphys("resubmit", "broken", "-o", "name").strip()
    once_more = cluster.tiphys("retry", "broken", "--restart-successful", "--node-field-selector", "displayName=first", "-o", "name")
    assert once_more.strip() == "broken"
    assert cluster.finished("broken")["status"]["phase"] == "Succeeded"
    assert uid_of(cluster, cluster.workflow("broken"), "first") != kept
    assert cluster.finished(plain)["status"]["phase"] == "Succeeded"

    assert "To retry a succeeded workflow" in complaint(cluster, "retry", "broken")


def test_suspend_nodes_are_set_resumed_and_stopped_by_selector(cluster: Cluster) -> None:
    cluster.apply(ASKING)
    cluster.wait_until("asking", lambda w: sum(n["type"] == "Suspend" for n in w.get("status", {}).get("nodes", {}).values()) == 3)
    cluster.tiphys("node", "set", "asking", "--node-field-selector", "displayName=answer", "-p", "word=aye")
    cluster.tiphys("resume", "asking", "--node-field-selector", "displayName=answer")
    cluster.wait_until("asking", lambda w: nodes(w).get("told", ("", ""))[1] == "Succeeded")
    assert "aye" in cluster.logs("asking")
    cluster.tiphys("stop", "asking", "--node-field-selector", "displayName=refuse", "--message", "not today")
    found = cluster.wait_until("asking", lambda w: nodes(w)["refuse"][1] == "Failed")
    assert nodes(found)["wait"] == ("Suspend", "Running")
    assert next(n["message"] for n in found["status"]["nodes"].values() if n["displayName"] == "refuse") == "not today"
    # as other clients resume: the node is written into the stored status by somebody else
    waiting = next(n for n in found["status"]["nodes"].values() if n["displayName"] == "wait")
    patch = {"status": {"nodes": {waiting["id"]: {"phase": "Succeeded", "finishedAt": waiting["startedAt"]}}}}
    cluster.kubectl("patch", "workflow", "asking", "--type=merge", "-p", json.dumps(patch))
    end = cluster.finished("asking")
    assert (end["status"]["phase"], nodes(end)["wait"][1]) == ("Failed", "Succeeded")
    assert "invalid phase" in complaint(cluster, "node", "set", "asking", "--node-field-selector", "id=x", "--phase", "Done")
