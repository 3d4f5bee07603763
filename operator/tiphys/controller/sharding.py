"""Several replicas share the workflows: each one belongs to the live replica that hashing picks.

When a replica comes or goes, only what it gains or loses changes hands. Everything is heard by all, and each keeps what is its
own: so nothing must be written onto users' objects, and what changes hands is known already. Overlaps are harmless, since names
of pods are the same whoever makes them, and writes carry the version that they were decided on; they are short, too.

Workflows that wait for each other (locks, and stored templates, which may have some) go by the namespace of what they wait for,
so that one replica gives all locks of a namespace.

Differs from Argo: it elects one leader, and the others wait.

Source: rendezvous hashing (highest random weight), D. Thaler and C. V. Ravishankar, 1998.
"""

import asyncio
import hashlib
import logging
import secrets
import socket
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, NamedTuple

import msgspec

from tiphys.cluster.api import Api
from tiphys.cluster.leases import Membership
from tiphys.controller.backoff import Backoff
from tiphys.errors import TiphysError
from tiphys.model.base import Json, ObjectMeta
from tiphys.ports import Clock

log = logging.getLogger(__name__)
_TOGETHER = frozenset({"synchronization", "templateRef", "workflowTemplateRef", "memoize"})
Hear = Callable[[str, Mapping[str, Any]], None]


def owner(key: str, members: Collection[str]) -> str:
    """The replica that a key belongs to; empty when there is none."""
    return max(members, key=lambda member: (_weight(member, key), member), default="")


def _weight(member: str, key: str) -> bytes:
    return hashlib.blake2b(key.encode(), key=hashlib.blake2b(member.encode()).digest()[:32], digest_size=8).digest()


def key_of(raw: Mapping[str, Any]) -> str:
    """What decides whose a workflow is: its uid, or a namespace where it may wait for others.

    That is the namespace of its locks where all of them live in one, else its own: see `Locking`, which refuses the others.
    """
    meta = raw.get("metadata") or {}
    own = str(meta.get("namespace", ""))
    namespaces = _namespaces(raw.get("spec"), own)
    if not namespaces:
        return str(meta.get("uid", ""))
    return key_of_locks(next(iter(namespaces)) if len(namespaces) == 1 else own)


def key_of_locks(namespace: str) -> str:
    """What decides which replica gives the locks of a namespace."""
    return f"namespace {namespace}"


def _namespaces(spec: object, own: str) -> set[str]:
    """The namespaces in which something lives that the workflow may wait for."""
    found: set[str] = set()
    left: list[object] = [spec]
    while left:
        one = left.pop()
        if isinstance(one, Mapping):
            if not _TOGETHER.isdisjoint(one):
                found |= _of_block(one.get("synchronization"), own) if _TOGETHER & one.keys() == {"synchronization"} else {own}
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
    return found


def _of_block(written: object, own: str) -> set[str]:
    """Where the locks of one block live; where that is known too late, it counts as the workflow's own namespace."""
    lists = [written.get(kind) for kind in ("mutexes", "semaphores")] if isinstance(written, Mapping) else []
    locks = [lock for many in lists if isinstance(many, list) for lock in many if isinstance(lock, Mapping)]
    said = {str(lock.get("namespace") or own) for lock in locks if not lock.get("database")}
    return {own if "{{" in namespace else namespace for namespace in said} or {own}


class _Heading(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class _Entry(NamedTuple):
    key: str
    is_own: bool


class Share:
    """Hears of all objects of a kind and tells on those that belong to this replica.

    Args:
        kind: Of the objects.
        hear: Told of this replica's objects; an object that comes to it is ADDED.
        release: Told of an object's uid that it lost.
        witness: Told of the objects of other replicas.
    """

    def __init__(  # noqa: PLR0913 as many as there are to tell
        self, api: Api, membership: Membership, kind: str, namespace: str, hear: Hear, release: Callable[[str], None], *,
        witness: Hear | None = None,
    ) -> None:  # fmt: skip
        self._witness = witness
        self._api = api
        self._membership = membership
        self._kind = kind
        self._namespace = namespace
        self._hear = hear
        self._release = release
        self._entries: dict[str, _Entry] = {}
        self._wanted = asyncio.Event()
        self._new: set[str] = set()

    def __call__(self, kind: str, raw: Mapping[str, Any]) -> None:
        """Hear of an object."""
        uid = str((raw.get("metadata") or {}).get("uid", ""))
        if kind == "DELETED":
            self._entries.pop(uid, None)
            self._new.discard(uid)
            self._hear(kind, raw)
            return
        known = self._entries.get(uid)
        key = known.key if known is not None else key_of(raw)
        is_own = self._is_mine(key)
        self._entries[uid] = _Entry(key, is_own)
        if is_own:
            self._hear(kind, raw)
        elif self._witness is not None:
            self._witness(kind, raw)

    def _is_mine(self, key: str) -> bool:
        return owner(key, self._membership.members) == self._membership.identity

    def rebalance(self) -> None:
        """Replicas came or went: give up at once what is another's, and ask for what is new.

        What is new counts as this replica's from now on, so that no change of it goes by while it is read.
        """
        for uid, entry in list(self._entries.items()):
            is_own = self._is_mine(entry.key)
            if entry.is_own and not is_own:
                self._entries[uid] = _Entry(entry.key, is_own=False)
                self._new.discard(uid)
                self._release(uid)
            elif is_own and not entry.is_own:
                self._entries[uid] = _Entry(entry.key, is_own=True)
                self._new.add(uid)
                self._wanted.set()

    async def run(self) -> None:
        """Take over what has become this replica's, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            backoff = Backoff()
            while True:
                try:
                    await self._take_over()
                except TiphysError as e:
                    log.warning("what this replica takes over cannot be read yet: %s", e.message)
                    await backoff.wait(e)
                else:
                    break

    async def _take_over(self) -> None:
        wanted, count = set(self._new), 0
        async for page in self._api.list(self._kind, self._namespace):
            for raw in page.items:
                uid = msgspec.json.decode(raw, type=_Heading).metadata.uid
                if uid in self._new:
                    whole: Json = {"apiVersion": "argoproj.io/v1alpha1", "kind": self._kind, **msgspec.json.decode(raw)}
                    self._hear("ADDED", whole)
                    count += 1
        self._new -= wanted
        log.info("took over %d objects of kind %s", count, self._kind)

    def is_own(self, uid: str) -> bool:
        """Whether an object is this replica's; one that nobody has told of yet is not."""
        entry = self._entries.get(uid)
        return entry is not None and entry.is_own


class Replica:
    """One replica among others: its Lease, and its share of each kind.

    Args:
        api: Writes nothing for a replica whose Lease has run out.
        home: The namespace of the Leases.
        group: Replicas of one group share their work.
        identity: This one's name; made when empty.
    """

    def __init__(  # noqa: PLR0913 as many as a membership has
        self, api: Api, clock: Clock, home: str, group: str, *, identity: str = "", duration: float = 10.0, interval: float = 2.0,
    ) -> None:  # fmt: skip
        named = identity or f"{socket.gethostname().lower()[:40]}-{secrets.token_hex(4)}"
        self.membership = Membership(api, clock, home, group, named, duration=duration, interval=interval)
        self.membership.on_change = self._rebalance
        self._api = api
        self._shares: dict[str, Share] = {}
        api.fence = self.membership.may_write

    def share(
        self, kind: str, namespace: str, hear: Hear, release: Callable[[str], None], *, witness: Hear | None = None
    ) -> Share:
        """What hears of a kind in place of `hear`; `witness` hears of what is other replicas'."""
        made = self._shares[kind] = Share(self._api, self.membership, kind, namespace, hear, release, witness=witness)
        return made

    def _rebalance(self) -> None:
        for share in self._shares.values():
            share.rebalance()

    def is_own(self, uid: str) -> bool:
        """Whether this replica follows a workflow."""
        return self._shares["Workflow"].is_own(uid)

    def works(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What is to be done as long as the controller works."""
        return [self.membership.run, *(share.run for share in self._shares.values())]

    async def leave(self) -> None:
        """Leave the work to the others at once."""
        await self.membership.leave()
