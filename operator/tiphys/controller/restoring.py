"""Runs are made anew from what is stored, after a start or when others have changed what we knew.

What we see of pods may be older than the stored status: a pod that should run and that nobody has seen is looked for before it
counts as lost. A pod that runs although its workflow or its node has ended is stopped: a crash came between the two.

Differs from Argo: a pod that it does not see is lost.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Found, Live
from tiphys.controller.repository import RepositoryFinder
from tiphys.controller.shelves import parse_stored
from tiphys.engine.events import NodeReported, Restored
from tiphys.engine.library import CLUSTER
from tiphys.engine.pod_gc import is_collected
from tiphys.engine.premises import Premises
from tiphys.engine.run import Run
from tiphys.errors import NotFound, OutsideError, TiphysError
from tiphys.model.packed import packing_of
from tiphys.model.phases import FULFILLED, PENDING, POD
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import pod_name
from tiphys.pods.read import read_pod
from tiphys.pods.view import PodView, node_id, owner_uid, parse_pod

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)


class Restorer:
    """Makes runs from stored workflows and the pods that are there."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._repositories = RepositoryFinder(controller)
        self._is_ready = False
        self._completed: set[str] = set()

    def ready(self) -> None:
        """Pods are known."""
        self._is_ready = True
        for uid in self._completed:
            self._stop_all(uid)
        self._completed.clear()

    def completed(self, uid: str) -> None:
        """A workflow that nobody follows has ended: nothing of it may run."""
        if self._is_ready:
            self._stop_all(uid)
        else:
            self._completed.add(uid)

    def _stop_all(self, uid: str) -> None:
        for key, pod in self._controller.pods.of(uid).items():
            self._stop(key, pod)

    def _stop(self, key: str, pod: PodView) -> None:
        if read_pod(pod).is_final or pod.metadata.deletion_timestamp is not None:
            return
        namespace, _, name = key.partition("/")
        log.info("pod %s runs although its node has ended: it is deleted", key)
        self._controller.effects.spawn(self._controller.effects.starter.delete_pod(namespace, name, uid=pod.metadata.uid))

    def restore(self, live: Live) -> bool:
        """Make the run, unless pods must first be looked for: then False, and another turn comes."""
        if live.is_looking or self._is_early(live) or self._is_seeking(live):
            return False
        if self._repositories.is_needed(live):
            live.is_looking = True
            self._controller.effects.spawn(self._repositories.find(live))
            return False
        if packing_of(live.stored):
            live.is_looking = True
            self._controller.effects.spawn(self._unpack(live))
            return False
        missing = [] if live.is_verified else self._missing(live)
        if missing:
            live.is_looking = True
            self._controller.effects.spawn(self._look_for(live, missing))
            return False
        controller, found = self._controller, live.repository or Found()
        controller.locking.restored(live)
        controller.agents.restored(live)
        live.run = run = Run(live.stored)
        live.started = set(live.creating)
        reports, fulfilled = [], []
        for key, pod in controller.pods.of(live.uid).items():
            if not live.owns(key, pod):
                continue
            node = live.stored.status.nodes.get(node_id(pod))
            if node is not None and node.phase in FULFILLED:
                self._stop(key, pod)
                fulfilled.append((key, pod, node.phase))
                continue
            live.started.add(node_id(pod))
            reports.append(controller.pods.now(key, pod))
        controller.handle(live, run, Restored(tuple(reports), found.repository, found.error, self._premises(live)))
        live.events.extend(NodeReported(report) for report in reports)
        gc = run.spec.pod_gc
        for key, pod, phase in fulfilled:
            if gc is not None and is_collected(gc.strategy, phase) and read_pod(pod).is_final:
                controller.housekeeper.collect(key, pod, gc)
        return True

    def _premises(self, live: Live) -> Premises:
        controller, workflow = self._controller, live.stored
        is_new = workflow.status.phase in ("", PENDING)
        if not is_new or controller.pods.of(live.uid):
            controller.admission.count(live.uid, live.namespace)
        is_held = is_new and workflow.spec.shutdown != "Terminate" and not controller.admission.ask(workflow)
        return controller.premises(workflow, is_held=is_held)

    def admitted(self, live: Live) -> None:
        """A workflow that was held back may begin."""
        if live.run is not None:
            found = live.repository or Found()
            live.events.append(Restored((), found.repository, found.error, self._premises(live)))
        self._controller.turn_soon(live)

    def _is_early(self, live: Live) -> bool:
        """Whether a new workflow is given time first, in which others may still change it (`initialDelay`)."""
        controller, created = self._controller, live.stored.metadata.creation_timestamp
        delay = controller.configuration.initial_delay
        if not delay or created is None or live.stored.status.phase:
            return False
        left = (created + delay - controller.clock.now()).total_seconds()
        if left > 0:
            asyncio.get_running_loop().call_later(left, controller.turn_soon, live)
        return left > 0

    def _is_seeking(self, live: Live) -> bool:
        """Whether stored templates are asked for first: a workflow may be heard of before the template applied with it."""
        if live.stored.status.phase not in ("", PENDING):
            return False
        unknown = self._controller.shelves.missing(live.stored.spec, live.namespace) - live.sought
        if unknown:
            live.is_looking = True
            live.sought |= unknown
            self._controller.effects.spawn(self._seek(live, unknown))
        return bool(unknown)

    async def _seek(self, live: Live, scopes: set[str]) -> None:
        try:
            for scope in sorted(scopes):
                await self._seek_one(live, scope)
        finally:
            live.is_looking = False
            self._controller.turn_soon(live)

    async def _seek_one(self, live: Live, scope: str) -> None:
        controller, backoff = self._controller, Backoff()
        kind = "ClusterWorkflowTemplate" if scope.startswith(CLUSTER) else "WorkflowTemplate"
        while controller.lives.get(live.uid) is live and not controller.is_stopping:
            try:
                raw = await controller.objects.read(kind, live.namespace, scope.partition("/")[2])
                controller.shelves.heard("", parse_stored(raw))
            except OutsideError as e:
                log.warning("%s cannot be looked for: %s", scope, e.message)
                await backoff.wait(e)
            except (TiphysError, msgspec.DecodeError):
                return
            else:
                return
    async def _unpack(self, live: Live) -> None:
        """The stored workflow gets its nodes back, and another turn; one whose nodes are lost ends."""
        controller, backoff = self._controller, Backoff()
        packed = live.stored
        try:
            while controller.lives.get(live.uid) is live and not controller.is_stopping:
                try:
                    whole = await controller.keeping.hydrator.workflow(packed)
                except OutsideError as e:
                    log.warning("nodes of %s cannot be loaded yet: %s", live.key, e.message)
                    await backoff.wait(e)
                except TiphysError as e:
                    log.warning("nodes of %s are lost: %s", live.key, e.message)
                    controller.end_unread(live, e)
                    return
                else:
                    if live.stored is packed:
                        live.stored, live.packing = whole, packing_of(packed)
                    return
        finally:
            live.is_looking = False
            if not live.is_ending:
                controller.turn_soon(live)

    def _missing(self, live: Live) -> list[NodeStatus]:
        seen = {node_id(pod) for pod in self._controller.pods.of(live.uid).values()}
        nodes = live.stored.status.nodes.values()
        return [n for n in nodes if n.type == POD and n.phase not in FULFILLED and n.phase != PENDING and n.id not in seen]

    async def _look_for(self, live: Live, missing: list[NodeStatus]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for node in missing:
                    group.create_task(self._look_for_one(live, pod_name(live.stored, node)))
        finally:
            live.is_looking, live.is_verified = False, True
            self._controller.turn_soon(live)

    async def _look_for_one(self, live: Live, name: str) -> None:
        controller, backoff = self._controller, Backoff()
        while controller.lives.get(live.uid) is live and not controller.is_stopping:
            try:
                pod = parse_pod(msgspec.Raw(await controller.objects.read("Pod", live.namespace, name)))
            except NotFound:
                return
            except TiphysError as e:
                log.warning("pod %s/%s cannot be looked for: %s", live.namespace, name, e.message)
                await backoff.wait(e)
            else:
                if owner_uid(pod) == live.uid:
                    controller.pods.store(f"{live.namespace}/{name}", pod)
                return
