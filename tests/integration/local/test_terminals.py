"""What a second terminal does to a run of this machine: the process that runs it is told at once."""

import contextlib
import json
import pathlib
import signal
import sqlite3
import stat
import subprocess
import sys
from typing import Any

from tests.integration.local.conftest import Home, nodes

LEAF = "{{name: {}, container: {{image: alpine, command: [sh, -c, {!r}]}}}}"
ASKS = (
    "entrypoint: main\nonExit: bye\ntemplates:\n"
    "- {name: main, steps: [[{name: ask, template: ask}], [{name: more, template: more}],"
    " [{name: say, template: say, arguments: {parameters: [{name: x, value: '{{steps.ask.outputs.parameters.colour}}'}]}}]]}\n"
    "- {name: ask, suspend: {}, outputs: {parameters: [{name: colour, valueFrom: {supplied: {}}}]}}\n"
    "- {name: more, suspend: {}}\n"
    "- {name: say, inputs: {parameters: [{name: x}]}, container: {image: alpine, command: [echo, '{{inputs.parameters.x}}']}}\n"
    "- " + LEAF.format("bye", "echo bye") + "\n"
)


def sleeper(home: Home) -> str:
    """A workflow of a step that runs until it is ended, two steps after it, and an exit handler."""
    spec = (
        "entrypoint: main\nonExit: bye\ntemplates:\n"
        "- {name: main, steps: [[{name: long, template: long}], [{name: after, template: bye}]]}\n"
        "- " + LEAF.format("long", f"touch {home.folder.parent}/begun; exec sleep 60") + "\n"
        "- " + LEAF.format("bye", "echo bye") + "\n"
    )  # fmt: skip
    return home.workflow(spec)


def begun(home: Home, file: str) -> "subprocess.Popen[str]":
    """The run, once its first step has begun and everybody can see it."""
    process = home.start(file)
    home.until((home.folder.parent / "begun").exists)
    home.until(lambda: nodes_of(home).get("long") == ("Pod", "Running"))
    return process


def nodes_of(home: Home) -> dict[str, tuple[str, str]]:
    return nodes(found) if (found := stored(home)).get("status", {}).get("nodes") else {}


def stored(home: Home) -> dict[str, Any]:
    """The run as it is remembered: what `tiphys get` shows, sooner."""
    with contextlib.closing(sqlite3.connect(home.folder / "state.db")) as state:
        (document,) = state.execute("select document from objects where plural = 'workflows'").fetchone() or ("{}",)
    found: dict[str, Any] = json.loads(document)
    return found


def ended(process: "subprocess.Popen[str]") -> int:
    """The exit code of a run, which ends in much less than its step would take."""
    process.communicate(timeout=120)
    return process.returncode


def test_stop_from_another_terminal_ends_the_step_and_runs_the_exit_handler(home: Home) -> None:
    process = begun(home, sleeper(home))
    home.tiphys("stop", "w", "--local", "--message", "enough")
    assert ended(process) == 1
    found = stored(home)
    assert (found["status"]["phase"], found["spec"]["shutdown"]) == ("Failed", "Stop")
    assert nodes(found)["w.onExit"] == ("Pod", "Succeeded")
    assert "after" not in nodes(found)


def test_terminate_from_another_terminal_ends_all_at_once(home: Home) -> None:
    process = begun(home, sleeper(home))
    home.tiphys("terminate", "w", "--local")
    assert ended(process) == 1
    found = stored(home)
    assert found["status"]["phase"] == "Failed"
    assert "w.onExit" not in nodes(found)


def test_a_run_is_suspended_answered_and_resumed_from_another_terminal(home: Home) -> None:
    process = home.start(home.workflow(ASKS))
    home.until(lambda: "w" in home.tiphys("list", "--local"))
    home.until(lambda: nodes_of(home).get("ask") == ("Suspend", "Running"))
    home.tiphys("suspend", "w", "--local")
    home.until(lambda: stored(home)["spec"].get("suspend") is True)
    home.tiphys("node", "set", "w", "--local", "--node-field-selector", "displayName=ask", "-p", "colour=green")
    home.tiphys("resume", "w", "--local")
    home.until(lambda: nodes_of(home).get("more") == ("Suspend", "Running"))
    assert "suspend" not in stored(home)["spec"]
    home.tiphys("resume", "w", "--local", "--node-field-selector", "displayName=more")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "green" in said


def test_a_run_that_another_terminal_deletes_ends_with_its_processes(home: Home) -> None:
    process = begun(home, sleeper(home))
    home.tiphys("delete", "w", "--local")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "w was deleted" in said
    assert "No workflows found" in home.tiphys("list", "--local")


def test_what_nobody_runs_heeds_a_change_when_it_is_run_again_and_says_so(home: Home) -> None:
    process = begun(home, sleeper(home))
    home.end(process, signal.SIGKILL)
    assert "no program runs w; it heeds that with: tiphys run --resume w" in home.tiphys("stop", "w", "--local")
    home.tiphys("run", "--resume", "w", "--runtime", "process", code=1)
    assert stored(home)["status"]["phase"] == "Failed"
    assert nodes_of(home)["w.onExit"] == ("Pod", "Succeeded")


def test_nobody_else_reaches_the_socket_of_a_run_and_none_is_left(home: Home, tmp_path: pathlib.Path) -> None:
    home.environment["TMPDIR"] = str(tmp_path)
    process = begun(home, sleeper(home))
    folder = next(tmp_path.glob("tiphys-*"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    home.end(process, signal.SIGKILL)
    assert folder.exists()
    second = home.start("--resume", "w")
    home.until(lambda: not folder.exists())
    home.until(lambda: nodes_of(home).get("long") == ("Pod", "Running"))
    home.end(second, signal.SIGINT)
    assert not list(tmp_path.glob("tiphys-*"))


def test_another_terminal_follows_the_logs_of_all_steps_of_a_run_to_its_last_line(home: Home) -> None:
    mark = home.folder.parent / "mark"
    waits = f"echo one; echo x >> {mark}; until test -e {mark}.go; do sleep 0.05; done; echo two; echo three"
    spec = (
        "entrypoint: main\ntemplates:\n"
        "- {name: main, steps: [[{name: a, template: long}], [{name: b, template: short}]]}\n"
        "- " + LEAF.format("long", waits) + "\n"
        "- " + LEAF.format("short", "echo four; printf five") + "\n"
    )  # fmt: skip
    process = home.start(home.workflow(spec))
    home.until(mark.exists)
    home.until(lambda: nodes_of(home).get("a") == ("Pod", "Running"))
    following = subprocess.Popen(
        [sys.executable, "-m", "tiphys", "logs", "-f", "w", "--local"], env=home.environment, text=True, stdout=subprocess.PIPE
    )
    assert following.stdout is not None
    said = [following.stdout.readline()]
    pathlib.Path(f"{mark}.go").touch()
    said += following.communicate(timeout=60)[0].splitlines()
    assert ended(process) == 0
    assert [line.strip().rpartition(": ")[2] for line in said] == ["one", "two", "three", "four", "five"]
    assert following.returncode == 0


def test_of_what_is_retried_and_run_by_nobody_it_is_said_what_goes_on_with_it(home: Home) -> None:
    home.run(home.workflow("entrypoint: main\ntemplates:\n- " + LEAF.format("main", "exit 1") + "\n"), code=1)
    assert "no program runs w; it heeds that with: tiphys run --resume w" in home.tiphys("retry", "w", "--local")
