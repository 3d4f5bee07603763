"""Who hears what: workflows and pods become events of runs; runs' decisions become effects and status writes.

One turn at a time for each workflow; nothing blocks the loop; what the API server refuses for now is tried again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from tiphys.controller.effects import Effects
from tiphys.controller.live import Live
from tiphys.engine.events import Event, NodeGone, NodeReported, Restored, SpecChanged
from tiphys.engine.run import Run
from tiphys.errors import BugError, Conflict, InvalidManifest, NotFound, OutsideError, SpecError, TiphysError
from tiphys.model.base import Json
from tiphys.model.names import LABEL_COMPLETED, LABEL_INSTANCE_ID, LABEL_PHASE
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import COMPLETED, ERROR, FAILED, RUNNING
from tiphys.model.record import Framed, parse_frame
from tiphys.model.report import NodeReport
from tiphys.model.workflow import Workflow
from tiphys.pods.read import PodView, framed_record, node_id, owner_uid, parse_pod, read_pod
from tiphys.pods.settings import PodSettings
from tiphys.ports import Announcements, Clock, Logs, Objects
from tiphys.telemetry.metrics import ControllerMetrics

log = logging.getLogger(__name__)
_TURN_SLICE = 50


class Surroundings(NamedTuple):
    """What a controller works with."""

    objects: Objects
    logs: Logs
    announcements: Announcements
    clock: Clock
    metrics: ControllerMetrics
    pod_settings: PodSettings


class Controller:
    """Follows workflows until it is stopped.

    Attributes:
        lives: Workflow uid -> what is followed.
    """

    def __init__(self, world: Surroundings) -> None:
        self.objects = world.objects
        self.logs = world.logs
        self.announcements = world.announcements
        self.clock = world.clock
        self.metrics = world.metrics
        self.pod_settings = world.pod_settings
        self.lives: dict[str, Live] = {}
        self.is_stopping = False
        self.effects = Effects(self)
        self._pods: dict[str, dict[str, PodView]] = {}
        self._framed: set[str] = set()
        self._queue: deque[str] = deque()
        self._queued: set[str] = set()
        self._has_work = asyncio.Event()
        self._is_ready = False
        self._quarantined: dict[str, str] = {}

    # --- what is heard

    def ready(self) -> None:
        """Pods are known: runs may be restored."""
        self._is_ready = True
        for uid in self.lives:
            self._enqueue(uid)

    def workflow_changed(self, raw: Mapping[str, Any]) -> None:
        """A workflow was added or changed."""
        meta = raw.get("metadata") or {}
        labels = meta.get("labels") or {}
        uid, version = str(meta.get("uid", "")), str(meta.get("resourceVersion", ""))
        if not uid or labels.get(LABEL_INSTANCE_ID, "") != self.pod_settings.instance_id:
            return
        live = self.lives.get(uid)
        if live is None and labels.get(LABEL_COMPLETED) == "true":
            return
        if live is not None and version in live.own_versions:
            return
        try:
            workflow = parse_workflow(raw)
        except SpecError as e:
            self._quarantine(uid, meta, e)
            return
        if live is None:
            self.lives[uid] = live = Live(workflow)
            if workflow.status.phase:
                self.metrics.live.labels(workflow.status.phase).inc()
        elif live.writer is None:
            self._foreign_change(live, workflow)
        # a change during our own write meets its precondition: the write fails, and all is read again
        self._enqueue(uid)

    def _foreign_change(self, live: Live, workflow: Workflow) -> None:
        nodes_changed = live.run is not None and workflow.status != live.stored.status
        live.stored = workflow
        live.version = workflow.metadata.resource_version
        live.own_versions.add(live.version)
        if live.run is None:
            return
        if live.patch and nodes_changed:
            # what was decided meanwhile was decided on an older state: start from what is stored
            live.forget_run(workflow)
            return
        live.events.append(SpecChanged(workflow, nodes_changed=nodes_changed and not self._is_own_status(live, workflow)))

    @staticmethod
    def _is_own_status(live: Live, workflow: Workflow) -> bool:
        """Whether the stored status is just what this run wrote."""
        return live.run is not None and not live.patch and live.run.snapshot().status.nodes == workflow.status.nodes

    def workflow_deleted(self, uid: str) -> None:
        """A workflow is gone; its pods go with it."""
        live = self.lives.pop(uid, None)
        if live is not None:
            if live.wake is not None:
                live.wake.cancel()
            phase = live.run.status.phase if live.run else live.stored.status.phase
            if phase:
                self.metrics.live.labels(phase).dec()

    def parse_pod(self, raw: msgspec.Raw) -> PodView:
        """A pod as we see it."""
        return parse_pod(raw)

    def pod_owner(self, pod: PodView) -> str:
        """The uid of the workflow that a pod belongs to."""
        return owner_uid(pod)

    def pod_changed(self, key: str, pod: PodView) -> None:
        """A pod was added or changed."""
        uid = owner_uid(pod)
        self._pods.setdefault(uid, {})[key] = pod
        live = self.lives.get(uid)
        if live is None or live.run is None:
            return
        report = self._report(live, key, pod)
        if report is not None:
            self.send(live, NodeReported(report))

    def pod_deleted(self, key: str, pod: PodView) -> None:
        """A pod is gone."""
        uid = owner_uid(pod)
        pods = self._pods.get(uid, {})
        pods.pop(key, None)
        if not pods:
            self._pods.pop(uid, None)
        live = self.lives.get(uid)
        if live is None:
            return
        live.started.discard(node_id(pod))
        report = read_pod(pod)
        self.send(live, NodeReported(report) if report.is_final and framed_record(pod) is None else NodeGone(node_id(pod)))

    def _report(self, live: Live, key: str, pod: PodView) -> NodeReport | None:
        """What a pod says; None while its record must first be read from the log."""
        report = read_pod(pod)
        framed = framed_record(pod) if report.is_final else None
        if framed is None:
            return report
        if pod.metadata.uid not in self._framed:
            self._framed.add(pod.metadata.uid)
            self.effects.spawn(self._read_frame(live, key, pod, framed))
        return None

    async def _read_frame(self, live: Live, key: str, pod: PodView, framed: Framed) -> None:
        namespace, _, name = key.partition("/")
        message = ""
        for delay in (0.0, 0.2, 1.0, 3.0, 10.0):
            await asyncio.sleep(delay)
            try:
                tail = await self.logs.tail(namespace, name, "main", limit_bytes=framed.tail_bytes)
                report = read_pod(pod, parse_frame(tail, framed))
            except TiphysError as e:
                message = e.message
                continue
            self.send(live, NodeReported(report))
            return
        lost = msgspec.structs.replace(read_pod(pod), phase=ERROR, message=f"outputs could not be read: {message}")
        self.send(live, NodeReported(lost))

    def send(self, live: Live, event: Event) -> None:
        """Let something happen to a workflow, in its next turn."""
        live.events.append(event)
        self._enqueue(live.uid)

    # --- turns

    def _enqueue(self, uid: str) -> None:
        if uid not in self._queued:
            self._queued.add(uid)
            self._queue.append(uid)
            self._has_work.set()

    async def run(self) -> None:
        """Take turns until cancelled."""
        while True:
            await self._has_work.wait()
            self.metrics.queue_depth.labels("workflow_queue").set(len(self._queue))
            if not self._queue:
                self._has_work.clear()
                continue
            uid = self._queue.popleft()
            self._queued.discard(uid)
            live = self.lives.get(uid)
            if live is not None and self._is_ready:
                with self.metrics.turn_seconds.time():
                    self._turn(live)
            await asyncio.sleep(0)

    def _turn(self, live: Live) -> None:
        try:
            if live.needs_restore:
                self._restore(live)
            for _ in range(_TURN_SLICE):
                if not live.events or live.run is None:
                    break
                self._handle(live, live.run, live.events.popleft())
        except Exception as e:
            self._fail(live, e)
            return
        if live.events:
            self._enqueue(live.uid)
        self._write_soon(live)

    def _handle(self, live: Live, run: Run, event: Event) -> None:
        actions = run.handle(event, self.clock.now())
        patch = run.take_patch()
        if patch:
            live.add_patch(patch)
        self.effects.apply(live, actions)

    def _restore(self, live: Live) -> None:
        live.run = Run(live.stored)
        live.started = set()
        reports = []
        for key, pod in self._pods.get(live.uid, {}).items():
            live.started.add(node_id(pod))
            report = self._report(live, key, pod)
            reports.append(report or msgspec.structs.replace(read_pod(pod), phase=RUNNING, message="", is_final=False))
        self._handle(live, live.run, Restored(tuple(reports)))
        for report in reports:
            live.events.append(NodeReported(report))

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
        self._write_soon(live)

    # --- writing

    def _write_soon(self, live: Live) -> None:
        if live.patch and live.writer is None and not self.is_stopping:
            live.writer = asyncio.get_running_loop().create_task(self._write(live))

    async def _write(self, live: Live) -> None:
        try:
            delay = live.due(self.clock.now())
            while delay > 0 and not live.is_urgent:
                await asyncio.sleep(min(delay, 0.1))
                delay -= 0.1
            await self.flush(live)
        finally:
            live.writer = None
        if live.uid in self.lives:
            self._write_soon(live)

    async def flush(self, live: Live) -> None:
        """Write what is to be written; after a conflict, decide again from what is stored."""
        patch, live.patch = live.patch, {}
        is_ending, live.is_urgent = live.is_ending, False
        delay = 0.2
        while patch and live.uid in self.lives:
            try:
                meta = await self.objects.patch("Workflow", live.namespace, live.name, patch, resource_version=live.version)
            except Conflict:
                await self._read_again(live)
                return
            except NotFound:
                self.workflow_deleted(live.uid)
                return
            except InvalidManifest as e:
                patch = _too_large(e)
            except OutsideError as e:
                log.warning("status of %s is not written yet: %s", live.key, e.message)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 10.0)
            except TiphysError as e:
                log.warning("status of %s cannot be written: %s", live.key, e.message)
                await asyncio.sleep(10.0)
            else:
                self._written(live, meta.resource_version, is_ending=is_ending)
                return

    def _written(self, live: Live, version: str, *, is_ending: bool) -> None:
        live.version = version
        live.own_versions.add(version)
        live.last_write = self.clock.now()
        if live.run is not None:
            live.stored = live.run.snapshot()
        self.effects.collect(live)
        if is_ending and not live.patch:
            self._let_go(live)

    def _let_go(self, live: Live) -> None:
        """The end is written: nothing more is to be done but to answer for its pods."""
        self.lives.pop(live.uid, None)
        if live.wake is not None:
            live.wake.cancel()

    async def _read_again(self, live: Live) -> None:
        try:
            raw = await self.objects.read("Workflow", live.namespace, live.name)
            workflow = parse_workflow(raw)
        except NotFound:
            self.workflow_deleted(live.uid)
            return
        except TiphysError as e:
            log.warning("workflow %s cannot be read again: %s", live.key, e.message)
            await asyncio.sleep(1.0)
            self._enqueue(live.uid)
            return
        if workflow.metadata.uid != live.uid or workflow.status.phase in COMPLETED:
            self.workflow_deleted(live.uid)
            return
        live.forget_run(workflow)
        self._enqueue(live.uid)

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
        writers = [live.writer for live in self.lives.values() if live.writer is not None]
        for live in list(self.lives.values()):
            live.is_urgent = True
        if writers:
            await asyncio.wait(writers, timeout=10)
        await asyncio.gather(*(self.flush(live) for live in list(self.lives.values()) if live.patch))
        await self.effects.close()


def _too_large(error: InvalidManifest) -> Json:
    labels = {LABEL_PHASE: ERROR, LABEL_COMPLETED: "true"}
    return {
        "metadata": {"labels": labels},
        "status": {"phase": ERROR, "message": f"status cannot be stored: {error.message[:500]}"},
    }
