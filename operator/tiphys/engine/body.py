"""What Steps and DAG share: a boundary with a scope of its own, members, daemons, and outputs at the end.

Source: argo-semantics 3.5, 9.5, 10.4, 12.3, 15.2.
"""

import re
from collections import deque
from collections.abc import Iterable

import msgspec

from tiphys.engine.artifacts import artifact_value
from tiphys.engine.execution import Execution
from tiphys.engine.inputs import STRICT, Prepared
from tiphys.engine.loops import is_loop
from tiphys.engine.member import Member, Place, Step
from tiphys.engine.outputs import body_outputs
from tiphys.engine.variables import ARTIFACTS, loop_variable, node_variable
from tiphys.errors import UserError
from tiphys.expr.scope import MISSING, Scope
from tiphys.model.arguments import Artifact, Outputs
from tiphys.model.phases import (
    ERROR,
    FAILED,
    FULFILLED,
    OMITTED,
    RUNNING,
    SKIPPED,
    SKIPPED_TYPE,
    SUCCEEDED,
    is_fulfilled,
    is_unsuccessful,
)
from tiphys.model.status import NodeStatus
from tiphys.model.template import Template

FAIL_FAST = "template has failed or errored children and failFast enabled"
_RESULT = re.compile(r"(?:steps|tasks)\.([\w-]+)\.outputs\.result|\[\\*['\"]([^'\"\\]+)\\*['\"]\]\.outputs\.result")


def names_with_results(template: Template) -> frozenset[str]:
    """The steps and tasks of a template whose `outputs.result` something in it reads."""
    text = msgspec.json.encode(template).decode()
    return frozenset(found.group(1) or found.group(2) for found in _RESULT.finditer(text))


class BodyExecution(Execution):
    """A Steps or DAG node."""

    node_type = ""
    kind = ""
    prepared: Prepared
    scope: Scope

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.parallelism: int | None = self.call.found.template.parallelism
        self.active = 0
        self.held: deque[Execution] = deque()
        self.members: dict[str, Member] = {}
        self.is_failing = False
        self._results = self.run.results_read(self.call.found.template)

    def start(self) -> None:
        """Create the node and begin what is inside."""
        self._enter()
        self.create(self.node_type, RUNNING, inputs=self.prepared.inputs)
        self.run.limits.count_start(self.call.boundary_id, is_pod=False)
        self.walk()

    def resume(self, node: NodeStatus) -> None:
        """Go on with what is inside."""
        if is_fulfilled(node):
            self.tell()
            return
        self._enter()
        self.run.limits.count_start(self.call.boundary_id, is_pod=False)
        if self.call.found.template.fail_fast and self._has_failed_children():
            self.is_failing = True
            self.check_idle()
        self.walk()

    def _has_failed_children(self) -> bool:
        flags = (node.node_flag for node in self.run.tree if node.boundary_id == self.node_id and is_unsuccessful(node))
        return any(flag is None or not (flag.retried or flag.hooked) for flag in flags)

    def _enter(self) -> None:
        self.prepared = self.prepare()
        self.scope = self.prepared.scope.child(resolve=self._resolve)
        self.run.limits.enter(self.node_id, self)

    def walk(self) -> None:
        """Begin what is inside, or go on with it."""

    def node_name_of(self, name: str) -> str | None:
        """The name of the node of a step or task; None when there is no such step."""
        return None if self.step_of(name) is None else f"{self.call.name}.{name}"

    def loop_members(self, name: str) -> list[NodeStatus] | None:
        """The members of a loop in loop order; None when the step or task is no loop, or was not looped over."""
        step, node_name = self.step_of(name), self.node_name_of(name)
        if step is None or node_name is None or not is_loop(step):
            return None
        group = self.run.tree.find(node_name)
        if group is not None and group.type == SKIPPED_TYPE:
            # a loop without items is one skipped step
            return None
        nodes = [self.run.tree.by_id(child) for child in (self.run.tree.children(group.id) if group else ())]
        return in_loop_order(node_name, [node for node in nodes if node is not None])

    def step_of(self, _name: str) -> Step | None:
        """The step or task called so."""
        return None

    def _resolve(self, name: str) -> object:
        kind, _, rest = name.partition(".")
        step_name, _, suffix = rest.partition(".")
        if kind != self.kind or not suffix:
            return MISSING
        return self._variable(step_name, suffix)

    def _variable(self, step_name: str, suffix: str) -> object:
        node_name = self.node_name_of(step_name)
        node = self.run.tree.find(node_name) if node_name else None
        if node is None:
            return MISSING
        members = self.loop_members(step_name) if suffix.startswith("outputs.") else None
        if members is not None:
            return loop_variable(self.run.tree, members, suffix)
        declared = self._declared(step_name)
        value = node_variable(self.run.tree, node, suffix, declared)
        if value is MISSING and self.kind == "steps" and node.phase in (SKIPPED, OMITTED) and suffix.startswith(ARTIFACTS):
            # Source: argo-semantics 10.3: in steps an artifact of a skipped producer is empty, in a dag there is none
            named = suffix.removeprefix(ARTIFACTS)
            return next((artifact_value(Artifact(name=a.name)) for a in declared.artifacts if a.name == named), MISSING)
        return value

    def _declared(self, step_name: str) -> Outputs:
        step = self.step_of(step_name)
        try:
            return self.run.templates.of(step, self.call.found.inside).template.outputs if step else Outputs()
        except UserError:
            return Outputs()

    def place(self, step: Step, container: str, attach_to: tuple[str, ...]) -> Place:
        """Where the members of a step hang."""
        return Place(
            boundary_id=self.node_id,
            container=container,
            attach_to=attach_to,
            depth=self.call.depth + 1,
            is_exit=self.call.is_exit,
            avoid_hosts=self.call.avoid_hosts,
            deadline=self.call.deadline,
            wants_result=step.name in self._results,
            kind=self.kind,
            scope=self.call.found.inside,
            strict=is_loop(step) or STRICT,
        )

    def close(self, phase: str, message: str | None = None, outbound: tuple[str, ...] = ()) -> None:
        """End the body: its daemons end with it, what was held back never starts."""
        if self.node.phase in FULFILLED or self.run.memos.is_saving(self.node_id):
            return
        outputs = None
        if phase == SUCCEEDED:
            try:
                outputs = body_outputs(self.prepared.template.outputs, self.scope, self.run.now)
            except UserError as e:
                phase, message = ERROR, self.error_text(e.message)
        self.remember(phase, outputs, lambda ended, error: self._close(ended, error or message, outbound, outputs))

    def _close(self, phase: str, message: str | None, outbound: tuple[str, ...], outputs: Outputs | None) -> None:
        self.run.limits.leave(self.node_id)
        self.run.limits.count_end(self.call.boundary_id, is_pod=False)
        for member in self.members.values():
            if member.execution is not None and member.execution.node_or_none is not None and member.execution.node.daemoned:
                member.execution.release()
        self.run.publish(outputs)
        self.end(phase, message, outbound_nodes=outbound, outputs=outputs)

    def note_failure(self) -> None:
        """A step or task went wrong: where the template fails fast, nothing new starts after that."""
        if self.call.found.template.fail_fast:
            self.is_failing = True
            self.check_idle()

    def check_idle(self) -> None:
        """Nothing new starts: end once nothing is active."""
        self.run.at_rest(self._fail_when_idle)

    def _fail_when_idle(self) -> None:
        if self.node.phase in FULFILLED or self.active > self._daemons():
            return
        for member in self.members.values():
            node = member.node
            # daemons are released when the body is closed
            if node is not None and node.phase not in FULFILLED and not node.daemoned and member.execution is not None:
                member.execution.halt(FAIL_FAST)
        self.fail_fast(FAIL_FAST)

    def _daemons(self) -> int:
        """How many of the active ones only serve the others.

        Differs from Argo: there a template that fails fast waits for its daemons, which wait for it.
        """
        nodes = (member.node for member in self.members.values()) if self.active else ()
        return sum(node is not None and bool(node.daemoned) for node in nodes)

    def fail_fast(self, message: str) -> None:
        """End with what is inside."""
        self.close(FAILED, message)

    def child_changed(self, child: Execution) -> None:
        """Members tell more than their executions do."""


def in_loop_order(node_name: str, nodes: Iterable[NodeStatus]) -> list[NodeStatus]:
    """Those of the nodes that are members of the loop `node_name`, by index."""
    start = len(node_name) + 1
    members = [node for node in nodes if node.name.startswith(node_name + "(")]
    return sorted(members, key=lambda node: int(node.name[start : node.name.index(":", start)]))
