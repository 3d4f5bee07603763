"""What a node passes before it starts: its locks, then its memo. Both are questions to the world, so a node may wait here.

Source: argo-semantics 3.7, 13.5, 16, 17.
Differs from Argo: a lock that a node around holds until this one has ended is an error at once, not a wait for ever.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tiphys.engine import events
from tiphys.engine.locks import Lock, locks_of
from tiphys.engine.memo import Memo, memo_of
from tiphys.engine.templates import POD_KINDS, kind_of
from tiphys.errors import SpecError, UserError
from tiphys.expr.template import substitute
from tiphys.model.durations import parse_duration
from tiphys.model.phases import DAG, ERROR, FAILED, FULFILLED, HTTP, PENDING, PLUGIN, POD, RETRY, STEPS, SUCCEEDED, SUSPEND
from tiphys.model.status import MemoizationStatus, NodeStatus, NodeSynchronizationStatus
from tiphys.model.template import Memoize, Synchronization

if TYPE_CHECKING:
    from tiphys.engine.execution import Execution

TIMEOUT = "timeout"
"""What a node says whose `timeout` or `pendingTimeout` is over before it began."""
_TYPES = {"steps": STEPS, "dag": DAG, "suspend": SUSPEND, "http": HTTP, "plugin": PLUGIN}


class Entrance:
    """The entrance of one execution."""

    def __init__(self, execution: "Execution") -> None:
        self._execution = execution
        self._run = execution.run
        self._template = execution.call.found.template
        self._holder = self._run.locks.holder(execution.node_id)
        self._memo: Memo | None = None
        self._is_asking = False

    @property
    def node_type(self) -> str:
        """The type that the node will have."""
        if self._execution.is_retry:
            return RETRY
        kind = kind_of(self._template)
        return POD if kind in POD_KINDS else _TYPES.get(kind, POD)

    def is_passed(self, node: NodeStatus) -> bool:
        """Whether a stored node has started already; one that is Pending with its locks may have."""
        if node.phase != PENDING or self._template.synchronization is None:
            return True
        return self._run.locks.holds(self._holder) and self._execution.has_runner

    def recall(self, node: NodeStatus) -> None:
        """Take up the memo of a node that has started."""
        status = node.memoization_status
        if status is not None and not status.hit:
            self._execution.memo = Memo(status.cache_name, status.key)
            self._execution.memo_status = status

    def pass_through(self) -> None:
        """Take the locks, look at the memo, start.

        Raises:
            UserError: What is written about locks or the memo is wrong.
        """
        is_new, is_ended = self._execution.node_or_none is None, self._run.shutdown.ends(self._execution.call)
        if is_ended and not is_new:
            self._end(self._run.shutdown.waiting_message)
            return
        locks = () if is_ended else self._locks()
        if not locks or self._run.locks.holds(self._holder):
            self._look_up()
            return
        if is_new:
            self._execution.create(self.node_type, PENDING, inputs=self._execution.prepare().inputs)
        self._watch_timeouts()
        self._is_asking = True
        self._run.locks.ask(self._holder, locks, self)

    def _locks(self) -> tuple[Lock, ...]:
        if self._template.synchronization is None:
            return ()
        execution, run = self._execution, self._run
        scope = execution.prepare().scope
        written: Synchronization = substitute(self._template.synchronization, scope, now=run.now)
        locks = locks_of(written, run.locks.namespace)
        around = run.locks.held_around(execution.call.boundary_id)
        for lock in locks:
            if lock.key in around:
                raise SpecError(f"lock {lock.key} is held by {around[lock.key]} around this node and would never be free")
        return locks

    # --- locks

    def lock_waits(self, key: str, message: str) -> None:
        """Show what the node waits for."""
        self._execution.change(message=message, synchronization_status=NodeSynchronizationStatus(waiting=key))

    def lock_stored(self) -> None:
        """The locks are held: go on, unless there is no room any more; locks are not held while waiting for that."""
        self._is_asking = False
        self._execution.change(message="", synchronization_status=None)
        self._admitted(self._look_up)

    def lock_refused(self, message: str) -> None:
        """The locks will never be had."""
        self._is_asking = False
        self._execution.stillborn(ERROR, message)

    def stop_waiting(self, message: str) -> None:
        """The workflow is being stopped."""
        if self._run.shutdown.ends(self._execution.call):
            self._end(message)

    def _end(self, message: str) -> None:
        self._is_asking = False
        self._execution.end(FAILED, message, synchronization_status=None)

    def _watch_timeouts(self) -> None:
        for at in self._timeouts():
            self._run.wake_at(at, self)

    def _timeouts(self) -> list[datetime]:
        template = self._execution.prepare().template
        start = self._execution.node.started_at or self._run.now
        spans: list[timedelta] = [parse_duration(text) for text in (template.timeout, template.pending_timeout) if text]
        return [start + span for span in spans]

    def woke(self) -> None:
        """A node that waits for its locks may have waited too long."""
        if self._is_asking and any(at <= self._run.now for at in self._timeouts()):
            self._end(TIMEOUT)

    # --- the memo

    def _look_up(self) -> None:
        if self._template.memoize is None:
            self._execution.start()
            return
        scope = self._execution.prepare().scope
        written: Memoize = substitute(self._template.memoize, scope, now=self._run.now)
        self._memo = memo_of(written)
        self._run.memos.look_up(self._execution.node_id, self._memo, self)

    def memo_answered(self, event: events.MemoAnswered) -> None:
        """Take the remembered outputs, or start."""
        memo, execution = self._memo, self._execution
        if memo is None or (execution.node_or_none is not None and execution.node.phase in FULFILLED):
            return
        if event.error:
            execution.stillborn(ERROR, event.error)
            return
        execution.memo = memo
        execution.memo_status = MemoizationStatus(cache_name=memo.cache, hit=event.is_hit, key=memo.key)
        if not event.is_hit:
            self._admitted(execution.start)
            return
        inputs = execution.prepare().inputs
        node = execution.create(self.node_type, SUCCEEDED, inputs=inputs, outputs=event.outputs)
        self._run.publish(node.outputs)
        execution.tell()

    def _admitted(self, go_on: Callable[[], None]) -> None:
        execution = self._execution
        if not self._run.limits.admit(execution):
            self._run.locks.release(self._holder)
            return
        try:
            go_on()
        except UserError as e:
            execution.stillborn(ERROR, e.message)
