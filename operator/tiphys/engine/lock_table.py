"""Who holds which lock and who waits, over all workflows of a controller: the decisions, without any I/O.

What is held is what stored workflows say (`stored`); a grant is a reservation until its workflow says so. So a crash at any point
loses nothing: after it, the table is made again from the stored objects. All locks of a request are taken together or none.

Source: argo-semantics 16.2.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import datetime

import msgspec

from tiphys.engine.locks import MUTEX, Lock, memory_locks

_Place = tuple[float, datetime, str, int, str]


class LockRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A holder asks for all of these locks.

    Attributes:
        holder: See `locks.holder_key`.
        uid: Of the workflow.
        workflow: `namespace/name` of it.
        locks: At least one.
        priority: Higher goes first.
        created: When the workflow was created; the older goes first.
    """

    holder: str
    uid: str
    workflow: str
    locks: tuple[Lock, ...]
    priority: int = 0
    created: datetime


class Blocked(msgspec.Struct, frozen=True):
    """Why a request waits.

    Attributes:
        lock: The first lock that it does not get.
        holders: Who holds that.
        limit: How many may.
    """

    lock: Lock
    holders: tuple[str, ...]
    limit: int


class LockTable:
    """All locks that are not in the database. Work for an event is bounded by the locks that it touches."""

    def __init__(self) -> None:
        self._limits: dict[str, int] = {}
        self._holders: dict[str, dict[str, str]] = {}
        self._stored: dict[str, set[tuple[str, str]]] = {}
        self._reserved: dict[str, LockRequest] = {}
        self._waiting: dict[str, tuple[LockRequest, _Place]] = {}
        self._queues: dict[str, list[_Place]] = {}
        self._of_workflow: dict[str, dict[str, None]] = {}
        self._count = 0
        self._touched: dict[str, None] = {}
        self._unbound: dict[str, LockRequest] = {}

    # --- what is told

    def limit(self, key: str, limit: int) -> None:
        """How many may hold the lock at once; holders above a lowered limit keep it until they end."""
        if self._limits.get(key) != limit:
            self._limits[key] = limit
            self._touched[key] = None

    def stored(self, uid: str, holdings: Iterable[tuple[str, str]]) -> list[LockRequest]:
        """A workflow is stored with these locks held (pairs of key and holder); the reservations that are stored now."""
        new, old = set(holdings), self._stored.get(uid, set())
        for key, holder in old - new:
            if holder not in self._reserved:
                self._free(key, holder)
        for key, holder in new - old:
            self._holders.setdefault(key, {})[holder] = uid
            self._touched[key] = None
        if new:
            self._stored[uid] = new
        else:
            self._stored.pop(uid, None)
        held = {holder for _, holder in new}
        done = [self._reserved[holder] for holder in self._of_workflow.get(uid, ()) if holder in held & self._reserved.keys()]
        for request in done:
            del self._reserved[request.holder]
            self._forget_holder(request)
        return done

    def ask(self, request: LockRequest) -> None:
        """Queue a request; asking again changes nothing but what is asked for."""
        known = self._waiting.get(request.holder)
        if known is not None and known[0] == request:
            return
        self.withdraw(request.holder)
        self._count += 1
        place = (-float(request.priority), request.created, request.workflow, self._count, request.holder)
        self._waiting[request.holder] = (request, place)
        self._of_workflow.setdefault(request.uid, {})[request.holder] = None
        locks = memory_locks(request.locks)
        if not locks:
            self._unbound[request.holder] = request
        for lock in locks:
            if lock.kind == MUTEX:
                self._limits[lock.key] = 1
            insort(self._queues.setdefault(lock.key, []), place)
            self._touched[lock.key] = None

    def withdraw(self, holder: str) -> None:
        """Forget a request, granted or not, that no stored workflow holds."""
        waiting = self._waiting.pop(holder, None)
        if waiting is not None:
            self._leave(*waiting)
        reserved = self._reserved.pop(holder, None)
        if reserved is not None:
            for lock in memory_locks(reserved.locks):
                if (lock.key, holder) not in self._stored.get(reserved.uid, ()):
                    self._free(lock.key, holder)
            self._forget_holder(reserved)

    def restored(self, uid: str) -> None:
        """A workflow is decided anew from what is stored: it asks again for what it wants."""
        for holder in list(self._of_workflow.get(uid, ())):
            self.withdraw(holder)

    def gone(self, uid: str) -> None:
        """A workflow was deleted, or has come to its end."""
        self.restored(uid)
        self.stored(uid, ())

    # --- what is decided

    def grant(self) -> list[LockRequest]:
        """The requests that have all their locks now; they are reserved until stored or withdrawn."""
        granted = list(self._unbound.values())
        for request in granted:
            self._take(request)
        while self._touched:
            key = next(iter(self._touched))
            del self._touched[key]
            granted += self._grant_of(key)
        return granted

    def _grant_of(self, key: str) -> list[LockRequest]:
        granted = []
        queue = self._queues.get(key, [])
        place = 0
        while place < len(queue) and queue[place][2] == queue[0][2]:
            request = self._waiting[queue[place][4]][0]
            if not self._has_room(key, request.holder):
                break
            if all(self._may_take(lock.key, request) for lock in memory_locks(request.locks)):
                self._take(request)
                granted.append(request)
                place = 0
            else:
                place += 1
        return granted

    def _has_room(self, key: str, holder: str) -> bool:
        holders = self._holders.get(key, {})
        return holder in holders or len(holders) < self._limits.get(key, 0)

    def _may_take(self, key: str, request: LockRequest) -> bool:
        return self._queues[key][0][2] == request.workflow and self._has_room(key, request.holder)

    def _take(self, request: LockRequest) -> None:
        _, place = self._waiting.pop(request.holder)
        self._leave(request, place)
        self._of_workflow.setdefault(request.uid, {})[request.holder] = None
        self._reserved[request.holder] = request
        for lock in memory_locks(request.locks):
            self._holders.setdefault(lock.key, {})[request.holder] = request.uid

    # --- what is shown

    def blocked(self, holder: str) -> Blocked | None:
        """Why the holder's request waits; None when it does not."""
        if holder not in self._waiting:
            return None
        request = self._waiting[holder][0]
        locks = memory_locks(request.locks)
        if not locks:
            return None
        lock = next((lock for lock in locks if not self._may_take(lock.key, request)), locks[0])
        return Blocked(lock, tuple(self._holders.get(lock.key, ())), self._limits.get(lock.key, 0))

    def next_in_line(self, key: str, count: int) -> list[LockRequest]:
        """The first requests that wait for the lock."""
        return [self._waiting[place[4]][0] for place in self._queues.get(key, [])[:count]]

    def holders(self, key: str) -> tuple[str, ...]:
        """Who holds the lock, reservations included."""
        return tuple(self._holders.get(key, ()))

    def waits(self, key: str) -> int:
        """How many requests wait for the lock."""
        return len(self._queues.get(key, ()))

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits for any lock."""
        return bool(self._waiting)

    # --- bookkeeping

    def _free(self, key: str, holder: str) -> None:
        holders = self._holders.get(key, {})
        holders.pop(holder, None)
        if not holders:
            self._holders.pop(key, None)
        self._touched[key] = None

    def _leave(self, request: LockRequest, place: _Place) -> None:
        self._unbound.pop(request.holder, None)
        for lock in memory_locks(request.locks):
            queue = self._queues[lock.key]
            del queue[bisect_left(queue, place)]
            if not queue:
                del self._queues[lock.key]
            self._touched[lock.key] = None
        self._forget_holder(request)

    def _forget_holder(self, request: LockRequest) -> None:
        known = self._of_workflow.get(request.uid, {})
        known.pop(request.holder, None)
        if not known:
            self._of_workflow.pop(request.uid, None)
