"""Answers to what waits in a run of this machine: those that were given beforehand, or those of the user at the terminal.

Whoever is asked need not answer: what another terminal or the view has answered is asked no longer.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable

from tiphys.cli.session import edit_workflow, now
from tiphys.cluster.api import Api
from tiphys.engine.operations import suspension
from tiphys.errors import TiphysError
from tiphys.model.phases import RUNNING, SUSPEND
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow

Look = Callable[[Workflow], None]


class _Answering:
    """Tasks that answer, by the ids of the nodes that wait."""

    def __init__(self, api: Api, answers: dict[str, str], *, may_ask: bool) -> None:
        self._api, self._answers, self._may_ask = api, answers, may_ask
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._terminal = asyncio.Lock()

    def look(self, workflow: Workflow) -> None:
        """Begin to answer what waits now, and ask no more for what does not."""
        is_running = workflow.status.phase == RUNNING
        waiting = [node for node in workflow.status.nodes.values() if node.type == SUSPEND and node.phase == RUNNING]
        ids = {node.id for node in waiting}
        for id_, task in self.tasks.items():
            if not is_running or id_ not in ids:
                task.cancel()
        for node in waiting if is_running else ():
            if node.id not in self.tasks and _is_for_somebody(workflow, node):
                self.tasks[node.id] = asyncio.get_running_loop().create_task(self._answer(workflow, node))

    async def _answer(self, workflow: Workflow, node: NodeStatus) -> None:
        wanted = [one.name for one in node.outputs.parameters if one.value is None] if node.outputs else []
        values = {name: self._answers[name] for name in wanted if name in self._answers}
        if not values and node.display_name not in self._answers and node.template_name not in self._answers:
            asked = await self._ask(node, wanted) if self._may_ask else None
            if asked is None:
                return
            values = asked
        selector = f"id={node.id}"

        def change(found: Workflow) -> Workflow:
            told = suspension.NodeChange(outputs=values)
            changed = suspension.set_nodes(found, selector, told, now()) if values else found
            return suspension.resume(changed, now(), selector=selector)

        try:
            await edit_workflow(self._api, workflow.metadata.namespace, workflow.metadata.name, change)
        except TiphysError as e:
            print(f"{node.display_name}: {e.message}", file=sys.stderr)

    async def _ask(self, node: NodeStatus, wanted: list[str]) -> dict[str, str] | None:
        """What the user says at the terminal; None when there is nobody, which is said."""
        if sys.stdin.isatty():
            async with self._terminal:
                print(f"{node.display_name} waits{': ' + node.message if node.message else ''}")
                given = {name: await _line(f"{name}: ") for name in wanted or ("press enter to go on",)}
            if "" not in given.values():
                return {name: line.removesuffix("\n") for name, line in given.items() if name in wanted}
        hint = f"{wanted[0]}=VALUE" if wanted else node.display_name
        print(f"{node.display_name} waits; answer with --answer {hint}, or from another terminal", file=sys.stderr)
        return None


def _is_for_somebody(workflow: Workflow, node: NodeStatus) -> bool:
    """Whether a node waits for an answer: one with a duration goes on by itself."""
    name = node.executed_template
    known = (*workflow.spec.templates, *workflow.status.stored_templates.values())
    template = next((one for one in known if one.name == name and one.suspend is not None), None)
    return template is None or template.suspend is None or not template.suspend.duration


async def _line(prompt: str) -> str:
    """A line of the terminal, with its end; empty when the terminal has ended. A thread that reads could not be called off."""
    print(prompt, end="", flush=True)
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()


@contextlib.asynccontextmanager
async def answering(api: Api, answers: dict[str, str], *, may_ask: bool) -> AsyncIterator[Look]:
    """What is to be told each state of a run, so that what waits in it is answered, as long as the context lasts.

    Args:
        api: The machine's.
        answers: Output or node name -> its answer; empty for a node that is just let go on.
        may_ask: The user is at the terminal, and it is free.
    """
    one = _Answering(api, answers, may_ask=may_ask)
    try:
        yield one.look
    finally:
        for task in one.tasks.values():
            task.cancel()
        await asyncio.gather(*one.tasks.values(), return_exceptions=True)
