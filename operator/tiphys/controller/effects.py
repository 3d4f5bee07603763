"""One function for each action: what a run asks for is done here."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.controller.live import Live
from tiphys.engine.actions import Action, CollectNode, DeleteWorkflowAt, NodeChanged, StartNode, StopNode, WakeAt, WorkflowChanged
from tiphys.engine.events import StartDelayed, StartRefused, Woke
from tiphys.errors import AlreadyExists, NotFound, OutsideError, RefusedError, TiphysError, UserError
from tiphys.model.base import Json
from tiphys.model.names import PREFIX
from tiphys.model.order import NodeOrder
from tiphys.model.phases import ERROR, FAILED, POD, RUNNING, SUCCEEDED
from tiphys.pods.build import PodPlan, build
from tiphys.shim import binaries

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_REASONS = {RUNNING: "Running", SUCCEEDED: "Succeeded", FAILED: "Failed", ERROR: "Error"}


class Effects:
    """Does what runs ask for; answers come back as events."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._tasks: set[asyncio.Task[None]] = set()
        self._shims: dict[str, asyncio.Task[None]] = {}
        self._do: dict[type[Action], Callable[[Live, Any], None]] = {
            StartNode: self._start,
            StopNode: self._stop,
            CollectNode: self._collect_later,
            WakeAt: self._wake,
            NodeChanged: self._node_changed,
            WorkflowChanged: self._workflow_changed,
            DeleteWorkflowAt: self._delete_at,
        }

    def apply(self, live: Live, actions: list[Action]) -> None:
        """Do all of them; none waits for another."""
        for action in actions:
            self._do[type(action)](live, action)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside everything else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=10)

    # --- pods

    def _start(self, live: Live, action: StartNode) -> None:
        order = action.order
        if order.node_id in live.started:
            return
        live.started.add(order.node_id)
        self.spawn(self._create(live, order))

    async def _create(self, live: Live, order: NodeOrder) -> None:
        controller = self._controller
        began = asyncio.get_running_loop().time()
        workflow = live.run.workflow if live.run else live.stored
        try:
            plan = build(order, workflow, controller.pod_settings, controller.clock.now())
        except UserError as e:
            self._refuse(live, order, f"{e}{f' ({e.hint})' if e.hint else ''}")
            return
        delay = 0.2
        while not controller.is_stopping and live.uid in controller.lives:
            try:
                await self._create_all(live, plan)
            except OutsideError as e:
                controller.send(live, StartDelayed(order.node_id, e.message))
                await asyncio.sleep(delay)
                delay = min(delay * 2, 15.0)
                continue
            except (RefusedError, TiphysError) as e:
                self._refuse(live, order, e.message)
                return
            controller.metrics.start_seconds.observe(asyncio.get_running_loop().time() - began)
            return

    async def _create_all(self, live: Live, plan: PodPlan) -> None:
        objects = self._controller.objects
        if plan.needs_shim:
            await self._ensure_shim(live.namespace)
        for config_map in plan.config_maps:
            try:
                await objects.create("ConfigMap", live.namespace, config_map)
            except AlreadyExists:
                continue
        try:
            await objects.create("Pod", live.namespace, plan.pod)
        except AlreadyExists:
            await self._adopt(live, plan.pod["metadata"]["name"])

    async def _adopt(self, live: Live, name: str) -> None:
        """A pod of that name is there: it is ours only if its owner is."""
        try:
            raw = await self._controller.objects.read("Pod", live.namespace, name)
        except NotFound:
            return
        pod = self._controller.parse_pod(msgspec.Raw(raw))
        if self._controller.pod_owner(pod) != live.uid:
            raise RefusedError(f'pod "{name}" exists and belongs to somebody else')
        self._controller.pod_changed(f"{live.namespace}/{name}", pod)

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

    def _stop(self, live: Live, action: StopNode) -> None:
        live.started.discard(action.node_id)
        self.spawn(self._delete_pod(live, action.pod_name, action.grace_seconds))

    def _collect_later(self, live: Live, action: CollectNode) -> None:
        live.to_collect.append(action)

    def collect(self, live: Live) -> None:
        """The status is written: pods whose end it records may go."""
        actions, live.to_collect = live.to_collect, []
        for action in actions:
            self.spawn(self._collect(live, action))

    async def _collect(self, live: Live, action: CollectNode) -> None:
        await asyncio.sleep(action.delay_seconds)
        await self._delete_pod(live, action.pod_name, None)

    async def _delete_pod(self, live: Live, name: str, grace_seconds: int | None) -> None:
        for delay in (0.5, 2.0, 10.0):
            try:
                await self._controller.objects.delete("Pod", live.namespace, name, grace_seconds=grace_seconds)
            except OutsideError:
                await asyncio.sleep(delay)
            except RefusedError as e:
                log.warning("pod %s/%s cannot be deleted: %s", live.namespace, name, e.message)
                return
            else:
                return

    # --- time

    def _wake(self, live: Live, action: WakeAt) -> None:
        if live.wake is not None:
            live.wake.cancel()
        seconds = max(0.0, (action.at - self._controller.clock.now()).total_seconds())
        live.wake = asyncio.get_running_loop().call_later(seconds + 0.001, self._controller.send, live, Woke())

    def _delete_at(self, live: Live, action: DeleteWorkflowAt) -> None:
        self.spawn(self._delete_workflow(live, action))

    async def _delete_workflow(self, live: Live, action: DeleteWorkflowAt) -> None:
        await self._controller.clock.sleep_until(action.at)
        try:
            await self._controller.objects.delete("Workflow", live.namespace, live.name, uid=live.uid)
        except TiphysError as e:
            log.warning("workflow %s cannot be deleted: %s", live.key, e.message)

    # --- telling

    def _regarding(self, live: Live) -> dict[str, str]:
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
        return {**kind, "namespace": live.namespace, "name": live.name, "uid": live.uid}

    def _node_changed(self, live: Live, action: NodeChanged) -> None:
        controller = self._controller
        if action.type == POD:
            controller.metrics.pods.labels(action.phase, live.namespace).inc()
        if action.phase not in _REASONS:
            return
        bad = action.phase in (FAILED, ERROR)
        says = f"{action.phase} node {action.node_name}" + (f": {action.message}" if action.message else "")
        annotations = {
            PREFIX + "node-type": action.type,
            PREFIX + "node-name": action.node_name,
            PREFIX + "node-id": action.node_id,
        }
        controller.announcements.announce(
            self._regarding(live),
            type_="Warning" if bad else "Normal",
            reason=f"WorkflowNode{_REASONS[action.phase]}",
            message=says,
            annotations=annotations,
        )

    def _workflow_changed(self, live: Live, action: WorkflowChanged) -> None:
        controller = self._controller
        metrics = controller.metrics
        metrics.workflows.labels(action.phase, live.namespace).inc()
        if action.before:
            metrics.live.labels(action.before).dec()
        metrics.live.labels(action.phase).inc()
        log.info("workflow %s: %s -> %s %s", live.key, action.before or "new", action.phase, action.message)
        reasons = {RUNNING: "WorkflowRunning", SUCCEEDED: "WorkflowSucceeded", FAILED: "WorkflowFailed", ERROR: "WorkflowFailed"}
        says = {RUNNING: "Workflow Running", SUCCEEDED: "Workflow completed"}.get(action.phase, action.message)
        bad = action.phase in (FAILED, ERROR)
        controller.announcements.announce(
            self._regarding(live), type_="Warning" if bad else "Normal", reason=reasons[action.phase], message=says
        )
