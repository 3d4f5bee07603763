"""What agents do for workflows: tasks go into a WorkflowTaskSet, an agent pod does them, results come back by a watch.

Source: argo-semantics 18.4.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Live
from tiphys.engine.actions import CollectNode, StartNode, StopNode
from tiphys.engine.events import NodeReported
from tiphys.errors import AlreadyExists, NotFound, OutsideError, TiphysError, Unavailable, UserError
from tiphys.model.base import Json, ObjectMeta
from tiphys.model.names import LABEL_COMPLETED, LABEL_INSTANCE_ID, LABEL_WORKFLOW
from tiphys.model.order import NodeOrder
from tiphys.model.parse import parse_as
from tiphys.model.phases import ERROR, FULFILLED
from tiphys.model.report import NodeReport
from tiphys.model.task_set import KIND, TaskResult, TaskSet, agent_name, task_of
from tiphys.pods.agent import PLUGIN_LABEL, Plugin, agent_pod, plugin_of_config_map, plugin_of_spec
from tiphys.pods.draft import owner_of
from tiphys.pods.view import PodView, owner_uid, parse_pod

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
Watch = Callable[[Callable[[str, TaskSet], None]], Coroutine[Any, Any, None]]
"""Tells of every task set as long as it runs."""


class _ConfigMap(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    data: dict[str, str] = {}


class Agents:
    """Tasks that are under way, by workflow."""

    def __init__(self, controller: "Controller", watch: Watch | None) -> None:
        self._controller = controller
        self._watch = watch
        self._open: dict[str, dict[str, NodeOrder]] = {}
        self._fresh: dict[str, None] = {}
        self._used: set[str] = set()

    @staticmethod
    def does(order: NodeOrder) -> bool:
        """Whether a node is an agent's."""
        return order.template.http is not None or order.template.plugin is not None

    def start(self, live: Live, action: StartNode) -> None:
        """Have a task done."""
        order = action.order
        if order.node_id in self._open.setdefault(live.uid, {}):
            return
        self._open[live.uid][order.node_id] = order
        self._used.add(live.uid)
        if self._watch is not None:
            watch, self._watch = self._watch, None
            self._controller.effects.beside(watch(self._heard))
        if live.uid not in self._fresh:
            self._fresh[live.uid] = None
            self._controller.effects.spawn(self._order(live))

    def collect(self, live: Live, action: CollectNode | StopNode) -> None:
        """The end of a task is stored: it may go."""
        node_id = action.node_id
        self._open.get(live.uid, {}).pop(node_id, None)
        patch = {"spec": {"tasks": {node_id: None}}, "status": {"nodes": {node_id: None}}}
        self._controller.effects.spawn(self._patch(live.namespace, live.name, patch))
        # where the kind has a status subresource, the object itself takes no status
        status = {"status": {"nodes": {node_id: None}}}
        self._controller.effects.spawn(self._patch(live.namespace, f"{live.name}/status", status))

    async def _patch(self, namespace: str, name: str, patch: Json) -> None:
        backoff = Backoff(longest=60.0)
        while not self._controller.is_stopping:
            try:
                await self._controller.objects.patch(KIND, namespace, name, patch)
            except OutsideError as e:
                await backoff.wait(e)
            except TiphysError as e:
                log.debug("task set %s/%s: %s", namespace, name, e.message)
                return
            else:
                return

    # --- the task set and the pod

    async def _order(self, live: Live) -> None:
        """Write all tasks that have come together, and see to it that an agent is there."""
        del self._fresh[live.uid]
        orders = dict(self._open.get(live.uid, {}))
        backoff = Backoff(longest=15.0)
        while orders and not self._controller.is_stopping and live.uid in self._controller.lives:
            try:
                found = await self._ensure_set(live)
                self._take(live, found)
                patch = _tasks_patch(found, orders)
                if patch:
                    await self._controller.objects.patch(KIND, live.namespace, live.name, patch)
                await self._ensure_pod(live)
            except OutsideError as e:
                await backoff.wait(e)
            except TiphysError as e:
                self._fail(live, orders, f'create agent pod failed with reason:"{e.message}"')
                return
            except Exception as e:
                log.exception("%s: tasks for an agent", live.key)
                self._fail(live, orders, f'create agent pod failed with reason:"{type(e).__name__}: {e}"')
                return
            else:
                return

    async def _ensure_set(self, live: Live) -> TaskSet:
        try:
            return await self._own_set(live)
        except NotFound:
            workflow = live.run.workflow if live.run else live.stored
            labels = {LABEL_WORKFLOW: live.name}
            if self._controller.pod_settings.instance_id:
                labels[LABEL_INSTANCE_ID] = self._controller.pod_settings.instance_id
            meta = {"name": live.name, "namespace": live.namespace, "labels": labels, "ownerReferences": [owner_of(workflow)]}
            manifest: Json = {"apiVersion": "argoproj.io/v1alpha1", "kind": KIND, "metadata": meta, "spec": {}}
            try:
                await self._controller.objects.create(KIND, live.namespace, manifest)
            except AlreadyExists:
                return await self._own_set(live)
            return TaskSet()

    async def _own_set(self, live: Live) -> TaskSet:
        """The workflow's task set; one of an earlier workflow of that name is on its way out, and its results are not ours."""
        found = parse_as(TaskSet, await self._controller.objects.read(KIND, live.namespace, live.name))
        if live.uid not in (one.uid for one in found.metadata.owner_references):
            raise Unavailable(f'task set "{live.name}" still belongs to an earlier workflow')
        return found

    async def _ensure_pod(self, live: Live) -> None:
        if self._controller.configuration.disable_agent_pod_creation:
            return
        workflow = live.run.workflow if live.run else live.stored
        has_plugins = any(order.template.plugin is not None for order in self._open.get(live.uid, {}).values())
        spec = workflow.status.stored_workflow_template_spec or workflow.spec
        has_plugins = has_plugins or any(template.plugin is not None for template in spec.templates)
        plugins = await self._plugins(live.namespace) if has_plugins else {}
        plugins |= {plugin.name: plugin for plugin in map(plugin_of_spec, spec.executor_plugins)}
        pod = agent_pod(workflow, self._controller.pod_settings, tuple(plugins.values()))
        try:
            await self._controller.objects.create("Pod", live.namespace, pod)
        except AlreadyExists:
            name = agent_name(live.name)
            known = parse_pod(msgspec.Raw(await self._controller.objects.read("Pod", live.namespace, name)))
            if owner_uid(known) != live.uid:
                raise Unavailable(f'pod "{name}" still belongs to an earlier workflow') from None

    async def _plugins(self, namespace: str) -> dict[str, Plugin]:
        """The plugins of the controller's namespace, and of the workflow's over them."""
        found = {}
        for place in dict.fromkeys((self._controller.home, namespace)):
            async for page in self._controller.objects.list("ConfigMap", place, labels=PLUGIN_LABEL):
                for raw in page.items:
                    one = msgspec.json.decode(raw, type=_ConfigMap)
                    try:
                        plugin = plugin_of_config_map(one.metadata.name, one.data)
                    except UserError as e:
                        log.warning("%s/%s: %s", place, one.metadata.name, e.message)
                        continue
                    found[plugin.name] = plugin
        return found

    # --- what comes back

    def _heard(self, key: str, found: TaskSet) -> None:
        owner = next((one.uid for one in found.metadata.owner_references), "")
        live = self._controller.lives.get(owner)
        if live is not None and key == live.key:
            self._take(live, found)

    def _take(self, live: Live, found: TaskSet) -> None:
        for node_id, result in found.status.nodes.items():
            if node_id in self._open.get(live.uid, {}) and result.phase:
                self._controller.send(live, NodeReported(_report(node_id, result)))

    def pod_changed(self, live: Live, pod: PodView) -> None:
        """An agent's pod was changed."""
        left = self._open.get(live.uid, {})
        if not left or pod.metadata.name != agent_name(live.name):
            return
        if pod.status.phase == "Failed":
            self._fail(live, dict(left), f'agent pod failed with reason:"{pod.status.message}"')
        elif pod.status.phase == "Succeeded" and pod.metadata.deletion_timestamp is None:
            # it was told to end, by whomever: once its pod is gone, another takes up what is left
            self._controller.effects.spawn(self._controller.effects.starter.delete_pod(live.namespace, pod.metadata.name))

    def pod_deleted(self, live: Live) -> None:
        """An agent's pod is gone: another takes up what is left."""
        if self._open.get(live.uid) and live.uid not in self._fresh:
            self._fresh[live.uid] = None
            self._controller.effects.spawn(self._order(live))

    def _fail(self, live: Live, orders: dict[str, NodeOrder], message: str) -> None:
        for node_id in orders:
            self._controller.send(live, NodeReported(_report(node_id, TaskResult(phase=ERROR, message=message))))

    def ended(self, live: Live) -> None:
        """A workflow has ended: so does its agent."""
        self._open.pop(live.uid, None)
        if live.uid in self._used:
            self._used.discard(live.uid)
            self._controller.effects.spawn(self._end(live))

    async def _end(self, live: Live) -> None:
        await self._patch(live.namespace, live.name, {"metadata": {"labels": {LABEL_COMPLETED: "true"}}})
        await self._controller.effects.starter.delete_pod(live.namespace, agent_name(live.name))

    def restored(self, live: Live) -> None:
        """A run is made anew: it orders again what is left."""
        self._open.pop(live.uid, None)


def _tasks_patch(found: TaskSet, orders: dict[str, NodeOrder]) -> Json:
    """What adds the tasks that a task set does not have; of a workflow that is run again it is not at its end any more."""
    new = {key: task_of(order.template) for key, order in orders.items() if key not in found.spec.tasks}
    patch: Json = {"spec": {"tasks": new}} if new else {}
    if LABEL_COMPLETED in found.metadata.labels:
        patch["metadata"] = {"labels": {LABEL_COMPLETED: None}}
    return patch


def _report(node_id: str, result: TaskResult) -> NodeReport:
    outputs = result.outputs
    return NodeReport(
        node_id=node_id,
        phase=result.phase,
        message=result.message,
        result=outputs.result if outputs is not None else None,
        outputs=outputs,
        progress=result.progress,
        is_final=result.phase in FULFILLED,
    )
