"""What several workflows of a world share: locks, memos and ConfigMaps, answered at once as a controller would."""

from collections.abc import Callable, Mapping
from datetime import datetime

from tiphys.engine.actions import Action, AskLocks, LookUpMemo, ReadConfigMap, SaveMemo, WithdrawLocks
from tiphys.engine.events import ConfigMapRead, Event, LockGranted, LockRefused, LockStored, LockWaits, MemoAnswered, MemoSaved
from tiphys.engine.lock_table import LockRequest, LockTable
from tiphys.engine.locks import waiting_message
from tiphys.engine.memo import MemoEntry
from tiphys.engine.synchronization import held_by
from tiphys.model.phases import COMPLETED
from tiphys.model.workflow import Workflow


class Shared:
    """Locks, memos and ConfigMaps of a world.

    Attributes:
        limits: ConfigMap key of a semaphore (`namespace/ConfigMap/name/key`) -> limit.
        config_maps: Name -> what is in it; None when nobody answers what is asked about them.
        memos: Cache and key -> entry.
        save_error: What saving a memo answers.
        listeners: Uid of a workflow -> who hears what happens to it.
    """

    def __init__(
        self, limits: dict[str, int] | None = None, config_maps: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self.limits = limits or {}
        self.config_maps = config_maps
        self.memos: dict[tuple[str, str], MemoEntry] = {}
        self.save_error = ""
        self.table = LockTable()
        self.listeners: dict[str, Callable[[Event], None]] = {}

    def answer(self, action: Action, workflow: Workflow, now: datetime) -> None:
        """Answer an action that is about locks, memos or ConfigMaps."""
        uid = uid_of(workflow)
        match action:
            case AskLocks():
                self._ask(action, workflow, now)
            case WithdrawLocks():
                self.table.withdraw(action.holder)
                self._grant()
            case LookUpMemo():
                entry = self.memos.get((action.cache, action.key))
                is_hit = entry is not None and entry.is_hit(action.max_age_seconds, now)
                self._tell(uid, MemoAnswered(action.node_id, is_hit, entry.outputs if entry and is_hit else None))
            case ReadConfigMap() if self.config_maps is not None:
                self._tell(uid, _found(self.config_maps, action))
            case SaveMemo():
                if not self.save_error:
                    entry = MemoEntry(node_id=action.node_id, outputs=action.outputs, creation_timestamp=now)
                    self.memos[action.cache, action.key] = entry
                self._tell(uid, MemoSaved(action.node_id, self.save_error))

    def _tell(self, uid: str, event: Event) -> None:
        if uid in self.listeners:
            self.listeners[uid](event)

    def _ask(self, action: AskLocks, workflow: Workflow, now: datetime) -> None:
        meta, uid = workflow.metadata, uid_of(workflow)
        for lock in action.locks:
            if lock.config_map and lock.key not in self.limits:
                self._tell(uid, LockRefused(action.holder, f"Failed to get semaphore limit for {lock.key}: no ConfigMap"))
                return
            if lock.config_map:
                self.table.limit(lock.key, self.limits[lock.key])
        self.table.ask(LockRequest(
            holder=action.holder, uid=uid, workflow=f"{meta.namespace}/{meta.name}", locks=action.locks,
            priority=action.priority, created=meta.creation_timestamp or now))  # fmt: skip
        self._grant()
        blocked = self.table.blocked(action.holder)
        if blocked is not None:
            message = waiting_message(blocked.lock, len(blocked.holders), blocked.limit)
            self._tell(uid, LockWaits(action.holder, blocked.lock.key, blocked.lock.kind, message, blocked.holders))

    def _grant(self) -> None:
        for request in self.table.grant():
            self._tell(request.uid, LockGranted(request.holder))

    def stored(self, workflow: Workflow) -> None:
        """A workflow is stored so: reservations that it names are stored, and what it does not name is free."""
        status = workflow.status
        held = {} if status.phase in COMPLETED else held_by(status.synchronization)
        pairs = [(key, holder) for holder, locks in held.items() for _, key in locks]
        for request in self.table.stored(uid_of(workflow), pairs):
            self._tell(request.uid, LockStored(request.holder))
        self._grant()

    def restored(self, workflow: Workflow) -> None:
        """A run is made anew: it asks again for what it wants."""
        self.table.restored(uid_of(workflow))


def uid_of(workflow: Workflow) -> str:
    """What tells workflows apart here: the uid, where there is one."""
    return workflow.metadata.uid or workflow.metadata.name


def _found(config_maps: Mapping[str, Mapping[str, str]], asked: ReadConfigMap) -> ConfigMapRead:
    """What ConfigMaps say about a key."""
    name, key = asked.name, asked.key
    if name not in config_maps:
        return ConfigMapRead(name, key, error=f"ConfigMap '{name}' does not exist", is_missing=True)
    if key not in config_maps[name]:
        return ConfigMapRead(name, key, error=f"ConfigMap '{name}' does not have the key '{key}'", is_missing=True)
    return ConfigMapRead(name, key, value=config_maps[name][key])
