"""A steps template: groups one after another, the steps of a group side by side.

Source: argo-semantics 6.
"""

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.body import FAIL_FAST, BodyExecution, in_loop_order
from tiphys.engine.calls import Call
from tiphys.engine.entrance import TIMEOUT
from tiphys.engine.execution import Execution
from tiphys.engine.loops import is_loop, item_values, items_of
from tiphys.engine.member import Member, Step
from tiphys.engine.templates import Found
from tiphys.errors import UserError
from tiphys.model import names
from tiphys.model.phases import (
    ERROR,
    FAILED,
    FULFILLED,
    RUNNING,
    SKIPPED,
    SKIPPED_TYPE,
    STEP_GROUP,
    STEPS,
    SUCCEEDED,
    is_own_error,
    is_unsuccessful,
)
from tiphys.model.status import NodeStatus
from tiphys.model.template import ContinueOn, Template, WorkflowStep

if TYPE_CHECKING:
    from tiphys.engine.run import Run


class StepsExecution(BodyExecution):
    """One Steps node."""

    node_type = STEPS
    kind = "steps"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        groups = self.call.found.template.steps
        self._group_of = {step.name: i for i, group in enumerate(groups) for step in group}
        self._steps = {step.name: step for group in groups for step in group}
        self._group: StepGroup | None = None

    def walk(self) -> None:
        """Begin the first group that is not finished."""
        self._enter_group(0)

    def _group_name(self, index: int) -> str:
        return f"{self.call.name}[{index}]"

    def _enter_group(self, index: int) -> None:
        groups = self.call.found.template.steps
        if index == len(groups):
            self.close(SUCCEEDED, outbound=self._outbound(index - 1))
            return
        before = self._outbound(index - 1) if index else (self.node_id,)
        call = Call(
            name=self._group_name(index),
            found=Found(Template(), scope=self.call.found.inside),
            boundary_id=self.node_id,
            container=self.node_id,
            attach_to=before,
            is_exit=self.call.is_exit,
        )
        self._group = StepGroup(self.run, call, self, groups[index], index)
        self.run.soon(self._group.begin)

    def _outbound(self, index: int) -> tuple[str, ...]:
        tree = self.run.tree
        group = tree.find(self._group_name(index)) if index >= 0 else None
        if group is None:
            return ()
        children = [tree.by_id(child) for child in tree.children(group.id)]
        found = [last for child in children if child is not None for last in tree.outbound(child)]
        return tuple(dict.fromkeys(found)) or (group.id,)

    def fail_fast(self, message: str) -> None:
        """The group that is under way fails with the rest."""
        group = self._group
        if group is not None and group.node_or_none is not None and group.node.phase not in FULFILLED:
            group.end(FAILED, message)
        index = self._group_of_name(group.call.name) if group is not None else -1
        self.close(FAILED, message, self._outbound(index))

    def child_finished(self, child: Execution) -> None:
        """A group has ended."""
        group = child.node
        index = self._group_of_name(group.name)
        if self.node.phase in FULFILLED:
            return
        if is_unsuccessful(group):
            self.close(FAILED, group.message, self._outbound(index))
        else:
            self._enter_group(index + 1)

    def _group_of_name(self, name: str) -> int:
        return int(name.removeprefix(self.call.name)[1:-1])

    def step_of(self, name: str) -> Step | None:
        """The step called so."""
        return self._steps.get(name)

    def node_name_of(self, name: str) -> str | None:
        """The step's node; for a loop, its group's, unless it had no items and is one skipped step."""
        index = self._group_of.get(name)
        if index is None:
            return None
        group = self._group_name(index)
        alone = f"{group}.{name}"
        return group if is_loop(self._steps[name]) and self.run.tree.find(alone) is None else alone

    def loop_members(self, name: str) -> list[NodeStatus] | None:
        """The members of a loop; those that were skipped are none, as with Argo."""
        step = self._steps.get(name)
        if step is None or not is_loop(step):
            return None
        tree, group = self.run.tree, self._group_name(self._group_of[name])
        if tree.find(f"{group}.{name}") is not None:
            return None
        nodes = (tree.by_id(child) for child in tree.children(tree.id_of(group)))
        return in_loop_order(f"{group}.{name}", [node for node in nodes if node is not None and node.type != SKIPPED_TYPE])


class StepGroup(Execution):
    """One group of a Steps node."""

    def __init__(self, run: "Run", call: Call, parent: StepsExecution, steps: tuple[WorkflowStep, ...], index: int) -> None:
        super().__init__(run, call, parent)
        self._body = parent
        self._steps = steps
        self._index = index
        self._members: list[Member] = []
        self._open = 0

    def start(self) -> None:
        """Create the group and its steps."""
        self.create(STEP_GROUP, RUNNING)
        self._walk()

    def resume(self, node: NodeStatus) -> None:
        """Go on with the steps that have not ended, and with daemons."""
        if node.phase in FULFILLED:
            self._revive_daemons()
            self.tell()
        else:
            self._walk()

    def _revive_daemons(self) -> None:
        children = [self.run.tree.by_id(child) for child in self.run.tree.children(self.node_id)]
        if any(child is not None and child.daemoned for child in children):
            self._walk()

    def _walk(self) -> None:
        try:
            self._members = [member for step in self._steps for member in self._expand(step)]
        except UserError as e:
            self.end(ERROR, f"failed to resolve references: {e.message}")
            return
        self._open = len(self._members)
        for member in self._members:
            self._body.members[member.name] = member
            self.run.soon(member.begin)
        if not self._members:
            self._finish()

    def _expand(self, step: WorkflowStep) -> list[Member]:
        body, name = self._body, f"{self.call.name}.{step.name}"
        place = body.place(step, self.node_id, (self.node_id,))
        if not is_loop(step):
            return [Member(self.run, self, step, name, body.scope, place)]
        single = msgspec.structs.replace(step, with_items=(), with_param="", with_sequence=None)
        items = items_of(step, body.scope, self.run.now)
        if not items:
            self._skip_empty(step, name)
        return [
            Member(self.run, self, single, names.member_name(name, i, item), body.scope.child(item_values(item)), place)
            for i, item in enumerate(items)
        ]

    def _skip_empty(self, step: WorkflowStep, name: str) -> None:
        found = Found(Template(), name=step.template, scope=self.call.found.inside)
        call = msgspec.structs.replace(self.call, name=name, found=found, container=self.node_id, attach_to=(self.node_id,))
        if self.run.tree.find(name) is None:
            Execution(self.run, call, _Nobody()).stillborn(SKIPPED, "Skipped, empty params")

    def member_finished(self, _member: Member) -> None:
        """A step has ended."""
        self._open -= 1
        if not self._open:
            self._finish()

    def _finish(self) -> None:
        if self.node.phase in FULFILLED:
            return
        if self._body.is_failing:
            self.end(FAILED, FAIL_FAST)
            return
        for member in self._members:
            if member.hook_error:
                self.end(ERROR, member.hook_error)
                return
            node = member.node
            if node is None or not is_unsuccessful(node) or continues(member.step.continue_on, node.phase):
                continue
            if node.phase == FAILED and node.message == TIMEOUT:
                self.end(FAILED, TIMEOUT)
            elif is_own_error(node):
                self.end(ERROR, f"step group deemed errored due to child {node.name} error: {node.message}")
            else:
                self.end(FAILED, f"child '{node.id}' failed")
            return
        self.end(SUCCEEDED)


class _Nobody:
    """The parent of a node that nobody waits for."""

    def child_finished(self, child: Execution) -> None:
        """Nothing waits for it."""

    def child_changed(self, child: Execution) -> None:
        """Nothing waits for it."""


def continues(continue_on: ContinueOn | None, phase: str) -> bool:
    """Whether `continueOn` covers the phase."""
    if continue_on is None:
        return False
    return bool(continue_on.error if phase == ERROR else continue_on.failed)
