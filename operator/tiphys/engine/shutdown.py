"""What ends a workflow before its time: a shutdown, or its deadline.

Source: argo-semantics 13.2 to 13.4.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from tiphys.engine.calls import Call

if TYPE_CHECKING:
    from tiphys.engine.run import Run

_DEADLINE_MESSAGE = "Step exceeded its deadline"


class Stoppable(Protocol):
    """An execution that can be ended from outside."""

    call: Call

    def stop(self, message: str) -> None:
        """End the node now because the workflow is being stopped."""


class Shutdown:
    """Whether the workflow is being stopped, what of it ends then, and with which message."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._applied = ""

    @property
    def strategy(self) -> str:
        """`Stop` or `Terminate` once somebody asked for it."""
        return self._run.workflow.spec.shutdown

    @property
    def deadline(self) -> datetime | None:
        """When the workflow's time is over."""
        seconds, started = self._run.spec.active_deadline_seconds, self._run.status.started_at
        return None if seconds is None or started is None else started + timedelta(seconds=seconds)

    def watch_deadline(self) -> None:
        """Look at the time when the deadline comes."""
        if self.deadline is not None:
            self._run.wake_at(self.deadline, None)

    def _is_late(self) -> bool:
        deadline = self.deadline
        return deadline is not None and self._run.now >= deadline

    def apply(self) -> None:
        """End what a shutdown or the deadline ends, once for each of them."""
        strategy = self.strategy
        if not strategy and self._run.spec.active_deadline_seconds is None:
            return
        reason = strategy or (_DEADLINE_MESSAGE if self._is_late() else "")
        if self._run.is_finished or not reason or reason == self._applied:
            return
        self._applied = reason
        self._stop(list(self._run.leaves.values()), self.leaf_message)
        self._stop([*self._run.suspended.values(), *self._run.retries.values()], self.waiting_message)
        for waiter in self._run.locks.waiters():
            waiter.stop_waiting(self.waiting_message)

    @property
    def waiting_message(self) -> str:
        """What a node shows that waited for something else than a pod."""
        return f"Stopped with strategy '{self.strategy}'" if self.strategy else _DEADLINE_MESSAGE

    @property
    def leaf_message(self) -> str:
        """What a node says whose runner was ended."""
        return f"workflow shutdown with strategy:  {self.strategy}" if self.strategy else _DEADLINE_MESSAGE

    def _stop(self, executions: list[Stoppable], message: str) -> None:
        for execution in executions:
            if self.ends(execution.call):
                execution.stop(message)

    def ends(self, call: Call) -> bool:
        """Whether a shutdown or the deadline ends this call."""
        strategy = self._run.workflow.spec.shutdown
        if call.is_exit:
            return strategy == "Terminate"
        return bool(strategy) or self._is_late()

    def refusal(self, call: Call) -> str:
        """Why a node may not start its runner; empty when it may."""
        if not self.ends(call):
            return ""
        return f"workflow shutdown with strategy: {self.strategy}" if self.strategy else _DEADLINE_MESSAGE

    def retry_refusal(self, call: Call) -> str:
        """Why no further attempt is made; empty when one may be."""
        if not self.ends(call):
            return ""
        if self.strategy:
            return f"Stopped with strategy '{self.strategy}'"
        return f"retry exceeded workflow deadline {self.deadline}"

    def forbids_exit_handlers(self, name: str) -> bool:
        """Whether a termination keeps this exit handler from starting."""
        return self.strategy == "Terminate" and self._run.tree.find(name) is None

    def deadline_of(self, call: Call) -> datetime | None:
        """When the workflow's deadline ends this call's runner."""
        return None if call.is_exit else self.deadline
