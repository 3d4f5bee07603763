"""The locks of one workflow: which it holds is what its status says, and nothing else.

A holder is the workflow or a node. What is granted is recorded in the status first; what needs it starts once that is stored.

Source: argo-semantics 16.
Differs from Argo: entries without holders, and `waiting` entries of locks that nobody waits for any more, are removed.
"""

from collections import Counter
from typing import TYPE_CHECKING, Protocol

import msgspec

from tiphys.engine import events
from tiphys.engine.actions import AskLocks, WithdrawLocks
from tiphys.engine.locks import MUTEX, SEMAPHORE, Lock, holder_key
from tiphys.model.phases import FULFILLED
from tiphys.model.status import MutexHolding, MutexStatus, SemaphoreHolding, SemaphoreStatus, SynchronizationStatus

if TYPE_CHECKING:
    from tiphys.engine.run import Run


class Waiter(Protocol):
    """Who waits for locks."""

    def lock_waits(self, key: str, message: str) -> None:
        """The locks are not free yet."""

    def lock_stored(self) -> None:
        """The locks are held, and stored as such."""

    def lock_refused(self, message: str) -> None:
        """The locks will never be had."""

    def stop_waiting(self, message: str) -> None:
        """The workflow is being stopped."""


class _Asking(msgspec.Struct):
    waiter: Waiter
    locks: tuple[Lock, ...]
    awaited: tuple[str, str] = ("", "")


class RunLocks:
    """Asks for locks, records them, gives them back."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._asking: dict[str, _Asking] = {}
        self._waiting: dict[tuple[str, str], tuple[str, ...]] = {}
        self._shown: Counter[tuple[str, str]] = Counter()
        self._is_changed = False
        self._held = held_by(run.status.synchronization)

    @property
    def namespace(self) -> str:
        """Where the workflow lives."""
        return self._run.workflow.metadata.namespace

    def holder(self, node_id: str = "") -> str:
        """The key of a node, or of the workflow itself."""
        return holder_key(self.namespace, self._run.name, node_id)

    def holds(self, holder: str) -> bool:
        """Whether the holder has its locks by what is recorded."""
        return holder in self._held

    def held_around(self, boundary_id: str) -> dict[str, str]:
        """Lock key -> holder, for the mutexes of the workflow and of the nodes around a boundary."""
        found = {}
        tree, around = self._run.tree, [self.holder()]
        node = tree.by_id(boundary_id)
        while node is not None:
            around.append(self.holder(node.id))
            node = tree.by_id(node.boundary_id) if node.boundary_id != node.id else None
        for holder in around:
            found.update({key: holder for kind, key in self._held.get(holder, ()) if kind == MUTEX})
        return found

    def prune(self) -> None:
        """Let go of what nodes hold that are no more, or have ended: nobody would give it back."""
        prefix = self.holder() + "/"
        for holder in list(self._held):
            node = self._run.tree.by_id(holder.removeprefix(prefix))
            if holder != self.holder() and (node is None or node.phase in FULFILLED):
                self.release(holder)

    def ask(self, holder: str, locks: tuple[Lock, ...], waiter: Waiter) -> None:
        """Wait for all of the locks."""
        self._asking[holder] = _Asking(waiter, locks)
        self._run.act(AskLocks(holder, locks, self._run.spec.priority or 0))

    def release(self, holder: str) -> None:
        """The holder needs its locks no more, or does not want them any more."""
        asking = self._asking.pop(holder, None)
        if asking is not None:
            self._run.act(WithdrawLocks(holder))
            self._stop_showing(asking)
        if self._held.pop(holder, None) is not None:
            self._is_changed = True

    @property
    def is_used(self) -> bool:
        """Whether anybody holds a lock or asks for one."""
        return bool(self._asking or self._held)

    def release_node(self, node_id: str) -> None:
        """The node has ended."""
        if self.is_used:
            self.release(self.holder(node_id))

    def release_all(self) -> None:
        """The workflow has come to its end."""
        for holder in self._asking:
            self._run.act(WithdrawLocks(holder))
        self._asking.clear()
        self._waiting.clear()
        self._shown.clear()
        self._held.clear()
        self._is_changed = False
        self._run.status = msgspec.structs.replace(self._run.status, synchronization=None)

    def waiters(self) -> list[Waiter]:
        """Who waits, oldest first."""
        return [asking.waiter for asking in self._asking.values()]

    def handle(self, event: events.LockEvent) -> None:
        """Take an answer; one for a holder that does not ask any more changes nothing."""
        asking = self._asking.get(event.holder)
        if asking is None:
            return
        match event:
            case events.LockWaits():
                self._stop_showing(asking)
                asking.awaited = (event.kind, event.key)
                self._waiting[asking.awaited] = event.holders
                self._shown[asking.awaited] += 1
                self._is_changed = True
                asking.waiter.lock_waits(event.key, event.message)
            case events.LockGranted():
                self._stop_showing(asking)
                self._held[event.holder] = tuple((lock.kind, lock.key) for lock in asking.locks)
                self._is_changed = True
            case events.LockStored():
                del self._asking[event.holder]
                asking.waiter.lock_stored()
            case events.LockRefused():
                self.release(event.holder)
                asking.waiter.lock_refused(event.message)

    def _stop_showing(self, asking: _Asking) -> None:
        awaited, asking.awaited = asking.awaited, ("", "")
        if awaited[1]:
            self._shown[awaited] -= 1
            if not self._shown[awaited]:
                del self._shown[awaited]
                self._waiting.pop(awaited, None)
            self._is_changed = True

    def settle(self) -> None:
        """Write onto the workflow's status what changed in this turn."""
        if not self._is_changed:
            return
        self._is_changed = False
        pairs = [(kind, key, holder) for holder, held in self._held.items() for kind, key in held]
        mutexes = [MutexHolding(mutex=key, holder=holder) for kind, key, holder in pairs if kind == MUTEX]
        holders: dict[str, list[str]] = {}
        for kind, key, holder in pairs:
            if kind != MUTEX:
                holders.setdefault(key, []).append(holder)
        semaphores = [SemaphoreHolding(semaphore=key, holders=tuple(names)) for key, names in holders.items()]
        awaited = self._waiting.items()
        mutex_waits = [MutexHolding(mutex=key, holder=next(iter(who), "")) for (kind, key), who in awaited if kind == MUTEX]
        semaphore_waits = [SemaphoreHolding(semaphore=key, holders=who) for (kind, key), who in awaited if kind != MUTEX]
        mutex = MutexStatus(holding=tuple(mutexes), waiting=tuple(mutex_waits))
        semaphore = SemaphoreStatus(holding=tuple(semaphores), waiting=tuple(semaphore_waits))
        made = SynchronizationStatus(
            mutex=mutex if mutex != MutexStatus() else None, semaphore=semaphore if semaphore != SemaphoreStatus() else None
        )
        self._run.status = msgspec.structs.replace(
            self._run.status, synchronization=made if made != SynchronizationStatus() else None
        )


def held_by(status: SynchronizationStatus | None) -> dict[str, tuple[tuple[str, str], ...]]:
    """Holder -> kind and key of each lock that a status says it holds."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    if status is None:
        return found
    for mutex in status.mutex.holding if status.mutex else ():
        found[mutex.holder] = (*found.get(mutex.holder, ()), (MUTEX, mutex.mutex))
    for semaphore in status.semaphore.holding if status.semaphore else ():
        for holder in semaphore.holders:
            found[holder] = (*found.get(holder, ()), (SEMAPHORE, semaphore.semaphore))
    return found
