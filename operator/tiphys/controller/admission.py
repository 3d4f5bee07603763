"""How many workflows may run at once: the others wait, the one of the highest priority first, then the oldest.

Nothing here is stored: after a restart the running ones are counted again and the waiting ones wait again.

Source: argo-semantics 15.1.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from tiphys.model.base import ObjectMeta
from tiphys.model.workflow import Workflow

LABEL_PARALLELISM_LIMIT = "workflows.argoproj.io/parallelism-limit"
Place = tuple[int, str, str, str]
"""Minus the priority, creation time, name, uid: smaller comes first."""


class Limits(msgspec.Struct, frozen=True):
    """How many at once; 0 for no limit.

    Attributes:
        total: Of all namespaces together.
        each: Of each namespace.
        overrides: Namespace -> its own limit.
    """

    total: int = 0
    each: int = 0
    overrides: Mapping[str, int] = {}

    def of(self, namespace: str) -> int:
        """The limit of a namespace."""
        return self.overrides.get(namespace, self.each)


class _Priority(msgspec.Struct, frozen=True):
    priority: int | None = None


class Glance(msgspec.Struct, frozen=True):
    """What must be known of another replica's workflow."""

    metadata: ObjectMeta
    spec: _Priority = _Priority()


class Admission:
    """Who runs and who waits.

    Args:
        admitted: Told the uid of one that waited and may begin now; it counts as running already.
    """

    def __init__(self, admitted: Callable[[str], None]) -> None:
        self._admitted = admitted
        self._limits = Limits()
        self._running: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._waiting: dict[str, str] = {}
        self._queues: dict[str, list[Place]] = {}

    def set_limits(self, limits: Limits) -> None:
        """New limits; who runs goes on, who may begin now does."""
        self._limits = limits
        self._admit_next()

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self._limits

    @property
    def waiting_count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def is_running(self, uid: str) -> bool:
        """Whether one counts as running."""
        return uid in self._running

    def count(self, uid: str, namespace: str) -> None:
        """One runs, whatever the limits say."""
        self._waiting.pop(uid, None)
        if uid not in self._running:
            self._running[uid] = namespace
            self._counts[namespace] += 1

    def ask(self, workflow: Workflow) -> bool:
        """Whether a workflow that is to begin may; otherwise it waits and is told later."""
        return self.ask_for(workflow.metadata.namespace, place_of(workflow.metadata, workflow.spec.priority))

    def ask_for(self, namespace: str, place: Place) -> bool:
        """Whether the workflow of this place may begin; otherwise it waits.

        Replicas ask for each other's workflows, too: what all of them know, all of them decide in the same way.
        """
        uid = place[3]
        if uid in self._running:
            return True
        if self._has_room(namespace) and not self._is_behind(namespace, place):
            self.count(uid, namespace)
            return True
        if uid not in self._waiting:
            self._waiting[uid] = namespace
            heapq.heappush(self._queues.setdefault(namespace, []), place)
        return False

    def release(self, uid: str) -> None:
        """One has ended, or is gone."""
        self._waiting.pop(uid, None)
        namespace = self._running.pop(uid, None)
        if namespace is None:
            return
        self._counts[namespace] -= 1
        if not self._counts[namespace]:
            del self._counts[namespace]
        self._admit_next()

    def _has_room(self, namespace: str) -> bool:
        limit = self._limits.of(namespace)
        return (not self._limits.total or len(self._running) < self._limits.total) and (
            limit <= 0 or self._counts[namespace] < limit
        )

    def _is_behind(self, namespace: str, place: Place) -> bool:
        first = self._first(namespace)
        return first is not None and first < place

    def _first(self, namespace: str) -> Place | None:
        queue = self._queues.get(namespace, [])
        while queue and queue[0][3] not in self._waiting:
            heapq.heappop(queue)
        if not queue:
            self._queues.pop(namespace, None)
        return queue[0] if queue else None

    def _admit_next(self) -> None:
        while True:
            heads = [(place, name) for name in list(self._queues) if self._has_room(name) and (place := self._first(name))]
            if not heads:
                return
            place, namespace = min(heads)
            self.count(place[3], namespace)
            self._admitted(place[3])


def place_of(meta: ObjectMeta, priority: int | None) -> Place:
    """Where a workflow stands in the queue."""
    created = meta.creation_timestamp.isoformat() if meta.creation_timestamp else ""
    return (-(priority or 0), created, meta.name, meta.uid)
