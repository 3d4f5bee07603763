"""Runners of nodes come and go: pods are created, adopted after a crash, stopped.

Names are deterministic, so that a pod that may or may not have been created is simply created again: the name is taken then, and
the pod is ours if its owner's uid is.

Source: argo-semantics 3.7, 4.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.dropped import may_be_dropped, tell_dropped
from tiphys.controller.live import Live
from tiphys.controller.measuring import PODS
from tiphys.controller.rate import TokenBucket
from tiphys.engine.actions import StartNode, StopNode
from tiphys.engine.events import StartDelayed, StartRefused
from tiphys.engine.policies import judge_pod
from tiphys.errors import AlreadyExists, Conflict, NotFound, OutsideError, RefusedError, SpecError, TiphysError, UserError
from tiphys.model.base import Json
from tiphys.model.order import NodeOrder
from tiphys.model.phases import FULFILLED
from tiphys.pods.build import PodPlan, build
from tiphys.pods.view import PodView, owner_uid, parse_pod
from tiphys.shim import binaries

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_LONGEST_DELAY = 15.0


class Starter:
    """Starts and stops the pods of nodes; a workflow has few starts under way at a time, so that a wide one is not in the way."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self.rate = TokenBucket()
        self._shims: dict[str, asyncio.Task[None]] = {}

    def start(self, live: Live, action: StartNode) -> None:
        """Create the node's pod, once; one that is there says how far it is."""
        order = action.order
        key = f"{live.namespace}/{order.pod_name}"
        pod = self._controller.pods.of(live.uid).get(key)
        if pod is not None and pod.metadata.deletion_timestamp is None:
            live.started.add(order.node_id)
            self._controller.pod_changed(key, pod)
            return
        if order.node_id in live.started:
            return
        live.started.add(order.node_id)
        task = live.creating[order.node_id] = self._controller.effects.spawn(self._start(live, order))
        task.add_done_callback(lambda done: live.created(order.node_id, done))

    async def _start(self, live: Live, order: NodeOrder) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with live.starts:
            if not self._is_wanted(live, order):
                return
            try:
                plan = self._plan(live, order)
            except UserError as e:
                self._refuse(live, order, f"{e}{f' ({e.hint})' if e.hint else ''}")
                return
            self._controller.spec_log.created(plan.pod)
            await self._create_soon(live, order, plan)
        self._controller.metrics.start_seconds.observe(loop.time() - began)

    def _plan(self, live: Live, order: NodeOrder) -> PodPlan:
        controller = self._controller
        workflow = live.run.effective if live.run else live.stored
        plan = build(order, workflow, controller.pod_settings, controller.clock.now())
        verdict = judge_pod(controller.own_configuration.policies, workflow, plan.pod)
        if verdict.denials:
            raise SpecError("; ".join(verdict.denials))
        for warning in verdict.warnings:
            log.warning("pod %s of %s: %s", order.pod_name, live.key, warning)
        return plan

    def _is_wanted(self, live: Live, order: NodeOrder) -> bool:
        controller = self._controller
        node = live.run.tree.by_id(order.node_id) if live.run is not None else None
        # a creation whose answer was lost may have come to its end meanwhile: a second pod must not follow
        is_over = node is not None and node.phase in FULFILLED
        is_followed = not controller.is_stopping and controller.lives.get(live.uid) is live
        return order.node_id in live.started and is_followed and not is_over

    async def _create_soon(self, live: Live, order: NodeOrder, plan: PodPlan) -> None:
        backoff, controller = Backoff(longest=_LONGEST_DELAY), self._controller
        with controller.metrics.histogram("resource_rate_limiter_latency").time():
            delayed = StartDelayed(order.node_id, "resource creation rate-limit reached")
            await self.rate.take(lambda: controller.send(live, delayed))
        while self._is_wanted(live, order):
            try:
                if await self._create_all(live, plan):
                    return
            except OutsideError as e:
                self._controller.send(live, StartDelayed(order.node_id, e.message))
                await backoff.wait(e)
            except TiphysError as e:
                self._refuse(live, order, e.message)
                return

    async def _create_all(self, live: Live, plan: PodPlan) -> bool:
        """Whether the pod is there now."""
        controller, objects = self._controller, self._controller.objects
        if plan.needs_shim:
            await self._ensure_shim(live.namespace)
        for config_map in plan.config_maps:
            try:
                await objects.create("ConfigMap", live.namespace, config_map)
            except AlreadyExists:
                continue
        try:
            await objects.create("Pod", live.namespace, plan.pod)
            for warning in plan.warnings:
                controller.announcements.announce(live.regarding, type_="Warning", reason="LogNotArchived", message=warning)
            if may_be_dropped(plan.pod):
                controller.effects.spawn(tell_dropped(controller, live, plan.pod))
        except AlreadyExists:
            return await self._adopt(live, plan.pod["metadata"]["name"])
        return True

    async def _adopt(self, live: Live, name: str) -> bool:
        """A pod of that name is there: it is ours only if its owner is. False when it is gone meanwhile."""
        try:
            raw = await self._controller.objects.read("Pod", live.namespace, name)
        except NotFound:
            return False
        pod = parse_pod(msgspec.Raw(raw))
        if pod.metadata.deletion_timestamp is not None:
            raise Conflict(f'pod "{name}" is still being deleted')
        if owner_uid(pod) != live.uid and self._is_left_over(live, pod):
            await self.delete_pod(live.namespace, name, uid=pod.metadata.uid)
            raise Conflict(f'pod "{name}" of an earlier workflow of this name is being deleted')
        if owner_uid(pod) != live.uid:
            raise RefusedError(f'pod "{name}" exists and belongs to somebody else')
        self._controller.pod_changed(f"{live.namespace}/{name}", pod)
        return True

    def _is_left_over(self, live: Live, pod: PodView) -> bool:
        """Whether a workflow of the same name made it that is no more: its last creation came after its deletion."""
        return any(one.controller and one.kind == "Workflow" and one.name == live.name for one in pod.metadata.owner_references)

    def _refuse(self, live: Live, order: NodeOrder, message: str) -> None:
        log.info("node %s of %s cannot start: %s", order.node_name, live.key, message)
        self._controller.send(live, StartRefused(order.node_id, message))

    async def _ensure_shim(self, namespace: str) -> None:
        """The namespace holds the shim of this version; asked for once."""
        if namespace not in self._shims:
            self._shims[namespace] = asyncio.get_running_loop().create_task(self._write_shim(namespace))
        try:
            await self._shims[namespace]
        except TiphysError:
            self._shims.pop(namespace, None)
            raise

    async def _write_shim(self, namespace: str) -> None:
        name = self._controller.pod_settings.shim_config_map
        manifest: Json = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "tiphys"}},
            "binaryData": binaries(),
        }
        try:
            await self._controller.objects.create("ConfigMap", namespace, manifest)
        except AlreadyExists:
            await self._controller.objects.patch("ConfigMap", namespace, name, {"binaryData": manifest["binaryData"]})

    def stop(self, live: Live, action: StopNode) -> None:
        """Delete the node's pod, after its creation has ended when that is under way."""
        if not action.uid:
            live.started.discard(action.node_id)
        # one that is stopped by its uid may have a successor already
        self._controller.effects.spawn(self._stop(live, action))

    async def _stop(self, live: Live, action: StopNode) -> None:
        creating = live.creating.get(action.node_id)
        if creating is not None:
            await asyncio.wait([creating])
        await self.delete_pod(live.namespace, action.pod_name, uid=action.uid, grace_seconds=action.grace_seconds)

    async def delete_pod(self, namespace: str, name: str, *, uid: str = "", grace_seconds: int | None = None) -> None:
        """Delete a pod, however long the API server is away."""
        backoff = Backoff(longest=_LONGEST_DELAY)
        while True:
            try:
                await self._controller.objects.delete("Pod", namespace, name, uid=uid, grace_seconds=grace_seconds)
            except OutsideError as e:
                if self._controller.is_stopping:
                    return
                self._controller.metrics.queue_retries.labels(PODS).inc()
                await backoff.wait(e)
            except RefusedError as e:
                log.warning("pod %s/%s cannot be deleted: %s", namespace, name, e.message)
                return
            else:
                return
