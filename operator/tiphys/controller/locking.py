"""Locks over all workflows of this controller: the decisions are `engine.lock_table`'s, limits are read here.

What is held is what stored workflows say; before the first lock is granted after a start, all of them are listed.

Source: argo-semantics 16.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Live
from tiphys.controller.sharding import key_of, key_of_locks
from tiphys.engine.actions import AskLocks, WithdrawLocks
from tiphys.engine.events import Event, LockEvent, LockGranted, LockRefused, LockStored, LockWaits
from tiphys.engine.lock_table import LockRequest, LockTable
from tiphys.engine.locks import Lock, memory_locks, parse_limit, waiting_message
from tiphys.engine.synchronization import held_by
from tiphys.errors import NotFound, OutsideError, SpecError, TiphysError
from tiphys.model.base import ObjectMeta
from tiphys.model.names import LABEL_COMPLETED, LABEL_INSTANCE_ID
from tiphys.model.parse import to_json
from tiphys.model.phases import COMPLETED
from tiphys.model.status import SynchronizationStatus
from tiphys.ports import Locks

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_POLL = 5.0
_SHOWN = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Held = dict[str, tuple[tuple[str, str], ...]]


class _StoredStatus(msgspec.Struct, frozen=True):
    phase: str = ""
    synchronization: SynchronizationStatus | None = None


class _Stored(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    status: _StoredStatus = _StoredStatus()


class _Data(msgspec.Struct, frozen=True):
    data: dict[str, str] = {}


class Locking:
    """Gives locks to runs that ask for them.

    Attributes:
        is_shared: Other replicas give locks, too: each those of the namespaces that hashing gives it.
    """

    def __init__(self, controller: "Controller", database: Locks | None = None) -> None:
        self._controller = controller
        self._database = database
        self.is_shared = False
        self._table = LockTable()
        self._asking: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._read_at: dict[str, float] = {}
        self._polling: dict[str, Lock] = {}
        self._repeated: dict[str, LockRequest] = {}
        self._primed: asyncio.Task[None] | None = None
        self._is_primed = False
        self._since: dict[str, _Held] = {}
        self._held: dict[str, _Held] = {}

    # --- what runs ask for

    def ask(self, live: Live, action: AskLocks) -> None:
        """Queue the holder's request."""
        created = live.stored.metadata.creation_timestamp or _EPOCH
        request = LockRequest(holder=action.holder, uid=live.uid, workflow=live.key, locks=action.locks,
                              priority=action.priority, created=created)  # fmt: skip
        self._forget(action.holder)
        task = self._controller.effects.spawn(self._ask(request))
        self._asking[action.holder] = (live.uid, task)
        task.add_done_callback(lambda done: self._asked(action.holder, done))

    def withdraw(self, _live: Live, action: WithdrawLocks) -> None:
        """The holder does not want what it asked for any more."""
        self._forget(action.holder)
        self._table.withdraw(action.holder)
        self._grant()

    def _forget(self, holder: str) -> None:
        repeated = self._repeated.pop(holder, None)
        if repeated is not None:
            self._release_rows({holder: tuple((lock.kind, lock.key) for lock in repeated.locks)}, {})
        known = self._asking.pop(holder, None)
        if known is not None:
            known[1].cancel()

    def _asked(self, holder: str, task: asyncio.Task[None]) -> None:
        known = self._asking.get(holder)
        if known is not None and known[1] is task:
            del self._asking[holder]

    async def _ask(self, request: LockRequest) -> None:
        await self._prime()
        backoff = Backoff()
        while True:
            try:
                self._check_reach(request)
                for lock in request.locks:
                    await self._read_limit(lock)
                break
            except OutsideError as e:
                self._send(request, LockWaits(request.holder, request.locks[0].key, request.locks[0].kind, e.message))
                await backoff.wait(e)
            except TiphysError as e:
                self._send(request, LockRefused(request.holder, e.message))
                return
        self._table.ask(request)
        self._grant()
        self._show(request)

    def _send(self, request: LockRequest, event: Event) -> None:
        live = self._controller.lives.get(request.uid)
        if live is None:
            self.gone(request.uid)
        else:
            self._controller.send(live, event)

    def _check_reach(self, request: LockRequest) -> None:
        """Return when no other replica gives one of the locks.

        Differs from Argo: there one controller gives all locks, and the others wait for its end.

        Raises:
            SpecError: One may.
        """
        live = self._controller.lives.get(request.uid)
        if not self.is_shared or live is None:
            return
        place = key_of(to_json(live.stored))
        for lock in memory_locks(request.locks):
            if place != key_of_locks(lock.namespace):
                raise SpecError(
                    f"{lock.key} is a lock of another namespace, and replicas share the work: all locks of a workflow must be "
                    "written in it and live in one namespace then, or be of the database (database: true)"
                )

    # --- limits

    async def _read_limit(self, lock: Lock) -> None:
        if lock.is_database:
            if self._database is None:
                raise SpecError("synchronization database session is not available")
            return
        if not lock.config_map:
            return
        now = asyncio.get_running_loop().time()
        settings = self._controller.configuration.synchronization
        cached = settings.semaphore_limit_cache_seconds if settings is not None else None
        if lock.key in self._read_at and now - self._read_at[lock.key] < (cached or 0):
            return
        try:
            found = msgspec.json.decode(
                await self._controller.objects.read("ConfigMap", lock.namespace, lock.config_map), type=_Data
            )
        except NotFound as e:
            raise SpecError(f"Failed to get semaphore limit for {lock.key}: {e.message}") from e
        self._table.limit(lock.key, parse_limit(lock, found.data.get(lock.config_key)))
        self._read_at[lock.key] = now

    def _poll(self, lock: Lock) -> None:
        """Look at a limit again while somebody waits for it."""
        if lock.key not in self._polling and lock.config_map and self._table.waits(lock.key):
            self._polling[lock.key] = lock
            self._later(_POLL, self._poll_once, lock)

    def _later(self, seconds: float, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        self._controller.effects.later(self._controller.clock.now() + timedelta(seconds=seconds), work, *arguments)

    async def _poll_once(self, lock: Lock) -> None:
        del self._polling[lock.key]
        if not self._table.waits(lock.key):
            return
        try:
            await self._read_limit(lock)
        except TiphysError as e:
            log.warning("limit of %s cannot be read, the last one holds: %s", lock.key, e.message)
        self._grant()
        self._poll(lock)

    # --- grants

    def _grant(self) -> None:
        if not self._is_primed:
            return
        for request in self._table.grant():
            if any(lock.is_database for lock in request.locks):
                self._controller.effects.spawn(self._ask_database(request))
            else:
                self._give(request)

    def _give(self, request: LockRequest) -> None:
        for lock in request.locks:
            self._controller.metrics.locks_taken.labels(*_labels(lock)).inc()
            self._measure(lock)
            self._refresh(lock)
        self._send(request, LockGranted(request.holder))

    async def _ask_database(self, request: LockRequest) -> None:
        """The rest of a request is in the database: all of it, or the request waits and asks again."""
        database = self._database
        rows = {lock.row: lock for lock in request.locks if lock.is_database}
        if database is None:
            return
        try:
            blocked = await database.acquire(
                tuple(rows), request.holder, priority=request.priority, created=request.created
            )
        except TiphysError as e:
            first = next(iter(rows.values()))
            self._send(request, LockWaits(request.holder, first.key, first.kind, e.message))
        else:
            if blocked is None:
                self._give(request)
                return
            lock = rows[blocked.row]
            message = waiting_message(lock, len(blocked.holders), blocked.limit)
            self._send(request, LockWaits(request.holder, lock.key, lock.kind, message, blocked.holders))
        self._table.withdraw(request.holder)
        self._grant()
        self._repeated[request.holder] = request
        self._later(database.poll_seconds, self._again, request)

    async def _again(self, request: LockRequest) -> None:
        if self._repeated.get(request.holder) is request:
            del self._repeated[request.holder]
            self._table.ask(request)
            self._grant()

    # --- what waiting shows

    def _show(self, request: LockRequest) -> None:
        blocked = self._table.blocked(request.holder)
        if blocked is None:
            return
        self._measure(blocked.lock)
        self._poll(blocked.lock)
        message = waiting_message(blocked.lock, len(blocked.holders), blocked.limit)
        self._send(request, LockWaits(request.holder, blocked.lock.key, blocked.lock.kind, message, blocked.holders))

    def _refresh(self, lock: Lock) -> None:
        """Those at the front see who holds the lock now."""
        for request in self._table.next_in_line(lock.key, _SHOWN):
            self._show(request)

    def _measure(self, lock: Lock) -> None:
        metrics, labels = self._controller.metrics, _labels(lock)
        metrics.locks_held.labels(*labels).set(len(self._table.holders(lock.key)))
        metrics.locks_pending.labels(*labels).set(self._table.waits(lock.key))

    # --- what is stored

    def stored(self, live: Live) -> None:
        """The workflow is stored as `live.stored`: its holders are what that says."""
        status = live.stored.status
        held = {} if status.phase in COMPLETED else held_by(status.synchronization)
        if held or live.uid in self._held:
            for request in self._hold(live.uid, held):
                self._controller.send(live, LockStored(request.holder))

    def _hold(self, uid: str, held: _Held) -> list[LockRequest]:
        before = self._held.pop(uid, {})
        if held:
            self._held[uid] = held
        if self._primed is not None and not self._is_primed:
            self._since[uid] = held
        done = self._table.stored(uid, _pairs(held))
        changed = {pair for pairs in before.values() for pair in pairs} | {pair for pairs in held.values() for pair in pairs}
        for kind, key in changed if before != held else ():
            self._measure(Lock(key, kind, is_database="/Database/" in key))
        self._release_rows(before, held)
        self._grant()
        return done

    def _release_rows(self, before: _Held, held: _Held) -> None:
        for holder, pairs in before.items():
            rows = tuple(Lock(key, kind, is_database=True).row for kind, key in pairs if "/Database/" in key)
            if rows and holder not in held and self._database is not None:
                self._controller.effects.spawn(self._release(self._database, rows, holder))

    async def _release(self, database: Locks, rows: tuple[str, ...], holder: str) -> None:
        backoff = Backoff(longest=60.0)
        while True:
            try:
                await database.release(rows, holder)
            except OutsideError as e:
                await backoff.wait(e)
            else:
                return

    def restored(self, live: Live) -> None:
        """A run is made anew from `live.stored`: it asks again for what it wants and does not hold."""
        self._forget_all(live.uid)
        live.events = deque(event for event in live.events if not isinstance(event, LockEvent))
        self._table.restored(live.uid)
        self.stored(live)

    def _forget_all(self, uid: str) -> None:
        asking = [holder for holder, (owner, _) in self._asking.items() if owner == uid]
        for holder in [*asking, *(holder for holder, request in self._repeated.items() if request.uid == uid)]:
            self._forget(holder)

    def gone(self, uid: str) -> None:
        """A workflow was deleted, or nobody follows it any more since it has ended."""
        self._forget_all(uid)
        self._table.restored(uid)
        self._hold(uid, {})

    def left(self, uid: str) -> None:
        """Another replica follows the workflow: what it holds it still holds, and nothing of it waits here."""
        self._forget_all(uid)
        self._table.restored(uid)
        self.look_again()

    def look_again(self) -> None:
        """Others have given or taken locks that this controller has not heard of: all is listed before the next one is given."""
        if self._primed is None:
            return
        self._primed, self._is_primed = None, False
        if self._table.is_awaited or self._asking:
            self._controller.effects.spawn(self._prime())

    async def _prime(self) -> None:
        while not self._is_primed:
            if self._primed is None:
                self._since.clear()
                self._primed = self._controller.effects.spawn(self._list())
            await asyncio.shield(self._primed)

    async def _list(self) -> None:
        controller, backoff = self._controller, Backoff()
        own = asyncio.current_task()
        while True:
            try:
                labels = f"{LABEL_COMPLETED}!=true"
                found: dict[str, _Held] = {}
                async for page in controller.objects.list("Workflow", controller.namespace, labels=labels):
                    found |= _holders_in(page.items, controller.pod_settings.instance_id)
                break
            except OutsideError as e:
                await backoff.wait(e)
        if self._primed is not own:
            return
        known: dict[str, _Held] = {**{key: {} for key in self._held}, **found, **self._since}
        for uid, held in known.items():
            for request in self._table.stored(uid, _pairs(held)):
                self._send(request, LockStored(request.holder))
        self._held = {uid: held for uid, held in known.items() if held}
        self._since.clear()
        self._is_primed = True
        self._grant()
        log.info("locks are known: %d workflows hold some", sum(bool(held) for held in self._held.values()))


def _holders_in(items: Iterable[msgspec.Raw], instance_id: str) -> dict[str, _Held]:
    found: dict[str, _Held] = {}
    for raw in items:
        try:
            one = msgspec.json.decode(raw, type=_Stored)
        except msgspec.ValidationError:
            continue
        held = held_by(one.status.synchronization)
        if held and one.status.phase not in COMPLETED and one.metadata.labels.get(LABEL_INSTANCE_ID, "") == instance_id:
            found[one.metadata.uid] = held
    return found


def _pairs(held: _Held) -> list[tuple[str, str]]:
    return [(key, holder) for holder, pairs in held.items() for _, key in pairs]


def _labels(lock: Lock) -> tuple[str, str, str, str]:
    """Type, storage, name and namespace, as the metrics have them."""
    return lock.kind, "database" if lock.is_database else "configmap", lock.key, lock.namespace
