"""The live view: a workflow in the terminal as it changes, with the logs of the selected node and keys to act on it.

It only shows and asks: what keys do is what the commands of the same names do.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer, Input, RichLog, Static, Tree
from textual.widgets.tree import TreeNode

from tiphys.cli.logs import Lines, lines_of
from tiphys.cli.rerun import retry_in_place
from tiphys.cli.session import edit_workflow
from tiphys.cli.spans import duration, spell
from tiphys.cli.tree import ICONS, Family
from tiphys.cluster.api import Api
from tiphys.engine.explain import explain_node
from tiphys.engine.operations import suspension
from tiphys.engine.operations.parameters import parse_pairs
from tiphys.engine.operations.retry import retry as retried
from tiphys.errors import NotFound, TiphysError
from tiphys.model.phases import COMPLETED, FULFILLED, POD, RETRY, RUNNING, SUSPEND
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow, pod_name

_AGAIN_SECONDS = 0.5
LEFT, INTERRUPTED = "left", "interrupted"


class Scene(msgspec.Struct, frozen=True):
    """What is shown, and who acts.

    Attributes:
        changes: The workflow each time it has changed, until it has ended.
        shell: Opens a shell in the node's container on this terminal, until it is left.
        now: The time, for durations.
        stays: Whether the view stays once the workflow has failed, so that its logs can be read and it can be retried.
        keeps: Which nodes are shown; those inside of others stand where these would.
    """

    api: Api
    namespace: str
    name: str
    changes: Callable[[], AsyncIterator[Workflow]]
    shell: Callable[[Workflow, NodeStatus], Awaitable[None]]
    now: Callable[[], datetime]
    stays: bool = True
    keeps: Callable[[NodeStatus], bool] = lambda _node: True


class LiveView(App[str]):
    """The view of one workflow; it ends with `left`, `interrupted`, or, once the workflow has ended, nothing."""

    CSS = "#nodes { width: 3fr; } #log { width: 2fr; border-left: solid $primary; } #answer { display: none; dock: bottom; }"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "stop", "Stop"),
        Binding("t", "terminate", "Terminate"),
        Binding("u", "suspend", "Suspend/resume"),
        Binding("a", "answer", "Answer"),
        Binding("r", "retry", "Retry"),
        Binding("x", "shell", "Shell"),
        Binding("q", "leave", "Leave"),
        Binding("ctrl+c", "interrupt", "Interrupt", show=False, priority=True),
    ]

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.scene = scene
        self.workflow: Workflow | None = None
        self._shown: dict[str, TreeNode[str]] = {}
        self._selected = ""

    # --- what is seen

    def compose(self) -> ComposeResult:
        """Head, tree, log, the line for answers, keys."""
        yield Static(id="head")
        with Horizontal():
            tree: Tree[str] = Tree("", id="nodes")
            tree.show_root = False
            yield tree
            yield RichLog(id="log", wrap=True, max_lines=10_000)
        yield Input(id="answer")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to follow."""
        self.query_one("#nodes").focus()
        self.set_interval(1.0, self._draw)
        self._follow()

    @work(exclusive=True, group="follow")
    async def _follow(self) -> None:
        try:
            async for workflow in self.scene.changes():
                self.workflow = workflow
                self._draw()
        except TiphysError as e:
            self.exit(message=e.message)
            return
        is_good = self.workflow is not None and self.workflow.status.phase == "Succeeded"
        if is_good or not self.scene.stays:
            self.exit()
        else:
            self.notify("ended: r to retry, q to leave", severity="warning")

    def _draw(self) -> None:
        if self.workflow is None:
            return
        self.query_one("#head", Static).update(head(self.workflow, self.scene.now()))
        family = Family(self.workflow.status.nodes)
        tree: Tree[str] = self.query_one("#nodes", Tree)
        seen: set[str] = set()
        for node in family.roots():
            self._put(tree.root, node, family, seen)
        for gone in [shown for key, shown in self._shown.items() if key not in seen]:
            self._take_off(gone)
        tree.root.expand()
        if not self._selected and self._shown:
            self._select(next(iter(self._shown)))

    def _take_off(self, shown: TreeNode[str]) -> None:
        """Remove a line with all that is below it, unless it went with another one."""
        if self._shown.get(shown.data or "") is not shown:
            return
        below = [shown]
        for one in below:
            below.extend(one.children)
            self._shown.pop(one.data or "", None)
        shown.remove()

    def _put(self, above: TreeNode[str], node: NodeStatus, family: Family, seen: set[str]) -> None:
        text, inside = label(self.scene.now(), node), family.inside(node)
        if not self.scene.keeps(node):
            for child in inside:
                self._put(above, child, family, seen)
            return
        shown = self._shown.get(node.id)
        if shown is None or shown.parent is not above:
            if shown is not None:
                self._take_off(shown)
            shown = self._shown[node.id] = above.add(text, data=node.id, expand=True)
        elif shown.label != text:
            shown.set_label(text)
        shown.allow_expand = bool(inside)
        seen.add(node.id)
        for child in inside:
            self._put(shown, child, family, seen)

    def on_tree_node_highlighted(self, event: "Tree.NodeHighlighted[str]") -> None:
        """Another node is looked at."""
        if event.node.data and event.node.data != self._selected:
            self._select(event.node.data)

    def _select(self, node_id: str) -> None:
        self._selected = node_id
        self._show_log(node_id)

    @property
    def selected(self) -> NodeStatus | None:
        """The node that is looked at."""
        return self.workflow.status.nodes.get(self._selected) if self.workflow is not None else None

    @work(exclusive=True, group="log")
    async def _show_log(self, node_id: str) -> None:
        """Print what the node's container printed, or, where it has none, why the node is as it is; stay while it runs."""
        pane = self.query_one("#log", RichLog)
        pane.clear()
        printed = 0
        told = ""
        while self.workflow is not None and (node := self.workflow.status.nodes.get(node_id)) is not None:
            is_over = node.phase in FULFILLED
            reason = " ".join(one.sentence for one in explain_node(self.workflow, node.id, self.scene.now()))
            if reason != told:
                told = reason
                pane.write(Text(f"{node.display_name} {reason}", style="dim"))
            if node.type == POD and node.phase != "Pending":
                printed = await self._print_lines(pane, self.workflow, node, printed, follow=not is_over)
            if is_over:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _print_lines(self, pane: RichLog, workflow: Workflow, node: NodeStatus, printed: int, *, follow: bool) -> int:
        """Print lines after those that were printed; how many there are now."""
        count = 0
        try:
            async for line in lines_of(self.scene.api, workflow, pod_name(workflow, node), Lines(follow=follow)):
                count += 1
                if count > printed:
                    pane.write(Text.from_ansi(line))
        except NotFound:
            return printed
        except TiphysError as e:
            pane.write(Text(e.message, style="red"))
        return max(count, printed)

    # --- what keys do

    async def _edit(self, change: Callable[[Workflow], Workflow], done: str) -> None:
        await self._try(edit_workflow(self.scene.api, self.scene.namespace, self.scene.name, change), done)

    async def _try(self, doing: Awaitable[object], done: str) -> bool:
        try:
            await doing
        except TiphysError as e:
            self.notify(e.message, severity="error")
            return False
        if done:
            self.notify(done)
        return True

    async def action_stop(self) -> None:
        """As `stop`."""
        await self._edit(lambda workflow: suspension.stop(workflow, self.scene.now(), selector="", message=""), "stopped")

    async def action_terminate(self) -> None:
        """As `terminate`."""
        await self._edit(lambda workflow: suspension.shut_down(workflow, "Terminate"), "terminated")

    async def action_suspend(self) -> None:
        """As `suspend`, or `resume` where something waits for it."""
        if self.workflow is None:
            return
        waits = any(node.type == SUSPEND and node.phase == RUNNING for node in self.workflow.status.nodes.values())
        if self.workflow.spec.suspend or waits:
            await self._edit(lambda workflow: suspension.resume(workflow, self.scene.now(), selector=""), "resumed")
        else:
            await self._edit(suspension.suspend, "suspended")

    async def action_retry(self) -> None:
        """As `retry`."""
        if self.workflow is not None and self.workflow.status.phase not in COMPLETED:
            self.notify("it has not ended yet", severity="error")
            return
        scene = self.scene
        again = retry_in_place(
            scene.api, scene.namespace, scene.name,
            lambda workflow: retried(workflow, scene.now(), restart_successful=False, selector="", parameters={}),
        )  # fmt: skip
        if await self._try(again, "runs again"):
            self._follow()

    def action_answer(self) -> None:
        """Ask for the outputs that the selected suspended node waits for."""
        node = self.selected
        if node is None or node.type != SUSPEND or node.phase != RUNNING:
            self.notify("the selected node waits for nobody", severity="error")
            return
        wanted = [one.name for one in node.outputs.parameters if one.value is None] if node.outputs is not None else []
        line = self.query_one("#answer", Input)
        line.placeholder = f"{' '.join(f'{name}=VALUE' for name in wanted)} and enter; enter alone lets it go on"
        line.value = ""
        line.display = True
        line.focus()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the answer to the node."""
        event.input.display = False
        self.query_one("#nodes").focus()
        node = self.selected
        if node is None:
            return
        selector = f"id={node.id}"

        def change(workflow: Workflow) -> Workflow:
            values = parse_pairs(event.value.split())
            set_ = suspension.NodeChange(outputs=values)
            changed = suspension.set_nodes(workflow, selector, set_, self.scene.now()) if values else workflow
            return suspension.resume(changed, self.scene.now(), selector=selector)

        await self._edit(change, "goes on")

    async def action_shell(self) -> None:
        """Open a shell in the selected node's container."""
        node, workflow = self.selected, self.workflow
        if workflow is None or node is None or node.type != POD or node.phase != RUNNING:
            self.notify("a shell needs a node whose container runs", severity="error")
            return
        try:
            with self.suspend():
                await self.scene.shell(workflow, node)
        except SuspendNotSupported:
            self.notify("a shell needs a terminal", severity="error")
        except TiphysError as e:
            self.notify(f"{e.message}. {e.hint}" if e.hint else e.message, severity="error")

    def action_leave(self) -> None:
        """Leave the view; the workflow goes on."""
        self.exit(LEFT)

    def action_interrupt(self) -> None:
        """Leave the view as Ctrl-C leaves a command."""
        self.exit(INTERRUPTED)


def head(workflow: Workflow, now: datetime) -> Text:
    """The line above all: name, phase, progress, how long it has taken and probably will, message."""
    status = workflow.status
    phase = status.phase or "Pending"
    icon, style = ICONS.get(phase, ("?", ""))
    text = Text.assemble((workflow.metadata.name, "bold"), " ", (f"{icon} {phase}", style), f"  {status.progress}  ")
    text.append(duration(status.started_at, status.finished_at, now))
    if status.estimated_duration and status.phase not in COMPLETED:
        text.append(f" of about {spell(timedelta(seconds=status.estimated_duration))}")
    if workflow.spec.suspend:
        text.append("  suspended", style="yellow")
    if status.message:
        text.append(f"  {status.message}")
    return text


def label(now: datetime, node: NodeStatus) -> Text:
    """A node's line: phase, name, how long, progress, tries, message."""
    icon, style = ICONS.get(node.phase, ("?", ""))
    text = Text.assemble((icon, style), f" {node.display_name or node.name}")
    if node.started_at is not None and node.phase not in ("Skipped", "Omitted"):
        text.append(f"  {duration(node.started_at, node.finished_at, now)}", style="cyan")
        if node.estimated_duration and node.phase not in FULFILLED:
            text.append(f" of about {spell(timedelta(seconds=node.estimated_duration))}", style="dim")
    if node.progress and node.progress not in ("0/1", "1/1"):
        text.append(f"  {node.progress}", style="dim")
    if node.type == RETRY and len(node.children) > 1:
        text.append(f"  ↻{len(node.children) - 1}", style="yellow")
    if node.message:
        text.append(f"  {node.message}", style="dim")
    return text
