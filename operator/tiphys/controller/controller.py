"""Who hears what: workflows and pods become events of runs; runs' decisions become effects and status writes.

One turn at a time for each workflow; nothing blocks the loop; what the API server refuses for now is tried again.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from tiphys.controller.admission import Admission, Glance, Limits, place_of
from tiphys.controller.agents import Agents, Watch
from tiphys.controller.artifact_gc import ArtifactCollector
from tiphys.controller.calls import TURN, Calls
from tiphys.controller.circumstances import pod_settings_of, premises_of
from tiphys.controller.effects import Effects
from tiphys.controller.estimating import Estimator
from tiphys.controller.housekeeping import Housekeeper
from tiphys.controller.keeping import Keeping, keep
from tiphys.controller.kept import KeptPods
from tiphys.controller.leftovers import Leftovers
from tiphys.controller.live import Live
from tiphys.controller.locking import Locking
from tiphys.controller.measuring import QUEUE, measure
from tiphys.controller.memos import Memos
from tiphys.controller.observed import ObservedPods
from tiphys.controller.packing import PackingRules
from tiphys.controller.recording import Recorder
from tiphys.controller.restoring import Restorer
from tiphys.controller.shelves import Shelves
from tiphys.controller.spec_log import SpecLog
from tiphys.controller.strangers import end_strangers
from tiphys.controller.task_results import TaskResults
from tiphys.controller.turns import SLICE_SECONDS, TurnQueue
from tiphys.controller.writer import Writer
from tiphys.engine.artifact_gc import FINALIZER
from tiphys.engine.events import Event, LibraryChanged, NodeGone, NodeReported, SpecChanged
from tiphys.engine.premises import Premises
from tiphys.engine.run import Run
from tiphys.errors import BugError, SpecError, TiphysError
from tiphys.model.base import Json
from tiphys.model.names import LABEL_COMPLETED, LABEL_INSTANCE_ID, LABEL_PHASE
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import COMPLETED, ERROR, FAILED, FULFILLED, RUNNING
from tiphys.model.report import NodeReport
from tiphys.model.workflow import Workflow
from tiphys.pods.agent import is_agent
from tiphys.pods.collection import is_collection
from tiphys.pods.read import read_pod
from tiphys.pods.settings import PodSettings
from tiphys.pods.view import PodView, node_id, parse_pod
from tiphys.ports import Announcements, Clock, Exec, Locks, Logs, Objects, Repositories
from tiphys.settings import Configuration, Environment, OwnConfiguration
from tiphys.telemetry.archive import ArchiveMetrics
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.telemetry.tracing import Spans

log = logging.getLogger(__name__)


class Surroundings(NamedTuple):
    """What a controller works with."""

    objects: Objects
    logs: Logs
    announcements: Announcements
    clock: Clock
    metrics: ControllerMetrics
    pod_settings: PodSettings
    repositories: Repositories | None = None
    environment: Environment = Environment()
    keeping: Keeping | None = None
    home: str = "argo"
    namespace: str = ""
    locks: Locks | None = None
    exec: Exec | None = None
    spans: Spans | None = None
    recorder: Recorder | None = None
    task_sets: Watch | None = None


class Controller:
    """Follows workflows until it is stopped.

    Attributes:
        lives: Workflow uid -> what is followed.
        pods: The pods that are known.
        collector: Deletes artifacts.
        home: The controller's own namespace.
        namespace: Whose workflows are followed; empty for all.
        calls: Tells of what it does itself.
        locking: Who holds which lock.
        memos: What templates remember.
        agents: What is done without a pod of its own.
    """

    def __init__(self, world: Surroundings) -> None:
        self.objects = world.objects
        self.announcements = world.announcements
        self.clock = world.clock
        self.metrics = world.metrics
        self.spans = world.spans
        self.recorder = world.recorder
        self.pod_settings = world.pod_settings
        self.repositories = world.repositories
        self.environment = world.environment
        self.configuration = Configuration()
        self.own_configuration = OwnConfiguration()
        self._options = world.pod_settings
        self.keeping = world.keeping or keep(world.objects, ArchiveMetrics(world.metrics.registry), PackingRules())
        self.lives: dict[str, Live] = {}
        self.is_stopping = False
        self.home = world.home
        self.namespace = world.namespace
        self.calls = Calls(world.spans, world.clock)
        self.locking = Locking(self, world.locks)
        self.memos = Memos(self)
        self.agents = Agents(self, world.task_sets)
        self.effects = Effects(self)
        self.task_results = TaskResults(self)
        self.pods = ObservedPods(
            world.logs, self.effects.spawn, self._record_read, self.task_results,
            self.environment.argo_progress_patch_tick_duration.total_seconds(),
        )  # fmt: skip
        self.shelves = Shelves(self._library_changed)
        self.admission = Admission(self._admitted)
        self.collector = ArtifactCollector(self)
        self.housekeeper = Housekeeper(self)
        self.estimator = Estimator(self)
        self.spec_log = SpecLog(self)
        self.exec = world.exec
        self._leftovers = Leftovers(self)
        self.kept = KeptPods(self)
        self._restorer = Restorer(self)
        self._writer = Writer(self)
        self._queue = TurnQueue()
        self._is_ready = False
        self._quarantined: dict[str, str] = {}
        measure(self)

    # --- circumstances

    def configure(self, argo: Configuration, own: OwnConfiguration) -> None:
        """Take a configuration; runs that have begun keep what they took for granted."""
        self.configuration = argo
        self.own_configuration = own
        self.pod_settings = pod_settings_of(self._options, argo, own)
        self.effects.starter.rate.configure(argo.resource_rate_limit)
        limits = Limits(argo.parallelism, argo.namespace_parallelism, self.admission.limits.overrides)
        self.admission.set_limits(limits)
        self.housekeeper.enforce()
        self.metrics.configure(argo.metrics_config, own)

    def premises(self, workflow: Workflow, *, is_held: bool = False) -> Premises:
        """What a workflow's run takes for granted."""
        library = self.shelves.library(workflow.metadata.namespace)
        shared = premises_of(self.configuration, self.environment, library, own=self.own_configuration)
        return msgspec.structs.replace(shared, is_held=is_held, estimate=self.estimator.of(workflow))

    def _library_changed(self, namespace: str) -> None:
        """Tell the runs that call stored templates of this namespace, or of the cluster."""
        for live in self.lives.values():
            if live.run is not None and live.run.templates.calls_others and namespace in ("", live.namespace):
                self.send(live, LibraryChanged(self.shelves.library(live.namespace)))

    def _admitted(self, uid: str) -> None:
        live = self.lives.get(uid)
        if live is not None:
            self._restorer.admitted(live)

    # --- what is heard of workflows

    def ready(self) -> None:
        """Pods are known: runs may be restored."""
        self._is_ready = True
        self._restorer.ready()
        self.collector.ready()
        self.housekeeper.ready()
        for uid in self.lives:
            self._queue.add(uid)

    def workflow_changed(self, raw: Mapping[str, Any]) -> None:
        """A workflow was added or changed."""
        meta = raw.get("metadata") or {}
        labels = meta.get("labels") or {}
        uid, version = str(meta.get("uid", "")), str(meta.get("resourceVersion", ""))
        if not uid or labels.get(LABEL_INSTANCE_ID, "") != self.pod_settings.instance_id:
            return
        live = self.lives.get(uid)
        if live is None and labels.get(LABEL_COMPLETED) == "true":
            self._restorer.completed(uid)
            self.admission.release(uid)
            self.locking.gone(uid)
            if FINALIZER in (meta.get("finalizers") or ()):
                self._collect(raw)
            self.housekeeper.heard(raw)
            self.estimator.heard(raw)
            return
        if live is not None and live.is_old(version):
            return
        try:
            workflow = parse_workflow(raw)
        except SpecError as e:
            self._quarantine(uid, meta, e)
        except (ValueError, TypeError, RecursionError) as e:
            self._quarantine(uid, meta, SpecError(f"{type(e).__name__}: {e}"))
        else:
            self._quarantined.pop(uid, None)
            workflow = _ending(workflow)
            if live is None:
                self._follow(workflow)
            else:
                self.heard(live, workflow)

    def _collect(self, raw: Mapping[str, Any]) -> None:
        try:
            self.collector.heard(parse_workflow(raw))
        except (SpecError, ValueError, TypeError, RecursionError) as e:
            log.warning("artifacts of a workflow that cannot be read stay: %s", e)

    def _follow(self, workflow: Workflow) -> None:
        if workflow.status.phase:
            # it was another's, which may have given locks
            self.locking.look_again()
        # one that had ended and is retried is not to be deleted any more
        self.housekeeper.gone(workflow.metadata.uid)
        live = self.lives[workflow.metadata.uid] = Live(workflow)
        for key, pod in self.pods.of(live.uid).items():
            self.kept.heard(key, pod)
        self.turn_soon(live)

    def heard(self, live: Live, workflow: Workflow) -> None:
        """A followed workflow was changed, by others as far as we know."""
        if live.is_old(workflow.metadata.resource_version):
            return
        if live.is_writing:
            # either our write meets its precondition and all is read again, or this is newer than what we wrote
            live.heard = workflow
            return
        if workflow.status.phase in COMPLETED:
            self.workflow_ended(live, workflow)
            return
        self._foreign_change(live, workflow)
        self.turn_soon(live)

    def _foreign_change(self, live: Live, workflow: Workflow) -> None:
        known = None if live.run is None else live.unpacked(workflow)
        if known is None:
            live.forget_run(workflow)
            return
        workflow = known
        nodes_changed = workflow.status != live.stored.status and not self._is_own_status(live, workflow)
        if live.patch and nodes_changed:
            # what was decided meanwhile was decided on an older state: start from what is stored
            live.forget_run(workflow)
            return
        live.stored, live.version = workflow, workflow.metadata.resource_version
        if nodes_changed:
            self.locking.restored(live)
        live.events.append(SpecChanged(workflow, nodes_changed=nodes_changed))

    @staticmethod
    def _is_own_status(live: Live, workflow: Workflow) -> bool:
        """Whether the stored status is just what this run wrote."""
        return live.run is not None and not live.patch and live.run.snapshot().status.nodes == workflow.status.nodes

    def workflow_deleted(self, uid: str) -> None:
        """A workflow is gone; its pods go with it."""
        self._quarantined.pop(uid, None)
        self.admission.release(uid)
        self.metrics.custom.forget(uid)
        self.calls.forget(uid)
        self.locking.gone(uid)
        self.housekeeper.gone(uid)
        live = self.lives.pop(uid, None)
        self.kept.unfollowed(uid)
        if live is not None:
            self.agents.ended(live)
            live.close()

    def released(self, uid: str) -> None:
        """Another replica follows it from now on."""
        self.kept.left(uid)
        live = self.lives.pop(uid, None)
        if live is None or live.phase != RUNNING:
            self.admission.release(uid)
        self.metrics.custom.forget(uid)
        self.calls.forget(uid)
        self.locking.left(uid)
        self.housekeeper.gone(uid)
        if live is not None:
            live.close()

    def witnessed(self, _kind: str, raw: Mapping[str, Any]) -> None:
        """Another replica follows it: while it runs, it counts where the number of workflows is limited."""
        try:
            seen = msgspec.convert(raw, Glance, strict=False)
        except msgspec.ValidationError:
            return
        meta = seen.metadata
        if meta.labels.get(LABEL_COMPLETED) == "true":
            self.admission.release(meta.uid)
        elif meta.labels.get(LABEL_PHASE) == RUNNING:
            self.admission.count(meta.uid, meta.namespace)
        else:
            self.admission.ask_for(meta.namespace, place_of(meta, seen.spec.priority))

    def workflow_ended(self, live: Live, workflow: Workflow) -> None:
        """Somebody else ended it."""
        live.heard = workflow
        self.let_go(live)

    def let_go(self, live: Live) -> None:
        """The end is written: nothing more is to be done."""
        self.lives.pop(live.uid, None)
        end_strangers(self, live)
        self.task_results.ended(live.namespace, live.uid)
        self.kept.unfollowed(live.uid)
        self.admission.release(live.uid)
        self.calls.forget(live.uid)
        self.locking.gone(live.uid)
        self.agents.ended(live)
        live.close()
        if FINALIZER in live.stored.metadata.finalizers:
            self.collector.heard(live.stored)
        for known in (live.heard, live.stored):
            if known is not None and known.status.phase in COMPLETED:
                self.housekeeper.ended(known)
                self.estimator.ended(known)
                break

    # --- what is heard of pods

    def parse_pod(self, raw: msgspec.Raw) -> PodView:
        """A pod as we see it."""
        return parse_pod(raw)

    def pod_changed(self, key: str, pod: PodView) -> None:
        """A pod was added or changed."""
        if is_collection(pod):
            self.collector.pod_heard(pod)
            return
        self._count_pod(key, pod)
        is_new = self.pods.known(key, pod) is None
        uid = self.pods.store(key, pod)
        live = self.lives.get(uid)
        if live is None and is_new:
            self.housekeeper.late(uid, key, pod)
        if live is not None and is_agent(pod):
            self.agents.pod_changed(live, pod)
        if live is None or live.owns(key, pod):
            self.kept.heard(key, pod)
        if live is None or live.run is None or not live.owns(key, pod):
            return
        self._leftovers.heard(key, pod)
        report = self.pods.report(key, pod)
        if report is not None:
            self.send(live, NodeReported(report))

    def pod_deleted(self, key: str, pod: PodView) -> None:
        """A pod is gone."""
        if is_collection(pod):
            self.collector.pod_heard(pod)
            return
        self._leftovers.forget(pod)
        self.kept.forget(key, pod)
        words = self.pods.last_words(pod)
        live = self.lives.get(self.pods.forget(key, pod))
        if live is not None and is_agent(pod):
            self.agents.pod_deleted(live)
        if live is None or not live.owns(key, pod):
            return
        live.started.discard(node_id(pod))
        self.effects.teller.pod_gone(live, pod)
        if words is not None:
            self.send(live, NodeReported(words))
        else:
            self._count_missing(live, pod)
        self.send(live, NodeGone(node_id(pod)))

    def _count_pod(self, key: str, pod: PodView) -> None:
        """Count phases that are new, and what pods wait for."""
        before, namespace = self.pods.known(key, pod), pod.metadata.namespace
        if pod.status.phase and (before is None or before.status.phase != pod.status.phase):
            self.metrics.pods.labels(pod.status.phase, namespace).inc()
            if pod.status.phase == "Failed":
                self.spec_log.failed(key, pod)
        if pod.status.phase == "Pending":
            reason = read_pod(pod).message.partition(":")[0]
            if reason and (before is None or read_pod(before).message.partition(":")[0] != reason):
                self.metrics.pods_pending.labels(reason, namespace).inc()

    def _count_missing(self, live: Live, pod: PodView) -> None:
        node = live.run.tree.by_id(node_id(pod)) if live.run is not None else None
        if node is None or node.phase in FULFILLED:
            return
        patience = self.environment.recently_started_pod_duration
        is_recent = node.started_at is not None and self.clock.now() - node.started_at < patience
        self.metrics.pods_missing.labels(str(is_recent).lower(), node.phase).inc()

    def _record_read(self, uid: str, report: NodeReport) -> None:
        live = self.lives.get(uid)
        if live is not None:
            self.send(live, NodeReported(report))

    def send(self, live: Live, event: Event) -> None:
        """Let something happen to a workflow, in its next turn."""
        live.events.append(event)
        self.turn_soon(live)

    # --- turns

    def turn_soon(self, live: Live) -> None:
        """Give the workflow a turn."""
        self._queue.add(live.uid)
        self.metrics.queue_adds.labels(QUEUE).inc()

    @property
    def queue_depth(self) -> int:
        """Workflows that wait for their turn."""
        return len(self._queue)

    async def run(self) -> None:
        """Take turns until cancelled."""
        while True:
            uid = await self._queue.take()
            live = self.lives.get(uid)
            if live is not None and self._is_ready and not self.is_stopping:
                self.metrics.histogram("queue_latency").labels(QUEUE).observe(self._queue.waited)
                with self.metrics.turn_seconds.time(), self.metrics.histogram("queue_duration").labels(QUEUE).time():
                    self._turn(live)
            await asyncio.sleep(0)

    def _turn(self, live: Live) -> None:
        loop, began = asyncio.get_running_loop(), self.clock.now()
        end = loop.time() + SLICE_SECONDS
        try:
            if live.needs_restore and not self._restorer.restore(live):
                return
            while live.events and live.run is not None:
                self.handle(live, live.run, live.events.popleft())
                if loop.time() > end:
                    break
        except Exception as e:
            self._fail(live, e)
            return
        self.calls.done(live, TURN, began)
        if live.events:
            self.turn_soon(live)
        self._writer.soon(live)

    def handle(self, live: Live, run: Run, event: Event) -> None:
        """Let one thing happen to a run, and do what it says."""
        now = self.clock.now()
        self.calls.heard(live, event)
        actions = run.handle(event, now)
        if self.recorder is not None:
            self.recorder.record(live.stored, run, event, now, actions)
        patch = run.take_patch()
        if patch:
            live.add_patch(patch)
        self.effects.apply(live, actions)

    def end_unread(self, live: Live, error: TiphysError) -> None:
        """The nodes of a workflow cannot be had: it ends in Error."""
        now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"phase": ERROR, "message": error.message, "finishedAt": now}
        live.events.clear()
        live.add_patch({"metadata": {"labels": {LABEL_PHASE: ERROR, LABEL_COMPLETED: "true"}}, "status": status})
        self._writer.soon(live)

    def _fail(self, live: Live, error: Exception) -> None:
        """We are wrong about one workflow: it ends in Error, and nothing else notices."""
        cause = error.code if isinstance(error, TiphysError) else type(error).__name__
        self.metrics.errors.labels("OperationPanic").inc()
        log.exception("workflow %s broke the controller (%s)", live.key, cause)
        kind = "" if isinstance(error, BugError) else f"{type(error).__name__}: "
        now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"phase": ERROR, "message": f"internal error: {kind}{error}", "finishedAt": now}
        live.events.clear()
        live.add_patch({"metadata": {"labels": {LABEL_PHASE: ERROR, LABEL_COMPLETED: "true"}}, "status": status})
        self._writer.soon(live)

    def _quarantine(self, uid: str, meta: Mapping[str, Any], error: SpecError) -> None:
        """An object that cannot be read: told once, in its own status."""
        if self._quarantined.get(uid) == str(meta.get("generation", "")):
            return
        self._quarantined[uid] = str(meta.get("generation", ""))
        self.metrics.errors.labels("UnreadableWorkflow").inc()
        log.warning("workflow %s/%s cannot be read: %s", meta.get("namespace"), meta.get("name"), error)
        now = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"phase": FAILED, "message": f"cannot unmarshall spec: {error}", "startedAt": now, "finishedAt": now}
        patch: Json = {"metadata": {"labels": {LABEL_PHASE: FAILED, LABEL_COMPLETED: "true"}}, "status": status}
        self.effects.spawn(self._tell(str(meta.get("namespace")), str(meta.get("name")), patch))

    async def _tell(self, namespace: str, name: str, patch: Json) -> None:
        try:
            await self.objects.patch("Workflow", namespace, name, patch)
        except TiphysError as e:
            log.warning("workflow %s/%s cannot be told: %s", namespace, name, e.message)

    async def stop(self) -> None:
        """Finish what is under way and write what is known."""
        self.is_stopping = True
        self.housekeeper.close()
        self.pods.close()
        await self._writer.close()
        await self.effects.close()

    def abandon(self) -> None:
        """End everything at once, as a crash does: nothing more is written."""
        self.is_stopping = True
        self.housekeeper.close()
        self.pods.close()
        self._writer.abandon()
        self.effects.abandon()


def _ending(workflow: Workflow) -> Workflow:
    """A workflow that is being deleted, and is there only for a finalizer's sake, is to end."""
    if workflow.metadata.deletion_timestamp is None or workflow.status.phase in COMPLETED:
        return workflow
    return msgspec.structs.replace(workflow, spec=msgspec.structs.replace(workflow.spec, shutdown="Terminate"))
