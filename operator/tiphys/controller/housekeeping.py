"""What becomes of finished workflows: deleted when their time is over or too many are kept, their pods when nobody wants them.

All follows from the stored objects, so that a restart forgets nothing. Of each finished workflow only a few words are kept.

Source: argo-semantics 21.
"""

import asyncio
import heapq
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.measuring import TTL
from tiphys.engine.actions import DeleteOwned
from tiphys.engine.companions import BUDGET, CLAIM, are_claims_due
from tiphys.engine.expiry import expires_at
from tiphys.engine.pod_gc import is_collected
from tiphys.errors import OutsideError, SpecError, TiphysError
from tiphys.model.base import ObjectMeta
from tiphys.model.durations import parse_duration
from tiphys.model.label_selector import matches
from tiphys.model.phases import ERROR, FAILED, SUCCEEDED
from tiphys.model.spec import PodGC, TTLStrategy, VolumeClaimGC
from tiphys.model.status import Condition, WorkflowStatus
from tiphys.model.workflow import Workflow
from tiphys.pods.read import read_pod
from tiphys.pods.view import PodView
from tiphys.settings.configuration import RetentionPolicy

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)


class _Spec(
    msgspec.Struct,
    frozen=True,
    rename={"ttl": "ttlStrategy", "pod_gc": "podGC", "claims": "volumeClaimTemplates", "claim_gc": "volumeClaimGC",
            "budget": "podDisruptionBudget"},
):  # fmt: skip
    ttl: TTLStrategy | None = None
    pod_gc: PodGC | None = None
    claims: tuple[dict[str, Any], ...] = ()
    claim_gc: VolumeClaimGC | None = None
    budget: dict[str, Any] | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    finished_at: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    stored_workflow_template_spec: _Spec | None = None


class _Seen(msgspec.Struct, frozen=True):
    """What we read of a finished workflow."""

    metadata: ObjectMeta
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def ttl(self) -> TTLStrategy | None:
        """Its own, else that of the spec it ran."""
        stored = self.status.stored_workflow_template_spec
        return self.spec.ttl or (stored.ttl if stored is not None else None)

    @property
    def pod_gc(self) -> PodGC | None:
        """Its own, else that of the spec it ran."""
        stored = self.status.stored_workflow_template_spec
        return self.spec.pod_gc or (stored.pod_gc if stored is not None else None)


    def companions(self) -> list[DeleteOwned]:
        """What ends with it beside its pods."""
        name, ran = self.metadata.name, self.status.stored_workflow_template_spec or self.spec
        found = [DeleteOwned(BUDGET, name)] if ran.budget is not None else []
        if are_claims_due(ran.claim_gc, self.status.phase):
            named = ((one.get("metadata") or {}).get("name", "") for one in ran.claims)
            found += [DeleteOwned(CLAIM, f"{name}-{own}") for own in named if own]
        return found


class Finished(msgspec.Struct, frozen=True, order=True):
    """A finished workflow, sorted by its end."""

    finished_at: str
    uid: str
    namespace: str
    name: str
    phase: str
    due: datetime | None
    conditions: tuple[tuple[str, str], ...] = ()


class Housekeeper:
    """Knows all finished workflows."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._finished: dict[str, Finished] = {}
        self._by_phase: dict[str, list[Finished]] = {}
        self._counts: Counter[str] = Counter()
        self._due: list[tuple[datetime, str]] = []
        self._deleting: dict[str, str] = {}
        self._leaving: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._is_ready = False
        self._to_sweep: dict[str, _Seen] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """Phase -> finished workflows that are still there."""
        return self._counts

    @property
    def conditions(self) -> Counter[tuple[str, str]]:
        """Type and status of a condition -> finished workflows that have it."""
        return Counter(pair for known in self._finished.values() for pair in known.conditions)

    @property
    def due_count(self) -> int:
        """Finished workflows whose time to live is running."""
        return len(self._due)

    def ready(self) -> None:
        """Pods are known: what a former life of this process left of them is cleared."""
        self._is_ready = True
        waiting, self._to_sweep = self._to_sweep, {}
        for seen in waiting.values():
            self._sweep(seen)

    def heard(self, raw: Mapping[str, Any]) -> None:
        """A finished workflow that nobody follows was seen, as plain JSON."""
        try:
            seen = msgspec.convert(raw, _Seen, strict=False)
        except msgspec.ValidationError as e:
            log.warning("a finished workflow cannot be read and stays: %s", e)
            return
        if seen.metadata.uid not in self._finished:
            if self._is_ready:
                self._sweep(seen)
            else:
                self._to_sweep[seen.metadata.uid] = seen
        self._know(seen.metadata, seen.status, seen.ttl)

    def ended(self, workflow: Workflow) -> None:
        """A workflow that was followed has ended, and that is written."""
        stored = workflow.status.stored_workflow_template_spec
        ttl = workflow.spec.ttl_strategy or (stored.ttl_strategy if stored is not None else None)
        self._know(workflow.metadata, workflow.status, ttl)

    def _know(self, meta: ObjectMeta, status: "_Status | WorkflowStatus", ttl: TTLStrategy | None) -> None:
        # the only way to what may be deleted leads past the archive
        self._controller.keeping.finished(meta, status.finished_at)
        phase, finished_at = status.phase, status.finished_at
        due = expires_at(ttl, phase, finished_at)
        conditions = tuple((one.type, one.status) for one in status.conditions)
        end = finished_at.isoformat() if finished_at else ""
        now = Finished(end, meta.uid, meta.namespace, meta.name, phase, due, conditions)
        before = self._finished.get(meta.uid)
        if before == now:
            return
        if before is not None:
            self._counts[before.phase] -= 1
        self._finished[meta.uid] = now
        self._counts[phase] += 1
        heapq.heappush(self._by_phase.setdefault(phase, []), now)
        if due is not None:
            heapq.heappush(self._due, (due, meta.uid))
            self._set_timer()
        self._retain(phase)

    def gone(self, uid: str) -> None:
        """A workflow is gone."""
        known = self._finished.pop(uid, None)
        self._keep(uid)
        self._to_sweep.pop(uid, None)
        if known is not None:
            self._counts[known.phase] -= 1

    # --- time to live, and how many are kept

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = max(0.0, (self._due[0][0] - self._controller.clock.now()).total_seconds())
        # the longest time that a timer of the loop can take is far beyond a day
        self._timer = asyncio.get_running_loop().call_later(min(seconds + 0.05, 86400.0), self._expire)

    def _expire(self) -> None:
        now = self._controller.clock.now()
        while self._due and self._due[0][0] <= now:
            due, uid = heapq.heappop(self._due)
            known = self._finished.get(uid)
            if known is not None and known.due == due:
                self._delete(known)
        if self._due:
            self._set_timer()

    def enforce(self) -> None:
        """How many are kept may have changed."""
        for phase in list(self._by_phase):
            self._retain(phase)

    def _retain(self, phase: str) -> None:
        limit = _limit(self._controller.configuration.retention_policy, phase)
        queue = self._by_phase.get(phase, [])
        while limit and queue and self._counts[phase] - self._leaving[phase] > limit:
            oldest = heapq.heappop(queue)
            if self._finished.get(oldest.uid) == oldest and oldest.uid not in self._deleting:
                self._delete(oldest)

    def _delete(self, known: Finished) -> None:
        if known.uid not in self._deleting:
            self._deleting[known.uid] = known.phase
            self._leaving[known.phase] += 1
            self._controller.effects.spawn(self._delete_in_time(known))

    def _keep(self, uid: str) -> None:
        """It is not to be deleted, or it is gone."""
        phase = self._deleting.pop(uid, None)
        if phase is not None:
            self._leaving[phase] -= 1

    async def _delete_in_time(self, known: Finished) -> None:
        """Delete a workflow, however long the API server is away, but not before it is archived."""
        controller, backoff = self._controller, Backoff(longest=60.0)
        await controller.keeping.settled(known.uid)
        while not controller.is_stopping and known.uid in self._finished:
            try:
                await controller.objects.delete("Workflow", known.namespace, known.name, uid=known.uid)
            except OutsideError as e:
                controller.metrics.queue_retries.labels(TTL).inc()
                await backoff.wait(e)
            except TiphysError as e:
                log.warning("workflow %s/%s cannot be deleted: %s", known.namespace, known.name, e.message)
                self._keep(known.uid)
                return
            else:
                log.info("workflow %s/%s is deleted: its time is over", known.namespace, known.name)
                return

    # --- pods

    def _sweep(self, seen: _Seen) -> None:
        """Delete what a former life of this process did not come to: claims, budgets and pods."""
        self._controller.effects.companions.left(seen.metadata, seen.companions())
        for key, pod in self._controller.pods.of(seen.metadata.uid).items():
            self._collect_if_due(key, pod, seen)

    def late(self, uid: str, key: str, pod: PodView) -> None:
        """A pod was heard of first when nobody follows its workflow any more, which its creation outlived."""
        if self._is_ready and uid in self._finished:
            self._controller.effects.spawn(self._end_late(uid, key, pod))

    async def _end_late(self, uid: str, key: str, pod: PodView) -> None:
        namespace, _, name = key.partition("/")
        if not read_pod(pod).is_final:
            if pod.metadata.deletion_timestamp is None:
                log.info("pod %s came after the end of its workflow: it is deleted", key)
                await self._controller.effects.starter.delete_pod(namespace, name, uid=pod.metadata.uid)
            return
        known, backoff = self._finished.get(uid), Backoff(longest=60.0)
        while known is not None and not self._controller.is_stopping:
            try:
                raw = await self._controller.objects.read("Workflow", known.namespace, known.name)
                seen = msgspec.convert(msgspec.json.decode(raw), _Seen, strict=False)
            except OutsideError as e:
                await backoff.wait(e)
            except (TiphysError, msgspec.ValidationError) as e:
                log.info("pod %s, which came after the end of its workflow, stays: %s", key, e)
                return
            else:
                if seen.metadata.uid == uid:
                    self._collect_if_due(key, pod, seen)
                return

    def _collect_if_due(self, key: str, pod: PodView, seen: _Seen) -> None:
        gc, report = seen.pod_gc, read_pod(pod)
        if gc is not None and gc.strategy and report.is_final and is_collected(gc.strategy, report.phase, seen.status.phase):
            self.collect(key, pod, gc)

    def collect(self, key: str, pod: PodView, gc: PodGC) -> None:
        """Delete a pod after the delay, if the selector chooses it."""
        if not is_chosen(gc, pod):
            return
        controller = self._controller
        namespace, _, name = key.partition("/")
        at = controller.clock.now() + timedelta(seconds=self.delay(gc))
        grace = controller.configuration.pod_gc_grace_period_seconds
        controller.effects.later(at, self._delete_pod, namespace, name, pod.metadata.uid, grace)

    async def _delete_pod(self, namespace: str, name: str, uid: str, grace: int | None) -> None:
        await self._controller.effects.starter.delete_pod(namespace, name, uid=uid, grace_seconds=grace)

    def delay(self, gc: PodGC) -> float:
        """Seconds for which an ended pod is kept."""
        try:
            return parse_duration(gc.delete_delay_duration).total_seconds() if gc.delete_delay_duration else self._default_delay
        except SpecError:
            return self._default_delay

    @property
    def _default_delay(self) -> float:
        return self._controller.configuration.pod_gc_delete_delay_duration.total_seconds()

    def close(self) -> None:
        """Nothing more is to happen."""
        if self._timer is not None:
            self._timer.cancel()


def is_chosen(gc: PodGC | None, pod: PodView) -> bool:
    """Whether the workflow's selector chooses the pod; one that cannot be read chooses none."""
    try:
        return matches(gc.label_selector if gc is not None else None, pod.metadata.labels)
    except SpecError:
        return False


def _limit(policy: RetentionPolicy | None, phase: str) -> int:
    if policy is None:
        return 0
    return {SUCCEEDED: policy.completed, FAILED: policy.failed, ERROR: policy.errored}.get(phase, 0)
