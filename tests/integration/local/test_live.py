"""The live view: by its library's own pilot over real objects of a machine, and as users see it, on a terminal."""

import asyncio
import pathlib
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.integration.local.conftest import Home
from tests.screen import Screen
from textual.widgets import Input, RichLog, Static

from tiphys.cli.live import INTERRUPTED, LEFT, LiveView, Scene
from tiphys.cli.session import follow_workflow
from tiphys.local.api import LocalApi, log_file
from tiphys.local.objects import Place, Store
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow, pod_name
from tiphys.testing.world import START, World

ARGO = "apis/argoproj.io/v1alpha1"
STEPS = """
entrypoint: main
templates:
- name: main
  steps: [[{name: first, template: say}], [{name: again, template: flaky}, {name: gate, template: gate}]]
- {name: say, container: {image: i}}
- {name: flaky, container: {image: i}, retryStrategy: {limit: 3}}
- {name: gate, suspend: {}, outputs: {parameters: [{name: who, valueFrom: {supplied: {}}}]}}
"""


class Stage:
    """A workflow as far as a simulated world has brought it, kept as a machine keeps it."""

    def __init__(self, logs: pathlib.Path, world: World) -> None:
        self.store = Store(lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.api = LocalApi(self.store, logs)
        manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **world.stored}
        self.place = Place(ARGO, "workflows", "default", "hello")
        self.store.create(self.place, manifest)
        self.shells: list[str] = []

    def scene(self) -> Scene:
        return Scene(self.api, "default", "hello", self.changes, self.shell, lambda: START)

    def changes(self) -> AsyncIterator[Workflow]:
        return follow_workflow(self.api, "default", "hello")

    async def shell(self, workflow: Workflow, node: NodeStatus) -> None:
        self.shells.append(pod_name(workflow, node))

    def print(self, workflow: Workflow, node: NodeStatus, text: str) -> None:
        path = log_file(self.api.logs, "default", pod_name(workflow, node), "main")
        path.parent.mkdir(parents=True)
        path.write_text(text)


def tries(order: object) -> dict[str, object]:
    name = getattr(order, "node_name", "")
    if name.endswith("again(0)"):
        return {"phase": "Failed", "exit_code": 3, "message": "main: Error (exit code 3)"}
    return {"hangs": True} if name.endswith("again(1)") else {}


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not reached():  # noqa: ASYNC110 what is seen tells nobody that it has changed
            await asyncio.sleep(0.02)


def tree_of(view: LiveView) -> list[str]:
    """Lines of the tree as they are seen, top down."""
    found: list[str] = []

    def walk(node: object) -> None:
        for child in node.children:  # type: ignore[attr-defined] # a tree's node
            found.append(str(child.label))
            walk(child)

    walk(view.query_one("#nodes").root)  # type: ignore[attr-defined] # a tree
    return found


def log_of(view: LiveView) -> str:
    return "\n".join(line.text for line in view.query_one("#log", RichLog).lines)


@pytest.fixture
async def stage(tmp_path: pathlib.Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path, World(STEPS, tries).play())
    async with made.api:
        yield made


async def test_the_tree_shows_phases_times_tries_and_messages(stage: Stage) -> None:
    view = LiveView(stage.scene())
    async with view.run_test(size=(160, 40)) as pilot:
        await until(lambda: len(tree_of(view)) == 6)
        lines = tree_of(view)
        assert lines[0].startswith("● hello  0s")
        assert [re.split(r"  +", line)[0] for line in lines[1:]] == ["✔ first", "● again", "✖ again(0)", "● again(1)", "● gate"]
        assert "↻1" in lines[2]
        assert "exit code 3" in lines[3]
        assert "● Running" in str(view.query_one("#head", Static).render())
        await pilot.press("q")
    assert view.return_value == LEFT


async def test_only_nodes_that_are_meant_are_shown_and_those_inside_of_others_stand_in_their_place(stage: Stage) -> None:
    meant = {"first", "again(0)"}
    view = LiveView(msgspec.structs.replace(stage.scene(), keeps=lambda node: node.display_name in meant))
    async with view.run_test(size=(160, 40)) as pilot:
        await until(lambda: len(tree_of(view)) == 2)
        assert [re.split(r"  +", line)[0] for line in tree_of(view)] == ["✔ first", "✖ again(0)"]
        meant.add("hello")
        await until(lambda: len(tree_of(view)) == 3)
        assert [re.split(r"  +", line)[0] for line in tree_of(view)] == ["● hello", "✔ first", "✖ again(0)"]
        meant.clear()
        await until(lambda: not tree_of(view))
        await pilot.press("q")
    assert view.return_value == LEFT


async def test_the_log_of_the_selected_node_is_shown_and_of_one_without_why_it_waits(stage: Stage) -> None:
    view = LiveView(stage.scene())
    async with view.run_test(size=(160, 40)) as pilot:
        await until(lambda: len(tree_of(view)) == 6)
        assert view.workflow is not None
        first = next(node for node in view.workflow.status.nodes.values() if node.display_name == "first")
        stage.print(view.workflow, first, "one\ntwo\n")
        await pilot.press("home", "down")
        await until(lambda: "one\ntwo" in log_of(view))
        await pilot.press("end")
        await until(lambda: "gate" in log_of(view) and "one" not in log_of(view))
        await pilot.press("ctrl+c")
    assert view.return_value == INTERRUPTED


async def test_keys_suspend_resume_answer_stop_and_refuse_what_cannot_be(stage: Stage) -> None:
    view = LiveView(stage.scene())

    def stored() -> dict[str, object]:
        return dict(stage.store.read(stage.place)["spec"])

    def gate() -> Any:
        nodes = stage.store.read(stage.place)["status"]["nodes"].values()
        return next(node for node in nodes if node["displayName"] == "gate")

    def told() -> str:
        return "\n".join(one.message for one in view._notifications)

    async with view.run_test(size=(160, 40), notifications=True) as pilot:
        await until(lambda: len(tree_of(view)) == 6)
        await pilot.press("r")
        await until(lambda: "it has not ended yet" in told())
        await pilot.press("home", "x")
        await until(lambda: "a shell needs a node whose container runs" in told())
        await pilot.press("end", "a")
        await until(lambda: view.query_one("#answer", Input).has_focus)
        await pilot.press(*"who=me", "enter")
        await until(lambda: gate()["phase"] == "Succeeded")
        assert gate()["outputs"]["parameters"][0]["value"] == "me"
        await until(lambda: any("✔ gate" in line for line in tree_of(view)))
        await pilot.press("u")
        await until(lambda: stored().get("suspend") is True)
        await until(lambda: "suspended" in str(view.query_one("#head", Static).render()))
        await pilot.press("u")
        await until(lambda: not stored().get("suspend"))
        await pilot.press("s")
        await until(lambda: stored().get("shutdown") == "Stop")
        await pilot.press("q")


async def test_a_failed_workflow_stays_to_be_looked_at_and_runs_again_by_a_key(tmp_path: pathlib.Path) -> None:
    failing = World("{entrypoint: a, templates: [{name: a, container: {image: i}}]}", lambda _: {"phase": "Failed", "exit_code": 1})
    stage = Stage(tmp_path, failing.play())
    async with stage.api:
        view = LiveView(stage.scene())
        async with view.run_test(size=(160, 40), notifications=True) as pilot:
            await until(lambda: any("ended" in one.message for one in view._notifications))
            await pilot.press("r")
            await until(lambda: stage.store.read(stage.place)["status"].get("phase") != "Failed")
            await pilot.press("q")
        assert view.return_value == LEFT


async def test_the_view_ends_with_a_workflow_that_succeeds(tmp_path: pathlib.Path) -> None:
    stage = Stage(tmp_path, World("{entrypoint: a, templates: [{name: a, container: {image: i}}]}").play())
    async with stage.api:
        view = LiveView(stage.scene())
        async with view.run_test(size=(160, 40)):
            await until(lambda: not view.is_running or view._exit)
    assert view.return_value is None


def test_a_run_is_watched_on_a_terminal_and_a_shell_opened_in_its_step(home: Home) -> None:
    marks = home.folder.parent / "marks"
    go = f"echo looking; until test -e {marks}; do sleep 0.05; done"
    spec = (
        "entrypoint: main\ntemplates:\n- {name: main, steps: [[{name: waits, template: waits}]]}\n"
        f"- {{name: waits, container: {{image: alpine, command: [sh, -c, '{go}']}}}}\n"
    )
    screen = Screen(home.environment, "run", home.workflow(spec), "--runtime", "process", "--watch", "--no-log")
    screen.until("waits")
    screen.until("Leave")
    screen.press("\x1b[B\x1b[B")
    screen.until("looking")
    screen.press("x")
    screen.until(r"1049l.*[#$] $")
    screen.press(f"touch {marks}; echo mark-$((1+1))\n")
    screen.until("mark-2")
    screen.press("exit\n")
    assert screen.ended() == 0
    assert b"Succeeded" in screen.seen


def test_interrupting_the_view_stops_the_run_which_can_go_on(home: Home) -> None:
    spec = "entrypoint: main\ntemplates:\n- {name: main, container: {image: alpine, command: [sleep, '60']}}\n"
    screen = Screen(home.environment, "run", home.workflow(spec), "--runtime", "process", "--watch", "--no-log")
    screen.until("Leave")
    screen.press("\x03")
    assert screen.ended() == 130
    assert b"go on with: tiphys run --resume w" in screen.seen


def test_a_signal_to_end_gives_the_terminal_back_and_stops_the_run_which_can_go_on(home: Home) -> None:
    spec = "entrypoint: main\ntemplates:\n- {name: main, container: {image: alpine, command: [sleep, '60']}}\n"
    screen = Screen(home.environment, "run", home.workflow(spec), "--runtime", "process", "--watch", "--no-log")
    screen.until("Leave")
    screen.program.terminate()
    assert screen.ended() == 130
    left, said = screen.seen.rindex(b"\x1b[?1049l"), screen.seen.rindex(b"go on with: tiphys run --resume w")
    assert left < said


def test_what_waits_is_asked_at_the_terminal_until_somebody_answers_it_elsewhere(home: Home) -> None:
    stored = home.file(
        "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: t}\nspec:\n  templates:\n"
        "  - {name: gate, suspend: {}, outputs: {parameters: [{name: colour, valueFrom: {supplied: {}}}]}}\n", "t.yaml"
    )  # fmt: skip
    spec = (
        "entrypoint: main\ntemplates:\n"
        "- {name: main, steps: [[{name: ask, templateRef: {name: t, template: gate}}], [{name: more, template: more}],"
        " [{name: say, template: say, arguments: {parameters: [{name: x, value: '{{steps.ask.outputs.parameters.colour}}'}]}}]]}\n"
        "- {name: more, suspend: {}}\n"
        "- {name: say, inputs: {parameters: [{name: x}]}, container: {image: alpine, command: [echo, '{{inputs.parameters.x}}']}}\n"
    )
    screen = Screen(home.environment, "run", home.workflow(spec), "--with", stored, "--runtime", "process")
    screen.until("colour: ")
    screen.press("green\n")
    screen.until("press enter to go on")
    home.tiphys("resume", "w", "--local")
    assert screen.ended() == 0
    assert b"w-say" in screen.seen
    assert b": green" in screen.seen
