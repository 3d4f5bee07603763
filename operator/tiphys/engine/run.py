"""One workflow's run: events in, actions out. Restoring it from what is stored equals having lived through it.

Source: argo-semantics 2, 12.1, 13.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tiphys.engine import events
from tiphys.engine.actions import Action, CollectNode, DeleteWorkflowAt, NodeChanged, WakeAt, WorkflowChanged
from tiphys.engine.body import names_with_results
from tiphys.engine.calls import Call
from tiphys.engine.dag import DAGExecution, Plan, plan_of
from tiphys.engine.durations import parse_duration
from tiphys.engine.execution import Execution, Parent
from tiphys.engine.limits import Limits
from tiphys.engine.outputs import publish
from tiphys.engine.patch import as_json, difference
from tiphys.engine.pod import PodExecution
from tiphys.engine.retry import RetryExecution, is_retried
from tiphys.engine.steps import StepsExecution
from tiphys.engine.suspend import SuspendExecution
from tiphys.engine.templates import POD_KINDS, Templates, kind_of
from tiphys.engine.tree import NodeTree
from tiphys.engine.validate import check_workflow
from tiphys.engine.variables import node_variable
from tiphys.engine.workflow_scope import workflow_scope
from tiphys.errors import SpecError, UserError
from tiphys.expr.render import go_json
from tiphys.expr.scope import MISSING, Scope
from tiphys.expr.template import substitute
from tiphys.model import names
from tiphys.model.arguments import Arguments, Outputs
from tiphys.model.base import Json
from tiphys.model.phases import COMPLETED, ERROR, FAILED, FULFILLED, OMITTED, POD, RUNNING, SKIPPED, SUCCEEDED, is_unsuccessful
from tiphys.model.report import NodeReport
from tiphys.model.status import Condition, NodeStatus, WorkflowStatus
from tiphys.model.template import DAGTemplate, LifecycleHook, Template
from tiphys.model.workflow import Workflow

_KINDS: dict[str, type[Execution]] = {"steps": StepsExecution, "dag": DAGExecution, "suspend": SuspendExecution}
_EXIT = ".onExit"
_DEADLINE_MESSAGE = "Step exceeded its deadline"


class Run:
    """The state of one workflow: nodes, who waits for whom, what is held back.

    The first event must be `Restored`. Attributes that executions use are public within the package.
    """

    def __init__(self, workflow: Workflow) -> None:
        self._load(workflow)
        self._actions: list[Action] = []
        self._written: Json = _status_json(workflow.status)
        self._labels = dict(workflow.metadata.labels)
        self._annotations = dict(workflow.metadata.annotations)

    def _load(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.name = workflow.metadata.name
        self.tree = NodeTree(self.name, workflow.status.nodes)
        self.status = msgspec.structs.replace(workflow.status, nodes={})
        self.spec = workflow.spec
        self.limits = Limits()
        self.templates = Templates(workflow)
        self.template_scope = f"local/{self.name}"
        self.leaves: dict[str, PodExecution] = {}
        self.suspended: dict[str, SuspendExecution] = {}
        self.scope = Scope()
        self.now = datetime.fromtimestamp(0).astimezone()
        self._retries: dict[str, RetryExecution] = {}
        self._work: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._rest: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[datetime, int, Execution | None]] = []
        self._order = itertools.count()
        self._entry: Execution | None = None
        self._exit: Execution | None = None
        self._plans: dict[int, tuple[DAGTemplate, Plan]] = {}
        self._results: dict[int, tuple[Template, frozenset[str]]] = {}
        self._stop_applied = ""

    reports: dict[str, NodeReport]

    # --- events

    def handle(self, event: events.Event, now: datetime) -> list[Action]:
        """What to do after an event.

        Raises:
            BugError: We are wrong about this workflow; it must not be handled further.
        """
        self.now = now
        match event:
            case events.Restored():
                self.reports = {report.node_id: report for report in event.reports}
                self._restore()
            case events.SpecChanged():
                self._change(event)
            case _ if self.is_finished:
                pass
            case events.NodeReported():
                self._leaf(event.report.node_id, lambda leaf: leaf.report(event.report))
            case events.NodeGone():
                self.reports.pop(event.node_id, None)
                self._leaf(event.node_id, lambda leaf: leaf.gone())
            case events.StartRefused():
                self._leaf(event.node_id, lambda leaf: leaf.refuse(event.message, is_error=event.is_error))
            case events.StartDelayed():
                self._leaf(event.node_id, lambda leaf: leaf.delay(event.message))
        return self._settle()

    def _leaf(self, node_id: str, do: Callable[[PodExecution], None]) -> None:
        leaf = self.leaves.get(node_id)
        if leaf is not None:
            do(leaf)

    def _settle(self) -> list[Action]:
        self._fire_timers()
        self._apply_stop()
        self._drain()
        sums = self.tree.settle()
        if sums is not None:
            self.status = msgspec.structs.replace(self.status, progress=sums[0], resources_duration=sums[1])
        for node_id, before, phase in self.tree.take_phases():
            node = self.tree.by_id(node_id)
            if node is not None:
                template = node.template_ref.template if node.template_ref else node.template_name
                self.act(NodeChanged(node_id, node.name, node.type, template, before, phase, node.message))
        if self._timers and not self.is_finished:
            self.act(WakeAt(self._timers[0][0]))
        actions, self._actions = self._actions, []
        return actions

    def _drain(self) -> None:
        while True:
            while self._work:
                work, arguments = self._work.popleft()
                work(*arguments)
            waiting = self.limits.next()
            if waiting is not None:
                waiting.begin()
            elif self._rest:
                self._rest.popleft()()
            else:
                return

    # --- the life of the workflow

    @property
    def is_finished(self) -> bool:
        """Whether the workflow has come to its end."""
        return self.status.phase in COMPLETED

    @property
    def stamp(self) -> datetime:
        """Now, as it is written: whole seconds."""
        return self.now.replace(microsecond=0)

    @property
    def pod_name_format(self) -> str:
        """How pods are named, for the whole life of the workflow."""
        return self._annotations.get(names.ANNOTATION_POD_NAME_FORMAT) or "v2"

    def _restore(self) -> None:
        if self.is_finished:
            return
        if self.status.phase in ("", "Pending") and not self._begin():
            return
        try:
            self.scope = workflow_scope(self.workflow, self._live_variable)
            self.spec = self._substituted_spec()
        except UserError as e:
            self._fail_spec(f"failed to set global parameters: {e.message}")
            return
        self.workflow = msgspec.structs.replace(self.workflow, spec=self.spec)
        self.limits.is_suspended = bool(self.spec.suspend)
        self.limits.parallelism = self.spec.parallelism
        self._watch_deadline()
        self._start_entry()

    def _begin(self) -> bool:
        try:
            check_workflow(self.workflow)
        except SpecError as e:
            self._fail_spec(f"invalid spec: {e}")
            return False
        if names.ANNOTATION_POD_NAME_FORMAT not in self._annotations:
            self._annotations[names.ANNOTATION_POD_NAME_FORMAT] = "v2"
        self._set_phase(RUNNING, "")
        return True

    def _fail_spec(self, message: str) -> None:
        self._set_phase(FAILED, message)

    def _substituted_spec(self) -> Any:
        spec = self.workflow.spec
        # templates are resolved when they are called, arguments are data: neither is text of the workflow
        outside = msgspec.structs.replace(spec, templates=(), arguments=Arguments(), template_defaults=None, hooks={})
        done = substitute(outside, self.scope, strict=False, now=self.now)
        return msgspec.structs.replace(
            done, templates=spec.templates, arguments=spec.arguments, template_defaults=spec.template_defaults, hooks=spec.hooks
        )

    def _live_variable(self, name: str) -> object:
        match name:
            case "workflow.status":
                node = self._entry.node_or_none if self._entry else None
                if node is None or node.phase not in FULFILLED:
                    return self.status.phase or RUNNING
                return SUCCEEDED if node.phase in (SKIPPED, OMITTED) else node.phase
            case "workflow.duration":
                started = self.status.started_at or self.now
                return f"{(self.now - started).total_seconds():f}"
            case "workflow.failures":
                return self._failures()
        if name.startswith("workflow.outputs.parameters.") and self.status.outputs:
            wanted = name.removeprefix("workflow.outputs.parameters.")
            return next((p.value for p in self.status.outputs.parameters if p.name == wanted), MISSING)
        return MISSING

    def _failures(self) -> str:
        found = [
            {
                "displayName": node.display_name,
                "message": node.message,
                "templateName": node.template_name,
                "phase": node.phase,
                "podName": names.pod_name(self.name, node.name, node.template_name, version=self.pod_name_format),
                "finishedAt": as_json(node.finished_at),
            }
            for node in self.tree
            if is_unsuccessful(node) and node.type == POD
        ]
        return go_json(go_json(found) if found else "null")

    def _start_entry(self) -> None:
        try:
            found = self.templates.local(self.spec.entrypoint)
        except SpecError as e:
            self._set_phase(ERROR, f"error in entry template execution: {e.message}")
            return
        call = Call(name=self.name, found=found, arguments=self.spec.arguments)
        self._entry = self.start_call(call, self)

    def child_changed(self, child: Execution) -> None:
        """The entry point is under way."""

    def child_finished(self, child: Execution) -> None:
        """The entry point or the exit handler has ended."""
        if child is self._entry and child.node.daemoned:
            child.release()
        if child is self._entry:
            self.at_rest(self._start_exit)
        else:
            self._finish()

    def _start_exit(self) -> None:
        hook = self.spec.hooks.get("exit")
        if self.spec.on_exit:
            arguments = hook.arguments if hook and hook.arguments else self.spec.arguments
            hook = LifecycleHook(template=self.spec.on_exit, arguments=arguments)
        if hook is None or self.forbids_exit_handlers(self.name + _EXIT):
            self._finish()
            return
        try:
            found = self.templates.of(hook)
        except UserError as e:
            self._set_phase(ERROR, f"error in exit template execution : {e.message}")
            return
        arguments = substitute(hook.arguments or self.spec.arguments, self.scope, strict=False, now=self.now)
        call = Call(name=self.name + _EXIT, found=found, arguments=arguments, is_hook=True, is_exit=True)
        self._exit = self.start_call(call, self)

    def _finish(self) -> None:
        entry = self._entry.node if self._entry else None
        if entry is None or self.is_finished:
            return
        exit_node = self._exit.node if self._exit else None
        phase, message = entry.phase, entry.message
        if phase in (SKIPPED, OMITTED):
            phase = SUCCEEDED
        if phase == SUCCEEDED and exit_node is not None and is_unsuccessful(exit_node):
            phase, message = exit_node.phase, exit_node.message
        elif phase in (FAILED, ERROR) and self.workflow.spec.shutdown:
            message = f"Stopped with strategy '{self.workflow.spec.shutdown}'"
        elif phase == SUCCEEDED:
            message = ""
        self._set_phase(phase, message)
        self._collect_all()
        self._schedule_deletion()

    def _collect_all(self) -> None:
        strategy = self.pod_gc
        succeeded = self.status.phase == SUCCEEDED
        if strategy == "OnWorkflowCompletion" or (strategy == "OnWorkflowSuccess" and succeeded):
            for node in self.tree:
                if node.type == POD:
                    template = node.template_ref.template if node.template_ref else node.template_name
                    pod = names.pod_name(self.name, node.name, template, version=self.pod_name_format)
                    self.act(CollectNode(node.id, pod, self.pod_gc_delay, node.phase))

    def _schedule_deletion(self) -> None:
        ttl = self.spec.ttl_strategy
        if ttl is None:
            return
        special = {SUCCEEDED: ttl.seconds_after_success, FAILED: ttl.seconds_after_failure}.get(self.status.phase)
        seconds = special if special is not None else ttl.seconds_after_completion
        if seconds is not None:
            self.act(DeleteWorkflowAt((self.status.finished_at or self.stamp) + timedelta(seconds=seconds)))

    def _set_phase(self, phase: str, message: str) -> None:
        before, now = self.status.phase, self.stamp
        is_end = phase in COMPLETED
        conditions = tuple(c for c in self.status.conditions if c.type not in ("Completed", "PodRunning"))
        done = (Condition(type="PodRunning", status="False"), Condition(type="Completed", status="True"))
        self.status = msgspec.structs.replace(
            self.status,
            phase=phase,
            message=message,
            started_at=self.status.started_at or now,
            finished_at=now if is_end else None,
            conditions=(*conditions, *done) if is_end else self.status.conditions,
        )
        self._labels[names.LABEL_PHASE] = phase
        self._labels[names.LABEL_COMPLETED] = "true" if is_end else "false"
        self.act(WorkflowChanged(before, phase, message, self.status.finished_at))

    # --- changes from outside

    def _change(self, event: events.SpecChanged) -> None:
        new = event.workflow
        if event.nodes_changed:
            self._load(new)
            self._written = _status_json(new.status)
            self._labels, self._annotations = dict(new.metadata.labels), dict(new.metadata.annotations)
            self._restore()
            return
        self.workflow = msgspec.structs.replace(
            self.workflow,
            metadata=new.metadata,
            spec=msgspec.structs.replace(
                self.workflow.spec,
                shutdown=new.spec.shutdown,
                suspend=new.spec.suspend,
                parallelism=new.spec.parallelism,
                active_deadline_seconds=new.spec.active_deadline_seconds,
            ),
        )
        self.spec = self.workflow.spec
        self.limits.is_suspended = bool(new.spec.suspend)
        self.limits.parallelism = new.spec.parallelism
        self._watch_deadline()

    def _watch_deadline(self) -> None:
        deadline = self.deadline
        if deadline is not None:
            self.wake_at(deadline, None)

    @property
    def deadline(self) -> datetime | None:
        """When the workflow's time is over."""
        seconds, started = self.spec.active_deadline_seconds, self.status.started_at
        return None if seconds is None or started is None else started + timedelta(seconds=seconds)

    def _apply_stop(self) -> None:
        """End what a shutdown or the deadline ends, once for each of them."""
        reason = self.workflow.spec.shutdown or (_DEADLINE_MESSAGE if self._is_late() else "")
        if self.is_finished or not reason or reason == self._stop_applied:
            return
        self._stop_applied = reason
        shutdown = self.workflow.spec.shutdown
        for leaf in list(self.leaves.values()):
            if self.stopped_phase(leaf.call):
                leaf.stop(f"workflow shutdown with strategy:  {shutdown}" if shutdown else _DEADLINE_MESSAGE)
        waiting: list[SuspendExecution | RetryExecution] = [*self.suspended.values(), *self._retries.values()]
        for execution in waiting:
            if self.stopped_phase(execution.call):
                execution.stop(f"Stopped with strategy '{shutdown}'" if shutdown else _DEADLINE_MESSAGE)

    def _is_late(self) -> bool:
        return self.deadline is not None and self.now >= self.deadline

    def stopped_phase(self, call: Call) -> bool:
        """Whether a shutdown or the deadline ends this call."""
        shutdown = self.workflow.spec.shutdown
        if call.is_exit:
            return shutdown == "Terminate"
        return bool(shutdown) or self._is_late()

    def refusal(self, call: Call) -> str:
        """Why a node may not start its runner; empty when it may."""
        if not self.stopped_phase(call):
            return ""
        shutdown = self.workflow.spec.shutdown
        return f"workflow shutdown with strategy: {shutdown}" if shutdown else _DEADLINE_MESSAGE

    def retry_refusal(self, call: Call) -> str:
        """Why no further attempt is made; empty when one may be."""
        if not self.stopped_phase(call):
            return ""
        shutdown = self.workflow.spec.shutdown
        return f"Stopped with strategy '{shutdown}'" if shutdown else f"retry exceeded workflow deadline {self.deadline}"

    def forbids_exit_handlers(self, name: str) -> bool:
        """Whether a termination keeps this exit handler from starting."""
        return self.workflow.spec.shutdown == "Terminate" and self.tree.find(name) is None

    def deadline_of(self, call: Call) -> datetime | None:
        """When the workflow's deadline ends this call's runner."""
        return None if call.is_exit else self.deadline

    # --- what executions use

    def act(self, action: Action) -> None:
        """Ask something of the world."""
        self._actions.append(action)

    def soon(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do this after what is being done: nothing recurses, however deep a graph is."""
        self._work.append((work, arguments))

    def at_rest(self, work: Callable[[], None]) -> None:
        """Do this when nothing else can be done."""
        self._rest.append(work)

    def wake_at(self, at: datetime, execution: Execution | None) -> None:
        """Call the execution's `woke` at this time."""
        heapq.heappush(self._timers, (at, next(self._order), execution))

    def _fire_timers(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            _, _, execution = heapq.heappop(self._timers)
            if execution is not None and not self.is_finished:
                execution.woke()

    def start_call(self, call: Call, parent: Parent) -> Execution:
        """Begin a call soon."""
        execution = self._execution(call, parent)
        self.soon(execution.begin)
        return execution

    def _execution(self, call: Call, parent: Parent) -> Execution:
        if is_retried(call, self.spec.retry_strategy):
            retry = self._retries[call.name] = RetryExecution(self, call, parent)
            return retry
        kind = kind_of(call.found.template)
        if kind in POD_KINDS:
            return PodExecution(self, call, parent)
        return _KINDS.get(kind, _Unknown)(self, call, parent)

    def plan_of(self, dag: DAGTemplate) -> Plan:
        """The plan of a DAG, compiled once.

        Raises:
            ExpressionError: A condition is wrong.
        """
        known = self._plans.get(id(dag))
        if known is None:
            known = self._plans[id(dag)] = (dag, plan_of(dag))
        return known[1]

    def results_read(self, template: Template) -> frozenset[str]:
        """The steps and tasks whose `outputs.result` a template reads."""
        known = self._results.get(id(template))
        if known is None:
            known = self._results[id(template)] = (template, names_with_results(template))
        return known[1]

    def text(self, text: str, scope: Scope) -> str:
        """The text with its tags replaced where that is possible."""
        return substitute(text, scope, strict=False, now=self.now)

    def own_scope(self, scope: Scope, kind: str, step_name: str, node_name: str) -> Scope:
        """The scope where `steps.<name>` or `tasks.<name>` means this very node, though it may be one of a loop."""
        prefix = f"{kind}.{step_name}."

        def resolve(name: str) -> object:
            node = self.tree.find(node_name) if name.startswith(prefix) else None
            return MISSING if node is None else node_variable(self.tree, node, name.removeprefix(prefix), Outputs())

        return scope.child(resolve=resolve)

    def publish(self, outputs: Outputs | None) -> None:
        """Copy outputs with a `globalName` to the workflow's own."""
        made = publish(outputs, self.status.outputs or Outputs())
        if made != (self.status.outputs or Outputs()):
            self.status = msgspec.structs.replace(self.status, outputs=made)

    @property
    def pod_gc(self) -> str:
        """When pods are deleted."""
        return self.spec.pod_gc.strategy if self.spec.pod_gc else ""

    @property
    def pod_gc_delay(self) -> float:
        """How long a pod is kept after that, in seconds."""
        text = self.spec.pod_gc.delete_delay_duration if self.spec.pod_gc else ""
        return parse_duration(text).total_seconds() if text else 5.0

    # --- what is written

    def take_patch(self) -> Json | None:
        """The smallest merge patch of labels, annotations and status since the last one; None when nothing changed."""
        changed = self.tree.take_changes()
        status = _status_json(self.status)
        patch: Json = difference(self._written, status)
        self._written = status
        nodes: Json = {}
        for old, new in changed:
            made = as_json(new) if old is None else difference(as_json(old), as_json(new))
            if made:
                nodes[new.id] = made
        if nodes:
            patch["nodes"] = nodes
        meta = self._take_metadata()
        if not patch and not meta:
            return None
        return {**({"metadata": meta} if meta else {}), **({"status": patch} if patch else {})}

    def _take_metadata(self) -> Json:
        stored = self.workflow.metadata
        labels = {key: text for key, text in self._labels.items() if stored.labels.get(key) != text}
        annotations = {key: text for key, text in self._annotations.items() if stored.annotations.get(key) != text}
        made: Json = {**({"labels": labels} if labels else {}), **({"annotations": annotations} if annotations else {})}
        if made:
            new = msgspec.structs.replace(
                stored, labels={**stored.labels, **labels}, annotations={**stored.annotations, **annotations}
            )
            self.workflow = msgspec.structs.replace(self.workflow, metadata=new)
        return made

    def snapshot(self) -> Workflow:
        """The workflow as it is now, nodes and all."""
        nodes: Mapping[str, NodeStatus] = {node.id: node for node in self.tree}
        status = msgspec.structs.replace(self.status, nodes=dict(nodes))
        meta = msgspec.structs.replace(self.workflow.metadata, labels=dict(self._labels), annotations=dict(self._annotations))
        return msgspec.structs.replace(self.workflow, metadata=meta, status=status)


class _Unknown(Execution):
    """A template that says nothing, or something that cannot run yet."""

    def start(self) -> None:
        """End with an error.

        Raises:
            SpecError: Always; the node becomes an Error.
        """
        kind = kind_of(self.call.found.template)
        name = self.call.found.name
        raise SpecError(f"Template '{name}' {f'of kind {kind} is not supported yet' if kind else 'missing specification'}")


def _status_json(status: WorkflowStatus) -> Json:
    made: Json = as_json(msgspec.structs.replace(status, nodes={}))
    return made
