"""One step or task as it is called: condition, arguments, template, hooks, exit handler. A loop is several of these.

Source: argo-semantics 6, 7.3, 8, 12.
Differs from Argo: the hooks of a task with a loop run for each member only, not once more for the loop as a whole.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from tiphys.engine.calls import Call
from tiphys.engine.execution import Execution, called_error
from tiphys.engine.inputs import STRICT, resolve_arguments, substituted
from tiphys.engine.templates import Found
from tiphys.errors import SpecError, UserError
from tiphys.expr.condition import when
from tiphys.expr.scope import Scope
from tiphys.expr.template import Strictness, evaluate_in, is_templated, substitute
from tiphys.model.arguments import Arguments
from tiphys.model.phases import COMPLETED, ERROR, SKIPPED
from tiphys.model.status import NodeStatus
from tiphys.model.template import DAGTask, LifecycleHook, Template, WorkflowStep

if TYPE_CHECKING:
    from tiphys.engine.run import Run

Step = WorkflowStep | DAGTask
_NOTHING = Arguments()


class Home(Protocol):
    """What owns members: a step group, a task group or a DAG."""

    def member_finished(self, member: "Member") -> None:
        """The member's node, its hooks and its exit handler are fulfilled; called once."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the nodes of a member hang; see `Call`.

    Attributes:
        strict: Which variables must be there: all of them in a loop. Source: argo-semantics 8.2.
    """

    boundary_id: str
    container: str
    attach_to: tuple[str, ...]
    depth: int
    is_exit: bool
    wants_result: bool
    kind: str
    scope: str
    avoid_hosts: tuple[str, ...] = ()
    deadline: datetime | None = None
    strict: Strictness = STRICT


class Member:
    """One call of a step or task.

    Attributes:
        hook_error: Why a hook could not be decided or started; an error of what owns the member, whatever the node's own end.
    """

    def __init__(self, run: "Run", home: Home, step: Step, name: str, scope: Scope, place: Place) -> None:
        self.run = run
        self.home = home
        self.step = step
        self.name = name
        self.scope = scope
        self.place = place
        self.execution: Execution | None = None
        self._hooks: dict[str, Execution] = {}
        self._open_hooks = 0
        self._is_done = False
        self._is_closed = False
        self.hook_error = ""

    @property
    def node(self) -> NodeStatus | None:
        """The member's node, if it exists."""
        return self.run.tree.find(self.name)

    def begin(self) -> None:
        """Start, skip or fail; or go on with the stored node."""
        try:
            if self.step.when and self.node is None and not self._is_wanted():
                return
            call = self._call()
        except UserError as e:
            self._stillborn(ERROR, e.message)
            return
        self.execution = self.run.start_call(call, self)

    def _is_wanted(self) -> bool:
        condition = substitute(self.step.when, self.scope, strict=self.place.strict, now=self.run.now)
        if when(condition):
            return True
        self._stillborn(SKIPPED, f"when '{condition}' evaluated false")
        return False

    def _stillborn(self, phase: str, message: str) -> None:
        call = self._bare_call(Found(Template(), name=self.step.template, scope=self.place.scope))
        self.execution = Execution(self.run, call, self)
        self.execution.stillborn(phase, message)

    def _bare_call(self, found: Found, arguments: Arguments | None = None) -> Call:
        place = self.place
        return Call(
            name=self.name,
            found=found,
            arguments=arguments or _NOTHING,
            boundary_id=place.boundary_id,
            container=place.container,
            attach_to=place.attach_to,
            local={f"{place.kind}.name": self.step.name},
            is_exit=place.is_exit,
            wants_result=place.wants_result,
            depth=place.depth,
            avoid_hosts=place.avoid_hosts,
            deadline=place.deadline,
        )

    def _call(self) -> Call:
        step, now = self.step, self.run.now
        called = step
        if step.inline is not None or step.template_ref is not None or is_templated(step.template):
            called = msgspec.structs.replace(
                step,
                template=substituted(step.template, self.scope, now),
                template_ref=substituted(step.template_ref, self.scope, now),
                inline=substituted(step.inline, self.scope, now),
            )
        arguments = resolve_arguments(step.arguments, self.scope, now, self.place.strict)
        try:
            found = self.run.templates.of(called, self.place.scope)
        except UserError as e:
            raise SpecError(called_error(self.place.kind, self.name, e.message)) from e
        return self._bare_call(found, arguments)

    def child_changed(self, child: Execution) -> None:
        """The node changed: a hook may be due."""
        if child is self.execution:
            self._start_due_hooks()

    def child_finished(self, child: Execution) -> None:
        """The node or a hook of it has ended."""
        if child is self.execution:
            self._is_done = True
            self._start_due_hooks()
            self._start_exit_handler()
        else:
            self._open_hooks -= 1
        if self._is_done and not self._open_hooks and not self._is_closed:
            self._is_closed = True
            self.run.soon(self.home.member_finished, self)

    def let_go(self) -> None:
        """Nobody asks for it any more: break the circle, so that it goes at once, and a big workflow keeps its nodes only."""
        self.execution = None
        self._hooks.clear()

    def _start_due_hooks(self) -> None:
        for name, hook in self.step.hooks.items() if self.step.hooks else ():
            if name != "exit" and not hook.expression:
                self.hook_error = self.hook_error or f"Expression required for hook {self.name}.hooks.{name}"
            elif name != "exit" and name not in self._hooks and self._is_due(f"{self.name}.hooks.{name}", hook):
                self._start_hook(name, f"{self.name}.hooks.{name}", hook, is_exit=False)

    def _is_due(self, node_name: str, hook: LifecycleHook) -> bool:
        if self.run.tree.find(node_name) is not None:
            return True
        try:
            scope = self.run.own_scope(self.scope, self.place.kind, self.step.name, self.name)
            return evaluate_in(hook.expression, scope, now=self.run.now) is True
        except UserError as e:
            # what cannot be decided while the node runs (an output that is not there yet) is not due yet
            if self._is_done:
                self.hook_error = self.hook_error or f"hook {node_name}: {e.message}"
            return False

    def _start_exit_handler(self) -> None:
        hook = LifecycleHook(template=self.step.on_exit) if self.step.on_exit else self.step.hooks.get("exit")
        if hook is None:
            return
        node = self.node
        name = f"{self.name}.onExit"
        if node is None or node.phase not in COMPLETED or self.run.shutdown.forbids_exit_handlers(name):
            return
        if hook.expression and not self._is_due(name, hook):
            return
        self._start_hook("exit", name, hook, is_exit=True)

    def _start_hook(self, key: str, name: str, hook: LifecycleHook, *, is_exit: bool) -> None:
        place, node = self.place, self.node
        scope = self.run.own_scope(self.scope, place.kind, self.step.name, self.name)
        call = Call(
            name=name,
            found=Found(Template(), name=hook.template, scope=self.place.scope),
            boundary_id=place.boundary_id,
            container=place.container,
            attach_to=(node.id,) if node else (),
            local={f"{place.kind}.name": self.step.name},
            is_hook=True,
            is_exit=is_exit or place.is_exit,
            depth=place.depth,
        )
        self._open_hooks += 1
        try:
            # of a step that failed, an output may be missing: its handler runs all the same, and is told so by the tag
            arguments = resolve_arguments(hook.arguments or Arguments(), scope, self.run.now, strict=False)
            found = self.run.templates.of(hook, self.place.scope)
        except UserError as e:
            self.hook_error = self.hook_error or f"hook {name}: {e.message}"
            self._hooks[key] = failed = Execution(self.run, call, self)
            failed.stillborn(ERROR, e.message)
            return
        self._hooks[key] = self.run.start_call(msgspec.structs.replace(call, found=found, arguments=arguments), self)
