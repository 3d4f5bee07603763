"""What commands do to workflows, and how they end."""

import asyncio
import json

import pytest
import yaml
from tests.integration.cli.conftest import Shell

from tiphys.local.objects import Place
from tiphys.testing.apiserver import Ending

AT = "2026-01-01T00:00:00Z"


def node(name: str, kind: str, phase: str, **fields: object) -> dict[str, object]:
    return {"id": name, "name": name, "displayName": name, "type": kind, "phase": phase, "templateName": "main", "startedAt": AT, **fields}


def status(phase: str, *nodes: dict[str, object], **fields: object) -> dict[str, object]:
    return {"phase": phase, "startedAt": AT, "nodes": {str(one["id"]): one for one in nodes}, **fields}


async def test_submit_makes_a_workflow_of_a_file_with_its_parameters(shell: Shell) -> None:
    file = shell.folder / "w.yaml"
    spec = {"entrypoint": "main", "arguments": {"parameters": [{"name": "x", "value": "old"}]},
            "templates": [{"name": "main", "container": {"image": "i", "command": ["a"], "args": ["{{workflow.parameters.x}}"]}}]}  # fmt: skip
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "made-"}, "spec": spec}
    file.write_text(yaml.safe_dump(manifest))
    code, out, errors = await shell.run("submit", str(file), "-p", "x=new", "--name", "mine", "-o", "name")
    assert (code, out) == (0, "mine\n"), errors
    assert shell.stored("mine")["spec"]["arguments"]["parameters"] == [{"name": "x", "value": "new"}]


async def test_submit_refuses_what_could_never_run_and_says_where(shell: Shell) -> None:
    file = shell.folder / "w.yaml"
    file.write_text("kind: Workflow\nmetadata: {name: bad}\nspec: {entrypoint: nain, templates: [{name: main, suspend: {}}]}\n")
    code, _, errors = await shell.run("submit", str(file))
    assert code == 1
    assert "nain" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("output", ["json", "yaml", "name", ""])
async def test_get_shows_a_workflow_in_every_form(shell: Shell, output: str) -> None:
    shell.create("w", status("Succeeded", node("w", "Pod", "Succeeded", finishedAt=AT), finishedAt=AT))
    code, out, errors = await shell.run("get", "w", *(["-o", output] if output else []))
    assert code == 0, errors
    match output:
        case "json":
            assert json.loads(out)["status"]["phase"] == "Succeeded"
        case "yaml":
            assert yaml.safe_load(out)["metadata"]["name"] == "w"
        case "name":
            assert out == "w\n"
        case _:
            assert "Succeeded" in out
            assert "✔ w" in out


@pytest.mark.parametrize(
    ("command", "field", "expected"),
    [("stop", "shutdown", "Stop"), ("terminate", "shutdown", "Terminate"), ("suspend", "suspend", True)],
)
async def test_what_is_asked_of_a_running_workflow_is_in_its_spec(shell: Shell, command: str, field: str, expected: object) -> None:
    shell.create("w", status("Running"))
    code, _, errors = await shell.run(command, "w")
    assert code == 0, errors
    assert shell.stored("w")["spec"][field] == expected


async def test_resume_lets_a_suspended_workflow_go_on(shell: Shell) -> None:
    shell.create("w", status("Running", node("w", "Suspend", "Running")), suspend=True)
    code, _, errors = await shell.run("resume", "w")
    assert code == 0, errors
    assert not shell.stored("w")["spec"].get("suspend")
    assert shell.stored("w")["status"]["nodes"]["w"]["phase"] == "Succeeded"


async def test_delete_deletes_the_one_that_is_named(shell: Shell) -> None:
    shell.create("one")
    shell.create("two")
    code, _, errors = await shell.run("delete", "one")
    assert code == 0, errors
    assert [one["metadata"]["name"] for one in shell.server.store.find("apis/argoproj.io/v1alpha1", "workflows")] == ["two"]


@pytest.mark.parametrize(("phase", "expected"), [("Succeeded", 0), ("Failed", 1), ("Error", 1)])
async def test_wait_returns_when_the_workflow_ends_and_says_how(shell: Shell, phase: str, expected: int) -> None:
    shell.create("w", status("Running"))
    waiting = asyncio.create_task(shell.run("wait", "w"))
    await asyncio.sleep(1)
    assert not waiting.done()
    place = Place("apis/argoproj.io/v1alpha1", "workflows", "ns", "w")
    shell.server.store.patch(place, {"status": {"phase": phase, "finishedAt": AT}})
    code, out, _ = await asyncio.wait_for(waiting, 20)
    assert code == expected
    assert out.startswith(f"w {phase}")


async def test_logs_are_those_of_the_workflow_s_pods(shell: Shell) -> None:
    shell.server.kubelet.behave = lambda _pod: Ending(log=b"one\ntwo\n")
    pod = {"metadata": {"name": "w"}, "spec": {"containers": [{"name": "main", "image": "i"}]}}
    shell.server.store.create(Place("api/v1", "pods", "ns", "w"), pod)
    shell.create("w", status("Succeeded", node("w", "Pod", "Succeeded")))
    await asyncio.sleep(0.5)
    code, out, errors = await shell.run("logs", "w")
    assert (code, out) == (0, "w: one\nw: two\n"), errors


async def test_list_selects_by_phase_and_prefix(shell: Shell) -> None:
    for name, phase in (("a-1", "Succeeded"), ("a-2", "Failed"), ("b-1", "Failed")):
        shell.create(name, status(phase))
    _, out, _ = await shell.run("list", "--status", "Failed", "--prefix", "a-", "-o", "name")
    assert out == "a-2\n"
