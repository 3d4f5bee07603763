"""What users of Argo's command line do, done with it."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

from tests.e2e.conformance.conftest import Flow
from tests.e2e.server.client import Argo


def workflow(command: str, **spec: Any) -> dict[str, Any]:
    main = {"name": "main", "inputs": {"parameters": [{"name": "message"}]}, "container": {"image": "alpine", "command": ["sh", "-c", command]}}
    arguments = {"parameters": [{"name": "message", "value": "default"}]}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "it-"},
        "spec": {"entrypoint": "main", "arguments": arguments, "templates": [main], **spec},
    }  # fmt: skip


SAYS = workflow("echo {{inputs.parameters.message}}; sleep 1; echo bye")
FAILS = workflow("echo {{inputs.parameters.message}}; [ {{inputs.parameters.message}} = good ]")
WAITS = {
    "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "waits-"},
    "spec": {"entrypoint": "main", "templates": [
        {"name": "main", "steps": [[{"name": "hold", "template": "hold"}], [{"name": "then", "template": "then"}]]},
        {"name": "hold", "suspend": {}},
        {"name": "then", "container": {"image": "alpine", "command": ["sh", "-c", "echo went on"]}},
    ]},
}  # fmt: skip


def follow(argo: Argo) -> None:
    name = argo.submit(SAYS, "-p", "message=hello there")
    assert name in argo.run("list", "-o", "name")
    assert "hello there" in argo.run("logs", name, "--follow", "--no-color")
    argo.run("wait", name)
    assert "Succeeded" in argo.run("watch", name)
    shown = argo.run("get", name)
    assert "Succeeded" in shown
    assert "hello there" in shown
    assert name in argo.run("list", "--status", "Succeeded", "-o", "wide")
    assert argo.run("list", "--running", "-o", "name").strip() in ("", "No workflows found")
    lines = argo.run("logs", "@latest", "--no-color", "--grep", "bye").splitlines()
    assert [line.partition(": ")[2] for line in lines] == ["bye"]
    bad = argo.submit(FAILS)
    argo.run("wait", bad, code=1)
    assert "Failed" in argo.run("get", bad)
    watched = argo.run("submit", "-", "--watch", "-p", "message=seen", stdin=json.dumps(SAYS))
    assert "Succeeded" in watched
    logged = argo.run("submit", "-", "--log", "-p", "message=logged", stdin=json.dumps(SAYS))
    assert "logged" in logged


def interrupt(argo: Argo) -> None:
    held = [argo.submit(WAITS) for _ in range(4)]
    for name in held:
        argo.until(name, lambda status: any(node["type"] == "Suspend" and node["phase"] == "Running" for node in (status.get("nodes") or {}).values()))
    argo.run("resume", held[0])
    argo.run("node", "set", held[1], "--phase", "Succeeded", "--message", "by hand", "--node-field-selector", "displayName=hold")
    argo.run("stop", held[2], "--message", "enough")
    argo.run("terminate", held[3])
    argo.run("wait", held[0], held[1])
    assert "went on" in argo.run("logs", held[0], "--no-color")
    for name, said in ((held[2], "Stop"), (held[3], "Terminate")):
        argo.run("wait", name, code=1)
        found = argo.until(name, lambda status: status.get("phase") == "Failed")
        assert found["status"]["message"] == f"Stopped with strategy '{said}'"
    running = argo.submit(workflow("sleep 4"))
    argo.until(running, lambda status: status.get("phase") == "Running")
    argo.run("suspend", running)
    assert json.loads(argo.run("get", running, "-o", "json"))["spec"]["suspend"] is True
    argo.run("resume", running)
    argo.run("wait", running)


def repeat(argo: Argo) -> None:
    name = argo.submit(FAILS)
    argo.run("wait", name, code=1)
    argo.run("retry", name, "-p", "message=good")
    argo.run("wait", name)
    again = argo.run("resubmit", name, "-o", "name", "-p", "message=good").split()[-1].removeprefix("workflow.argoproj.io/")
    argo.run("wait", again)
    assert again in argo.run("list", "--resubmitted", "-o", "name")
    bad = argo.submit(FAILS)
    argo.run("wait", bad, code=1)
    assert bad in argo.run("resubmit", bad, "--memoized", "-o", "yaml")
    argo.run("delete", name)
    argo.run("get", name, code=1)
    argo.run("delete", "--all")
    assert argo.run("list", "-o", "name").strip() in ("", "No workflows found")


def stored(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    content = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "alpine", "command": ["true"]}}]}
    whole = {"schedules": ["0 0 31 2 *"], "workflowSpec": content, **spec} if kind == "CronWorkflow" else content
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": whole}


def store(argo: Argo, folder: pathlib.Path) -> None:
    unique = f"t-{argo.namespace}"
    commands = {"WorkflowTemplate": "template", "ClusterWorkflowTemplate": "cluster-template", "CronWorkflow": "cron"}
    for kind, command in commands.items():
        path = folder / f"{command}.json"
        path.write_text(json.dumps(stored(kind, unique)))
        argo.run(command, "lint", path)
        argo.run(command, "create", path)
        assert unique in argo.run(command, "list")
        assert unique in argo.run(command, "get", unique)
        source = {"WorkflowTemplate": "workflowtemplate", "ClusterWorkflowTemplate": "clusterworkflowtemplate", "CronWorkflow": "cronwf"}[kind]
        name = argo.run("submit", "--from", f"{source}/{unique}", "-o", "name").split()[-1].removeprefix("workflow.argoproj.io/")
        argo.run("wait", name)
    argo.run("cron", "suspend", unique)
    assert json.loads(argo.run("cron", "get", unique, "-o", "json"))["spec"]["suspend"] is True
    argo.run("cron", "resume", unique)
    for command in commands.values():
        argo.run(command, "delete", unique)
    good, bad = folder / "good.json", folder / "bad.json"
    good.write_text(json.dumps(SAYS))
    bad.write_text(json.dumps({**SAYS, "spec": {**SAYS["spec"], "entrypoint": "nowhere"}}))
    argo.run("lint", good)
    argo.run("lint", bad, code=1)


Both = Callable[[Flow], None]


def test_submit_list_get_watch_wait_and_logs(both: Both) -> None:
    both(follow)


def test_suspend_resume_stop_terminate_and_node_set(both: Both) -> None:
    both(interrupt)


def test_retry_resubmit_and_delete(both: Both) -> None:
    both(repeat)


def test_templates_schedules_and_lint(both: Both, tmp_path: pathlib.Path) -> None:
    def flow(argo: Argo) -> None:
        folder = tmp_path / argo.namespace
        folder.mkdir()
        store(argo, folder)

    both(flow)
