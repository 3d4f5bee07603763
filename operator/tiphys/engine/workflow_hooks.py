"""Hooks of the workflow itself: templates that run once an expression over `workflow.*` becomes true.

Source: argo-semantics 12.2.
Differs from Argo: an expression that cannot be decided while the workflow runs (an output that is not there yet) is not due yet;
it is an error only when it cannot be decided at the end.
"""

from typing import TYPE_CHECKING

from tiphys.engine.calls import Call
from tiphys.engine.execution import Execution
from tiphys.engine.inputs import global_arguments
from tiphys.errors import UserError
from tiphys.expr.template import evaluate_in, substitute
from tiphys.model.arguments import Arguments
from tiphys.model.template import LifecycleHook

if TYPE_CHECKING:
    from tiphys.engine.lifecycle import Lifecycle
    from tiphys.engine.run import Run

EXIT = "exit"


class WorkflowHooks:
    """The hooks of one workflow: each starts once at most, and is followed to its end.

    Attributes:
        error: Why a hook could not be decided or started; the workflow is an Error then.
    """

    def __init__(self, run: "Run", lifecycle: "Lifecycle") -> None:
        self._run = run
        self._lifecycle = lifecycle
        self._started: set[str] = set()
        self._open = 0
        self.error = ""

    @property
    def are_done(self) -> bool:
        """Whether all hooks that were started have ended."""
        return not self._open

    def look(self, *, is_last: bool = False) -> bool:
        """Start the hooks that are due, and say whether there were any; `is_last` when the entry point has ended."""
        if not self._run.spec.hooks:
            return False
        entry = self._lifecycle.entry
        if entry is None or self._lifecycle.is_leaving or self._run.limits.is_suspended:
            return False
        due = [
            name
            for name, hook in self._run.spec.hooks.items()
            if name != EXIT and name not in self._started and self._is_due(name, hook, is_last=is_last)
        ]
        for name in due:
            self._start(name, self._run.spec.hooks[name], entry.id)
        return bool(due)

    def _name(self, name: str) -> str:
        return f"{self._run.name}.hooks.{name}"

    def _is_due(self, name: str, hook: LifecycleHook, *, is_last: bool) -> bool:
        if self._run.tree.find(self._name(name)) is not None:
            return True
        if not hook.expression:
            self.error = self.error or f"Expression required for hook {self._name(name)}"
            return False
        try:
            return evaluate_in(hook.expression, self._run.scope, now=self._run.now) is True
        except UserError as e:
            if is_last:
                self.error = self.error or f"hook {self._name(name)}: {e.message}"
            return False

    def _start(self, name: str, hook: LifecycleHook, entry_id: str) -> None:
        run = self._run
        self._started.add(name)
        try:
            found = run.templates.of(hook, run.templates.own_scope)
            arguments = substitute(hook.arguments or Arguments(), run.scope, strict=False, now=run.now)
            arguments = global_arguments(arguments, run.scope, run.now)
        except UserError as e:
            self.error = self.error or f"hook {self._name(name)}: {e.message}"
            return
        self._open += 1
        run.start_call(Call(name=self._name(name), found=found, arguments=arguments, attach_to=(entry_id,), is_hook=True), self)

    def child_changed(self, child: Execution) -> None:
        """Only ends matter."""

    def child_finished(self, _child: Execution) -> None:
        """A hook has ended; how does not matter."""
        self._open -= 1
        self._lifecycle.hook_finished()
