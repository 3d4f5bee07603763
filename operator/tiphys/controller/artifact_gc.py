"""Artifacts of completed and of deleted workflows are deleted by pods; the workflow's finalizer waits for them, but not for ever.

What is to be done next is decided by `engine.artifact_gc` from the stored object alone, read anew before each step, so that a
crash or another writer costs a repetition at most. One task a workflow, a few workflows at a time.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Live
from tiphys.engine.artifact_gc import (
    ATTEMPTS,
    ERROR_CONDITION,
    FINALIZER,
    Await,
    Release,
    Rest,
    Start,
    next_step,
    recouped,
    remaining,
    with_marks,
    written_down,
)
from tiphys.errors import AlreadyExists, Conflict, NotFound, OutsideError, RefusedError, SpecError, TiphysError
from tiphys.model.base import Json
from tiphys.model.collecting import Batch, CollectPlan, CollectRecord
from tiphys.model.packed import Packing, packing_of
from tiphys.model.parse import parse_as, parse_workflow
from tiphys.model.phases import COMPLETED
from tiphys.model.workflow import Workflow
from tiphys.pods.collection import PLAN_FILE, collected, collection_objects
from tiphys.pods.view import PodView, parse_pod

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_AT_ONCE = 8
_LOOK_SECONDS = 15.0
"""A pod is looked for this often where nothing is heard of it."""
_PAUSES = (0.0, 5.0, 30.0)


class _ConfigMap(msgspec.Struct, frozen=True):
    data: dict[str, str] = {}


class ArtifactCollector:
    """Sees to it that artifacts go when their time has come."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news: dict[str, asyncio.Event] = {}
        self._packings: dict[str, Packing] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._is_ready = False
        self._waiting: list[Workflow] = []

    def ready(self) -> None:
        """Begin; what was heard before counts."""
        self._is_ready = True
        waiting, self._waiting = self._waiting, []
        for workflow in waiting:
            self.heard(workflow)

    def heard(self, workflow: Workflow) -> None:
        """A completed workflow that has the finalizer was added or changed."""
        uid = workflow.metadata.uid
        if not self._is_ready:
            self._waiting.append(workflow)
        elif uid in self._tasks:
            self._news[uid].set()
        elif packing_of(workflow) or not isinstance(self._step(workflow), Rest):
            self._news[uid] = asyncio.Event()
            task = self._tasks[uid] = self._controller.effects.spawn(self._run(workflow))
            task.add_done_callback(lambda _: self._forget(uid))

    def pod_heard(self, pod: PodView) -> None:
        """A pod that deletes artifacts was changed or is gone: whoever waits looks at his own."""
        for uid in [owner.uid for owner in pod.metadata.owner_references] or list(self._news):
            if uid in self._news:
                self._news[uid].set()

    def _forget(self, uid: str) -> None:
        self._tasks.pop(uid, None)
        self._news.pop(uid, None)
        self._packings.pop(uid, None)

    def _step(self, workflow: Workflow) -> Rest | Await | Start | Release:
        if not self._controller.environment.argo_artifact_gc_enabled:
            return Release() if workflow.metadata.deletion_timestamp is not None else Rest()
        try:
            return next_step(workflow, self._controller.clock.now())
        except SpecError as e:
            # a location that cannot be completed: nothing will ever find it
            log.warning("artifacts of %s/%s cannot be found: %s", workflow.metadata.namespace, workflow.metadata.name, e)
            return Release() if workflow.metadata.deletion_timestamp is not None else Rest()

    async def _run(self, workflow: Workflow) -> None:
        backoff = Backoff()
        async with self._room:
            while not self._controller.is_stopping:
                try:
                    found = await self._read(workflow)
                    if found is None:
                        return
                    step = self._step(found)
                    if isinstance(step, Rest):
                        return
                    await self._do(found, step)
                    if isinstance(step, Release):
                        return
                except Conflict:
                    continue
                except OutsideError as e:
                    await backoff.wait(e)
                except TiphysError as e:
                    log.warning("artifacts of %s cannot be deleted: %s", _key(workflow), e.message)
                    return

    async def _read(self, workflow: Workflow) -> Workflow | None:
        """The workflow as it is stored; None when there is nothing more to do for it."""
        meta = workflow.metadata
        try:
            found = parse_workflow(await self._controller.objects.read("Workflow", meta.namespace, meta.name))
        except NotFound:
            return None
        is_ours = found.metadata.uid == meta.uid and FINALIZER in found.metadata.finalizers
        if not is_ours or found.status.phase not in COMPLETED:
            return None
        self._packings[meta.uid] = packing_of(found)
        return await self._controller.keeping.hydrator.workflow(found)

    async def _do(self, workflow: Workflow, step: Await | Start | Release) -> None:
        match step:
            case Start():
                await self._start(workflow, step)
            case Await():
                await self._await(workflow, step.pods)
            case Release():
                await self._release(workflow, step.left)

    async def _patch(self, workflow: Workflow, patch: Json) -> None:
        meta = workflow.metadata
        live = Live(workflow)
        live.packing = self._packings.get(meta.uid, Packing())
        if live.packing:
            patch, _ = await self._controller.keeping.packer.pack(live, patch, with_marks(workflow, patch))
        await self._controller.objects.patch("Workflow", meta.namespace, meta.name, patch, resource_version=meta.resource_version)

    # --- pods

    async def _start(self, workflow: Workflow, step: Start) -> None:
        attempt = min(len(_PAUSES) - 1, _number(step.batches[0].pod_name))
        await asyncio.sleep(_PAUSES[attempt])
        await self._patch(workflow, {"status": written_down(step)})
        count = sum(len(batch.plan.deletions) for batch in step.batches)
        log.info("%d artifacts of %s are deleted (%s)", count, _key(workflow), step.strategy)
        for batch in step.batches:
            await self._create(workflow, batch)

    async def _create(self, workflow: Workflow, batch: Batch) -> None:
        """Create what deletes; where that is refused, it is seen as a pod that is gone."""
        controller, namespace = self._controller, workflow.metadata.namespace
        try:
            config_map, pod = collection_objects(batch, workflow, controller.pod_settings)
        except SpecError as e:
            await self._fault(workflow, batch.pod_name, f"Pod cannot be made: {e.message}")
            return
        for kind, manifest in (("ConfigMap", config_map), ("Pod", pod)):
            try:
                await controller.objects.create(kind, namespace, manifest)
            except AlreadyExists:
                continue
            except RefusedError as e:
                await self._fault(workflow, batch.pod_name, f"{kind} cannot be created: {e.message}")
                return

    async def _fault(self, workflow: Workflow, pod: str, fault: str) -> None:
        found = await self._read(workflow)
        if found is None:
            return
        await self._recoup(found, pod, CollectPlan(), CollectRecord(), fault)
        found = await self._read(workflow)
        if found is not None and found.metadata.deletion_timestamp is not None:
            # a namespace that is being deleted, a right that is missing: no further attempt will do better
            await self._release(found, len(remaining(found)))

    async def _await(self, workflow: Workflow, pods: tuple[str, ...]) -> None:
        """Take what the first pod that has ended did; wait when none has."""
        uid, namespace = workflow.metadata.uid, workflow.metadata.namespace
        self._news[uid].clear()
        for name in pods:
            try:
                pod = parse_pod(msgspec.Raw(await self._controller.objects.read("Pod", namespace, name)))
            except NotFound:
                await self._recoup(workflow, name, CollectPlan(), CollectRecord(), "the pod is gone")
                return
            outcome = collected(pod)
            if outcome is not None:
                await self._recoup(workflow, name, await self._plan(namespace, name), *outcome)
                return
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._news[uid].wait()
        except TimeoutError:
            return

    async def _plan(self, namespace: str, name: str) -> CollectPlan:
        try:
            found = parse_as(_ConfigMap, await self._controller.objects.read("ConfigMap", namespace, name))
            return parse_as(CollectPlan, found.data.get(PLAN_FILE, "{}"))
        except (NotFound, SpecError):
            return CollectPlan()

    async def _recoup(self, workflow: Workflow, pod: str, plan: CollectPlan, record: CollectRecord, fault: str) -> None:
        patch = recouped(workflow, pod, plan, record, fault)
        await self._patch(workflow, {"status": patch})
        said = next((one["message"] for one in patch.get("conditions", ()) if one["type"] == ERROR_CONDITION), "")
        if said:
            log.warning("workflow %s: %s", _key(workflow), said)
            self._announce(workflow, said)
        for kind in ("Pod", "ConfigMap"):
            try:
                await self._controller.objects.delete(kind, workflow.metadata.namespace, pod)
            except TiphysError as e:
                log.warning("%s %s cannot be deleted: %s", kind, pod, e.message)

    async def _release(self, workflow: Workflow, left: int) -> None:
        kept = [name for name in workflow.metadata.finalizers if name != FINALIZER]
        if left:
            said = f"{left} artifacts stay behind after {ATTEMPTS} attempts or too long a time; see conditions"
            log.warning("workflow %s is released: %s", _key(workflow), said)
            self._announce(workflow, said)
        await self._patch(workflow, {"metadata": {"finalizers": kept or None}})

    def _announce(self, workflow: Workflow, said: str) -> None:
        meta = workflow.metadata
        about = {"apiVersion": workflow.api_version, "kind": workflow.kind, "namespace": meta.namespace, "name": meta.name,
                 "uid": meta.uid}  # fmt: skip
        self._controller.announcements.announce(about, type_="Warning", reason="ArtifactGCFailed", message=said)


def _number(pod: str) -> int:
    tail = pod.rpartition("-a")[2]
    return int(tail) if tail.isdecimal() else 0


def _key(workflow: Workflow) -> str:
    return f"{workflow.metadata.namespace}/{workflow.metadata.name}"
