"""Which replicas of a controller are alive: each renews a Lease of its own, and all look at all of them.

Nobody's clock is trusted but one's own: a replica is alive as long as its Lease changes. Who cannot renew his own Lease knows
before the others do that he counts as dead, and stops writing.

Source: Kubernetes' API reference (coordination.k8s.io/v1 Lease).
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from tiphys.cluster.api import Api
from tiphys.errors import AlreadyExists, NotFound, TiphysError
from tiphys.model.base import Json, ObjectMeta
from tiphys.ports import Clock

log = logging.getLogger(__name__)
LABEL_GROUP = "tiphys.io/replicas-of"
_MARGIN = 0.2
_REMAINS_SECONDS = 600.0


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str = ""
    lease_duration_seconds: int = 0


class _Lease(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    spec: _Spec = _Spec()


class _Seen(NamedTuple):
    """A Lease's version, and when we saw it first by our own clock."""

    version: str
    at: float


class Membership:
    """One replica among others.

    Args:
        api: To renew and look.
        clock: What the Lease says of the time, for people.
        namespace: Where the Leases are.
        group: Replicas of one group share their work.
        identity: This one's name, unlike all others'.
        duration: Seconds that a replica counts as alive after its last sign.
        interval: Seconds between two signs.

    Attributes:
        members: The replicas that are alive; empty while this one is not sure to be.
        on_change: Called when they have changed.
    """

    def __init__(  # noqa: PLR0913 as many as there are facts
        self, api: Api, clock: Clock, namespace: str, group: str, identity: str, *, duration: float = 10.0, interval: float = 2.0,
    ) -> None:  # fmt: skip
        self.members: frozenset[str] = frozenset()
        self.on_change: Callable[[], None] = lambda: None
        self.identity = identity
        self._api = api
        self._clock = clock
        self._namespace = namespace
        self._group = group
        self._duration = duration
        self._interval = interval
        self._until = 0.0
        self._settled_at = 0.0
        self._seen: dict[str, _Seen] = {}

    @property
    def name(self) -> str:
        """Of this replica's Lease."""
        return f"tiphys-{self.identity}"

    def may_write(self) -> bool:
        """Whether this replica counts as alive for all others for certain."""
        return asyncio.get_running_loop().time() < self._until - self._duration * _MARGIN

    async def run(self) -> None:
        """Give signs and look for others' until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._duration / 2):
                    await self._renew()
                    await self._look()
            except (TiphysError, TimeoutError) as e:
                log.warning("replica %s could not tell that it is alive: %s", self.identity, e)
            if not self.may_write():
                self._set(frozenset())
            await asyncio.sleep(self._interval)

    async def leave(self) -> None:
        """Tell the others that this replica ends, so that they need not wait for its Lease to run out."""
        self._until = 0.0
        self._set(frozenset())
        try:
            await self._api.delete("Lease", self._namespace, self.name)
        except TiphysError as e:
            log.warning("lease %s is left to run out: %s", self.name, e.message)

    async def _renew(self) -> None:
        now = asyncio.get_running_loop().time()
        stamp = _micro(self._clock.now())
        patch: Json = {"spec": {"holderIdentity": self.identity, "renewTime": stamp}}
        try:
            await self._api.patch("Lease", self._namespace, self.name, patch)
        except NotFound:
            await self._create(stamp)
        if now >= self._until:
            # the others are given the time to see this one before it begins
            self._settled_at = now + 2 * self._interval
        self._until = now + self._duration

    async def _create(self, stamp: str) -> None:
        manifest: Json = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self._namespace, "labels": {LABEL_GROUP: self._group}},
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": max(1, round(self._duration)),
                "acquireTime": stamp,
                "renewTime": stamp,
            },
        }
        try:
            await self._api.create("Lease", self._namespace, manifest)
        except AlreadyExists:
            return

    async def _look(self) -> None:
        loop, alive, names = asyncio.get_running_loop(), set(), set()
        async for page in self._api.list("Lease", self._namespace, labels=f"{LABEL_GROUP}={self._group}"):
            for raw in page.items:
                lease = msgspec.json.decode(raw, type=_Lease)
                names.add(lease.metadata.name)
                age = self._age(lease)
                if age < (lease.spec.lease_duration_seconds or self._duration):
                    alive.add(lease.spec.holder_identity)
                elif age > _REMAINS_SECONDS:
                    await self._api.delete("Lease", self._namespace, lease.metadata.name, uid=lease.metadata.uid)
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        if self.may_write() and loop.time() >= self._settled_at:
            self._set(frozenset(alive | {self.identity}))

    def _age(self, lease: _Lease) -> float:
        """Seconds since we saw it change."""
        now, meta = asyncio.get_running_loop().time(), lease.metadata
        seen = self._seen.get(meta.name)
        if seen is None or seen.version != meta.resource_version:
            seen = self._seen[meta.name] = _Seen(meta.resource_version, now)
        return now - seen.at

    def _set(self, members: frozenset[str]) -> None:
        if members != self.members:
            log.info("replicas that are alive: %s", ", ".join(sorted(members)) or "not known")
            self.members = members
            self.on_change()


def _micro(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
