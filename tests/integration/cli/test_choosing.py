"""Options that say which workflows, nodes and lines are meant; what submission adds; what is only tried."""

import http.server
import json
from datetime import timedelta
from typing import Any

import pytest
import yaml
from tests.integration.cli.conftest import ARGO, Shell
from tests.servers.serving import serving

from tiphys.cli.session import now
from tiphys.local.objects import Place
from tiphys.model.names import node_id, pod_name
from tiphys.testing.apiserver import Ending

LABEL = "workflows.argoproj.io/"
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i", "command": ["a"]}}]}


def ago(**span: float) -> str:
    return (now() - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def put(shell: Shell, name: str, phase: str = "Running", *, ended: str = "", namespace: str = "ns", **labels: str) -> None:
    marks = {f"{LABEL}completed": "true"} if ended else {}
    status = {"phase": phase, "startedAt": ago(days=20), **({"finishedAt": ended} if ended else {})}
    meta = {"name": name, "labels": {**marks, **{key.replace("__", "/"): value for key, value in labels.items()}}}
    shell.server.store.create(Place(ARGO, "workflows", namespace, name), {"metadata": meta, "spec": SPEC, "status": status})


@pytest.fixture
def many(shell: Shell) -> Shell:
    put(shell, "runs", app="x")
    put(shell, "old", "Succeeded", ended=ago(days=10), app="x")
    put(shell, "fresh", "Failed", ended=ago(minutes=1))
    put(shell, "again", "Running", **{f"{LABEL}resubmitted-from-workflow": "old"})
    put(shell, "blue", "Running", **{f"{LABEL}controller-instanceid": "blue"})
    put(shell, "far", "Succeeded", ended=ago(days=10), namespace="other")
    return shell


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ("", "again blue fresh old runs"),
        ("--running", "again blue runs"),
        ("--completed", "fresh old"),
        ("--older 7d", "old"),
        ("--older 30s", "fresh old"),
        ("--resubmitted", "again"),
        ("--status Failed,Succeeded", "fresh old"),
        ("-l app=x", "old runs"),
        ("-l app=x --completed", "old"),
        ("--field-selector metadata.name=runs", "runs"),
        ("--instanceid blue", "blue"),
        ("--since 1h", "again blue fresh old runs"),
        ("--prefix r --chunk-size 1", "runs"),
        ("-A --older 7d", "far old"),
    ],
)
async def test_list_selects(many: Shell, options: str, want: str) -> None:
    code, out, errors = await many.run("list", *options.split(), "-o", "name")
    assert (code, sorted(out.split())) == (0, want.split()), errors


async def test_a_list_has_heads_unless_nobody_wants_them_and_parameters_where_it_is_wide(many: Shell) -> None:
    file = many.folder / "w.yaml"
    file.write_text(yaml.safe_dump({"kind": "Workflow", "metadata": {"name": "given"}, "spec": SPEC}))
    assert (await many.run("submit", str(file), "-p", "x=1"))[0] == 0
    _, out, _ = await many.run("list", "--prefix", "given", "-o", "wide")
    assert out.splitlines()[0].split()[-1] == "PARAMETERS"
    assert out.splitlines()[1].split()[-1] == "x=1"
    _, out, _ = await many.run("list", "--prefix", "given", "--no-headers")
    assert [line.split()[0] for line in out.splitlines()] == ["given"]
    code, _, errors = await many.run("list", "--older", "soon")
    assert (code, errors.splitlines()[0]) == (1, "tiphys: --older: not a duration: 'soon'")


def left(shell: Shell) -> list[str]:
    return sorted(one["metadata"]["name"] for one in shell.server.store.find(ARGO, "workflows"))


async def test_delete_takes_what_is_selected_and_nothing_in_a_trial(many: Shell) -> None:
    everything = left(many)
    _, out, _ = await many.run("delete", "--older", "7d", "-A", "--dry-run")
    assert sorted(out.splitlines()) == ["Workflow 'far' deleted (dry run)", "Workflow 'old' deleted (dry run)"]
    assert left(many) == everything
    assert (await many.run("delete", "--older", "7d", "-A", "--query-chunk-size", "1"))[0] == 0
    assert left(many) == ["again", "blue", "fresh", "runs"]
    await many.run("delete", "--resubmitted")
    await many.run("delete", "--field-selector", "metadata.name=blue")
    await many.run("delete", "--status", "Failed")
    assert left(many) == ["runs"]
    assert (await many.run("delete"))[1] == "No resources found\n"
    assert (await many.run("delete", "--all"))[0] == 0
    assert left(many) == []


async def test_running_workflows_are_changed_by_selection_and_not_in_a_trial(many: Shell) -> None:
    code, out, _ = await many.run("stop", "-l", "app=x", "--field-selector", "metadata.name=runs", "--dry-run")
    assert (code, out) == (0, "workflow runs stopped (dry run)\n")
    assert "shutdown" not in many.stored("runs")["spec"]
    assert (await many.run("terminate", "--field-selector", "metadata.name=runs"))[1] == "workflow runs terminated\n"
    assert many.stored("runs")["spec"]["shutdown"] == "Terminate"
    assert (await many.run("suspend", "-l", f"{LABEL}resubmitted-from-workflow"))[1] == "workflow again suspended\n"
    assert many.stored("again")["spec"]["suspend"] is True
    assert (await many.run("resume", "again", "--dry-run"))[0] == 0
    assert many.stored("again")["spec"]["suspend"] is True
    code, _, errors = await many.run("suspend")
    assert (code, errors.splitlines()[0]) == (1, "tiphys: no workflow given")
    code, out, _ = await many.run("resubmit", "--field-selector", "metadata.name=fresh", "-o", "name")
    assert code == 0
    assert out.startswith("fresh-")


async def test_get_shows_the_nodes_that_are_meant_also_on_old_terminals(shell: Shell) -> None:
    def node(name: str, phase: str, **more: str) -> dict[str, str]:
        return {"id": name, "name": name, "displayName": name, "type": "Pod", "phase": phase, "templateName": "main", **more}

    nodes = {"w": {**node("w", "Failed"), "type": "DAG"}, "a": node("a", "Succeeded", boundaryID="w"), "b": node("b", "Failed", boundaryID="w")}
    shell.create("w", {"phase": "Failed", "nodes": nodes})

    async def shown(*options: str, command: str = "get") -> list[str]:
        _, out, _ = await shell.run(command, "w", *options)
        return [line.split("main")[0].strip() for line in out.partition("MESSAGE\n")[2].splitlines()]

    assert await shown("--no-utf8") == ["x w", "|-+ a", "`-x b"]
    assert await shown("--status", "Failed", "--no-color") == ["✖ w", "└─✖ b"]
    assert await shown("--node-field-selector", "displayName=a") == ["├─✔ a"]
    assert await shown("--status", "Failed", command="watch") == ["✖ w", "└─✖ b"]
    assert await shown("--node-field-selector", "displayName=a", command="watch") == ["├─✔ a"]
    code, _, error = await shell.run("submit", "none.yaml", "--status", "Failed")
    assert (code, "say which nodes --watch shows" in error) == (1, True)


async def test_wait_can_ignore_what_is_not_there(shell: Shell) -> None:
    assert (await shell.run("wait", "none"))[0] == 1
    assert (await shell.run("wait", "none", "--ignore-not-found"))[:2] == (0, "workflow none not found. Ignoring...\n")


async def test_logs_are_cut_chosen_and_timed_as_is_asked(shell: Shell) -> None:
    shell.server.kubelet.behave = lambda _pod: Ending(log=b"one\ntwo\nthree\n")
    red, blue = (pod_name("w", node_id("w", f"w.{color}"), "main") for color in ("red", "blue"))
    # a pod of a Job that a resource template made, labelled by whoever wrote the Job
    for name, color in ((red, "red"), (blue, "blue"), ("w-job-x", "green")):
        meta = {"name": name, "labels": {f"{LABEL}workflow": "w", "color": color}}
        shell.server.store.create(Place("api/v1", "pods", "ns", name), {"metadata": meta, "spec": {"containers": [{"name": "main", "image": "i"}]}})
    nodes = {one: {"id": node_id("w", f"w.{one}"), "name": f"w.{one}", "type": "Pod", "phase": "Succeeded", "templateName": "main"} for one in ("red", "blue")}
    shell.create("w", {"phase": "Succeeded", "nodes": nodes})
    pods = {place.name for place in shell.server.kubelet.logs}
    while len(pods) < 3:
        await shell.server.store.changed.wait()
        pods = {place.name for place in shell.server.kubelet.logs}

    async def printed(*options: str) -> str:
        code, out, errors = await shell.run("logs", "w", *options)
        assert code == 0, errors
        return out

    assert sorted((await printed("--tail", "1")).splitlines()) == sorted([f"{red}: three", f"{blue}: three"])
    assert await printed("-l", "color=red", "--grep", "^t") == f"{red}: two\n{red}: three\n"
    assert await printed("-l", "color=green", "--tail", "1") == "w-job-x: three\n"
    queries = shell.server.log_queries
    queries.clear()
    await printed("-l", "color=red", "--since", "2m", "--previous")
    await printed("-l", "color=red", "--since-time", "2026-01-01T00:00:00+01:00", "--no-color")
    [first, second] = queries
    assert first == {"container": "main", "sinceSeconds": "120", "previous": "true"}
    assert second == {"container": "main", "sinceTime": "2025-12-31T23:00:00Z"}
    assert (await printed("-l", "color=red", "--timestamps", "--tail", "1")).split()[0::2] == [f"{red}:", "three"]
    code, _, errors = await shell.run("logs", "w", "--grep", "(")
    assert (code, "is no regular expression" in errors) == (1, True)


def written(shell: Shell, **spec: Any) -> str:
    file = shell.folder / "w.yaml"
    file.write_text(json.dumps({"kind": "Workflow", "metadata": {"name": "w"}, "spec": {**SPEC, **spec}}))
    return str(file)


async def test_submit_adds_what_it_is_told(shell: Shell) -> None:
    options = ["--scheduled-time", "2026-01-01T00:00:00Z", "--instanceid", "blue", "-l", "a=b", "--priority", "3", "--serviceaccount", "me"]
    code, _, errors = await shell.run("submit", written(shell), *options)
    assert code == 0, errors
    stored = shell.stored("w")
    assert stored["metadata"]["labels"] == {"a": "b", f"{LABEL}controller-instanceid": "blue"}
    assert stored["metadata"]["annotations"] == {f"{LABEL}scheduled-time": "2026-01-01T00:00:00Z"}
    assert (stored["spec"]["priority"], stored["spec"]["serviceAccountName"]) == (3, "me")
    code, _, errors = await shell.run("submit", written(shell), "--scheduled-time", "tomorrow")
    assert (code, "'tomorrow' is no time" in errors) == (1, True)


async def test_unknown_fields_are_refused_unless_that_is_not_strict(shell: Shell) -> None:
    file = written(shell, entrypont="main")
    code, _, errors = await shell.run("submit", file)
    assert (code, left(shell)) == (1, [])
    assert "unknown field 'entrypont', did you mean 'entrypoint'" in errors
    assert (await shell.run("submit", file, "--no-strict"))[0] == 0


async def test_a_trial_shows_what_would_be_sent_or_stored(shell: Shell) -> None:
    for option, asked in (("--dry-run", False), ("--server-dry-run", True)):
        code, out, errors = await shell.run("submit", written(shell), option, "-p", "x=1")
        assert code == 0, errors
        shown = yaml.safe_load(out)
        assert shown["spec"]["arguments"]["parameters"] == [{"name": "x", "value": "1"}]
        assert any(call.verb == "create" for call in shell.server.calls) is asked
        assert left(shell) == []


async def test_submit_reads_a_workflow_from_a_url(shell: Shell) -> None:
    folder = str(shell.folder)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=folder)

        def log_message(self, *_: object) -> None:
            pass

    written(shell)
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        base = f"http://127.0.0.1:{server.server_port}"
        assert (await shell.run("submit", f"{base}/w.yaml"))[0] == 0
        code, _, errors = await shell.run("submit", f"{base}/none.yaml")
        assert (code, "cannot be read: HTTP Error 404" in errors) == (1, True)
    assert left(shell) == ["w"]
