"""What a controller itself does, told as spans: its start, turns, writes, and locks that are waited for.

Nothing happens here where traces are off. Of what a controller that died had begun, nothing is told.

Source: features 24, "Tracing".
"""

from datetime import datetime

from tiphys.controller.live import Live
from tiphys.engine.actions import AskLocks, WithdrawLocks
from tiphys.engine.events import Event, LockGranted, LockRefused
from tiphys.ports import Clock
from tiphys.telemetry.tracing import Spans

TURN, WRITE, LOCK = "reconcileWorkflow", "persistUpdates", "tryAcquireLock"
_WHOLE = "workflow-sync"
"""What Argo calls the locks of a workflow, as opposed to those of a node."""


class Calls:
    """Tells of the controller's own calls."""

    def __init__(self, spans: Spans | None, clock: Clock) -> None:
        self._spans, self._clock = spans, clock
        self._born = clock.now()
        self._asked: dict[str, dict[str, datetime]] = {}

    def ready(self, listed: datetime) -> None:
        """The controller has started; it read what there is since `listed`."""
        if self._spans is not None:
            self._spans.started(self._born, listed, self._clock.now())

    def done(self, live: Live, name: str, began: datetime) -> None:
        """A call for a workflow has ended."""
        if self._spans is not None:
            self._spans.called(live.uid, name, (began, self._clock.now()), {})

    def asked(self, live: Live, action: AskLocks) -> None:
        """A holder wants locks, again perhaps."""
        if self._spans is not None:
            self._asked.setdefault(live.uid, {}).setdefault(action.holder, self._clock.now())

    def withdrawn(self, live: Live, action: WithdrawLocks) -> None:
        """A holder does not want its locks any more."""
        self._answered(live, action.holder, is_acquired=False)

    def heard(self, live: Live, event: Event) -> None:
        """Something happened to a workflow: what ends the waiting for a lock is told."""
        if isinstance(event, LockGranted | LockRefused):
            self._answered(live, event.holder, is_acquired=isinstance(event, LockGranted))

    def _answered(self, live: Live, holder: str, *, is_acquired: bool) -> None:
        began = self._asked.get(live.uid, {}).pop(holder, None)
        if self._spans is not None and began is not None:
            name = holder.removeprefix(live.key).removeprefix("/") or _WHOLE
            said: dict[str, str | bool] = {"lock_name": name, "acquired": is_acquired}
            self._spans.called(live.uid, LOCK, (began, self._clock.now()), said)

    def forget(self, uid: str) -> None:
        """A workflow is gone, or somebody else's."""
        self._asked.pop(uid, None)
        if self._spans is not None:
            self._spans.forget(uid)
