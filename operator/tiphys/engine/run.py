"""One workflow's run: events in, actions out. Restoring it from what is stored equals having lived through it.

Source: argo-semantics 2, 12.1, 13.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from tiphys.engine import events
from tiphys.engine.actions import Action, NodeChanged, WakeAt
from tiphys.engine.agent import AgentExecution
from tiphys.engine.body import names_with_results
from tiphys.engine.calls import Call
from tiphys.engine.claims import Claims
from tiphys.engine.conditions import show_running
from tiphys.engine.config_values import ConfigValues
from tiphys.engine.container_set import ContainerSetExecution
from tiphys.engine.dag import DAGExecution, Plan, plan_of
from tiphys.engine.execution import Execution, Parent
from tiphys.engine.left_over import collect_left_over
from tiphys.engine.library import Library
from tiphys.engine.lifecycle import Lifecycle
from tiphys.engine.limits import Limits
from tiphys.engine.memo import RunMemos
from tiphys.engine.metrics import RunMetrics
from tiphys.engine.outputs import publish
from tiphys.engine.pod import PodExecution
from tiphys.engine.premises import Premises
from tiphys.engine.retry import RetryExecution, is_retried
from tiphys.engine.schedule import Schedule, Sleeper
from tiphys.engine.shutdown import Shutdown
from tiphys.engine.steps import StepsExecution
from tiphys.engine.suspend import SuspendExecution
from tiphys.engine.synchronization import RunLocks
from tiphys.engine.templates import POD_KINDS, Templates, kind_of
from tiphys.engine.tree import NodeTree
from tiphys.engine.variables import node_variable
from tiphys.engine.written import Written
from tiphys.errors import SpecError
from tiphys.expr.scope import MISSING, Scope
from tiphys.expr.template import substitute
from tiphys.model import names
from tiphys.model.arguments import Outputs
from tiphys.model.base import Json
from tiphys.model.durations import parse_duration
from tiphys.model.locations import ArtifactRepository
from tiphys.model.phases import COMPLETED, POD, RUNNING
from tiphys.model.report import NodeReport
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import NodeStatus
from tiphys.model.template import DAGTemplate, Template
from tiphys.model.workflow import Workflow

_KINDS: dict[str, type[Execution]] = {
    **dict.fromkeys(POD_KINDS, PodExecution),
    "container_set": ContainerSetExecution,
    "http": AgentExecution,
    "plugin": AgentExecution,
    "steps": StepsExecution,
    "dag": DAGExecution,
    "suspend": SuspendExecution,
}


class Run:
    """The state of one workflow: nodes, who waits for whom, what is held back.

    The first event must be `Restored`. What executions use is public within the package.

    Attributes:
        tree: The nodes.
        workflow: As it is stored.
        spec: What is executed: defaults and the referenced template merged, tags replaced.
        premises: What the run takes for granted.
        lifecycle: The life of the workflow itself.
        shutdown: What stops it before its time.
        now: The time of the event that is being handled.
        stamp: The same, as it is written: whole seconds.
        written: What is stored.
        limits: What holds new nodes back.
        locks: What is held and asked for.
        memos: What is looked up and remembered.
        leaves: Node id -> execution that has a runner.
        suspended: Node id -> execution that waits for somebody.
        retries: Node name -> execution that counts attempts.
        reports: Node id -> the runner's last report.
        soon: Do something after what is being done: nothing recurses, however deep a graph is.
    """

    def __init__(self, workflow: Workflow) -> None:
        self.premises = Premises()
        self._load(workflow)
        self._actions: list[Action] = []

    def _load(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.name = workflow.metadata.name
        self.tree = NodeTree(self.name, workflow.status.nodes)
        self.status = msgspec.structs.replace(workflow.status, nodes={})
        self.spec = workflow.spec
        self.limits = Limits()
        self.templates = Templates(self.name, workflow.spec, workflow.status.stored_templates, Library())
        self.scope = Scope()
        self.now = self.stamp = datetime.fromtimestamp(0).astimezone()
        self.lifecycle = Lifecycle(self)
        self.shutdown = Shutdown(self)
        self._is_restoring = True
        self.claims = Claims(self)
        self.config_values = ConfigValues(self)
        self.written = Written(workflow)
        self._is_shown_running: bool | None = None
        self._running_pods = sum(node.type == POD and node.phase == RUNNING for node in workflow.status.nodes.values())
        self.leaves: dict[str, PodExecution] = {}
        self.suspended: dict[str, SuspendExecution] = {}
        self.retries: dict[str, RetryExecution] = {}
        self.locks = RunLocks(self)
        self.memos = RunMemos(self)
        self.metrics = RunMetrics(self)
        self._schedule = Schedule()
        self.soon = self._schedule.soon
        self._plans: dict[int, tuple[DAGTemplate, Plan]] = {}
        self._results: dict[int, tuple[Template, frozenset[str]]] = {}

    reports: dict[str, NodeReport]

    # --- events

    def handle(self, event: events.Event, now: datetime) -> list[Action]:
        """What to do after an event.

        Raises:
            BugError: We are wrong about this workflow; it must not be handled further.
        """
        self.now, self.stamp = now, now.replace(microsecond=0) if now.microsecond else now
        match event:
            case events.NodeReported():
                # by far the most frequent
                leaf = self.leaves.get(event.report.node_id)
                if leaf is not None and not self.is_finished:
                    leaf.report(event.report)
            case events.Restored():
                self.reports = {report.node_id: report for report in event.reports}
                self.premises = event.premises
                self.lifecycle.restore(event.repository, event.repository_error)
                collect_left_over(self)
            case events.SpecChanged():
                self._change(event)
            case events.MetricRefused():
                self.metrics.refused(event.message)
            case _ if self.is_finished:
                pass
            case events.LibraryChanged():
                self.premises = msgspec.structs.replace(self.premises, library=event.library)
                self.templates.library = event.library
            case events.EstimateFound():
                self.lifecycle.expect(event.estimate)
            case _:
                self._answer(event)
        return self._settle()

    def _answer(self, event: events.Event) -> None:
        """What the run asked for is answered."""
        match event:
            case events.NodeGone() | events.StartRefused() | events.StartDelayed():
                self._tell_leaf(event)
            case events.ClaimsCreated() | events.ClaimsDelayed() | events.ClaimsRefused():
                self.claims.hear(event)
            case events.ConfigMapRead():
                self.config_values.hear(event)
            case events.LockEvent():
                self.locks.handle(event)
            case events.MemoAnswered() | events.MemoSaved():
                self.memos.handle(event)

    def _tell_leaf(self, event: events.NodeGone | events.StartRefused | events.StartDelayed) -> None:
        if isinstance(event, events.NodeGone):
            self.reports.pop(event.node_id, None)
        leaf = self.leaves.get(event.node_id)
        if leaf is None:
            return
        match event:
            case events.NodeGone():
                leaf.gone()
            case events.StartRefused():
                leaf.refuse(event.message, is_error=event.is_error)
            case events.StartDelayed():
                leaf.delay(event.message)

    def _settle(self) -> list[Action]:
        for sleeper in self._schedule.take_due(self.now) if self.next_wake is not None else ():
            if not self.is_finished:
                sleeper.woke()
        if self._is_restoring:
            # what is to be stopped must first be there again
            self._is_restoring = False
            self._drain()
        self.shutdown.apply()
        self._drain()
        while self.spec.hooks and not self.is_finished and self.lifecycle.hooks.look():
            self._drain()
        self.locks.settle()
        if len(self.templates.stored) != len(self.status.stored_templates):
            self.status = msgspec.structs.replace(self.status, stored_templates=dict(self.templates.stored))
        self._tell_phases()
        wake = self.next_wake
        if wake is not None and not self.is_finished:
            self.act(WakeAt(wake))
        actions, self._actions = self._actions, []
        return actions

    def _tell_phases(self) -> None:
        """Tell of nodes with a new phase, and whether pods run."""
        for node_id, before, phase in self.tree.take_phases():
            node = self.tree.by_id(node_id)
            if node is not None:
                template = node.executed_template
                self.act(NodeChanged(node_id, node.name, node.type, template, before, phase, node.message))
                if node.type == POD:
                    self._running_pods += (phase == RUNNING) - (before == RUNNING)
        is_running = self._running_pods > 0
        if is_running is not self._is_shown_running and not self.is_finished:
            self._is_shown_running = is_running
            self.status = show_running(self.status, is_running=is_running)

    def sum_up(self) -> None:
        """Bring the workflow's progress and resources up to its nodes'."""
        sums = self.tree.settle()
        if sums is not None:
            self.status = msgspec.structs.replace(self.status, progress=sums[0], resources_duration=sums[1])

    def _drain(self) -> None:
        while True:
            self._schedule.drain()
            waiting = self.limits.next()
            if waiting is not None:
                waiting.begin()
            elif not self._schedule.rest():
                return

    def _change(self, event: events.SpecChanged) -> None:
        new = event.workflow
        if event.nodes_changed or _fixed(new.spec) != _fixed(self.workflow.spec):
            # as after a restart: what is known of the nodes stays, unless somebody else wrote them
            known = new if event.nodes_changed else msgspec.structs.replace(new, status=self.snapshot().status)
            now, stamp = self.now, self.stamp
            self._load(known)
            self.now, self.stamp = now, stamp
            self.lifecycle.restore()
            return
        self.workflow = msgspec.structs.replace(self.workflow, metadata=new.metadata, spec=new.spec)
        self.lifecycle.change_spec(new.spec)
        self.claims.stopped()

    # --- what executions use

    @property
    def is_finished(self) -> bool:
        """Whether the workflow has come to its end."""
        return self.status.phase in COMPLETED

    @property
    def effective(self) -> Workflow:
        """The workflow with the spec that is executed."""
        return msgspec.structs.replace(self.workflow, metadata=self.written.metadata(self.workflow.metadata), spec=self.spec)

    @property
    def pod_name_format(self) -> str:
        """How pods are named, for the whole life of the workflow."""
        return self.written.annotations.get(names.ANNOTATION_POD_NAME_FORMAT) or "v2"

    def pod_of(self, node: NodeStatus) -> str:
        """The name of the pod that is, or would be, a node's."""
        return names.pod_name(self.name, node.id, node.executed_template, version=self.pod_name_format)

    def act(self, action: Action) -> None:
        """Ask something of the world."""
        self._actions.append(action)

    def at_rest(self, work: Callable[[], None]) -> None:
        """Do this when nothing else can be done."""
        self._schedule.at_rest(work)

    def wake_at(self, at: datetime, sleeper: Sleeper | None) -> None:
        """Call the sleeper's `woke` at this time."""
        self._schedule.wake_at(at, sleeper)

    @property
    def next_wake(self) -> datetime | None:
        """When time must be looked at next."""
        return self._schedule.next_wake

    def start_call(self, call: Call, parent: Parent) -> Execution:
        """Begin a call soon."""
        execution = self._execution(call, parent)
        self.soon(execution.begin)
        return execution

    def _execution(self, call: Call, parent: Parent) -> Execution:
        if is_retried(call, self.spec.retry_strategy):
            retry = self.retries[call.name] = RetryExecution(self, call, parent)
            return retry
        kind = kind_of(call.found.template)
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
        if outputs is None or not (outputs.parameters or outputs.artifacts):
            return
        made = publish(outputs, self.status.outputs or Outputs())
        if made != (self.status.outputs or Outputs()):
            self.status = msgspec.structs.replace(self.status, outputs=made)

    @property
    def repository(self) -> ArtifactRepository | None:
        """Where artifacts go that do not say so."""
        found = self.status.artifact_repository_ref
        return found.artifact_repository if found is not None else None

    @property
    def pod_gc(self) -> str:
        """When pods are deleted."""
        return self.spec.pod_gc.strategy if self.spec.pod_gc else ""

    @property
    def pod_gc_delay(self) -> float:
        """How long a pod is kept after that, in seconds."""
        text = self.spec.pod_gc.delete_delay_duration if self.spec.pod_gc else ""
        return parse_duration(text).total_seconds() if text else self.premises.pod_gc_delay_seconds

    # --- what is written

    def take_patch(self) -> Json | None:
        """The smallest merge patch of labels, annotations and status since the last one; None when nothing changed."""
        self.sum_up()
        patch = self.written.take_patch(self.workflow.metadata, self.status, self.tree)
        if patch and "metadata" in patch:
            self.workflow = msgspec.structs.replace(self.workflow, metadata=self.written.metadata(self.workflow.metadata))
        return patch

    def snapshot(self) -> Workflow:
        """The workflow as it is now, nodes and all."""
        self.sum_up()
        nodes: Mapping[str, NodeStatus] = {node.id: node for node in self.tree}
        status = msgspec.structs.replace(self.status, nodes=dict(nodes))
        meta = self.written.metadata(self.workflow.metadata)
        return msgspec.structs.replace(self.workflow, metadata=meta, status=status)


def _fixed(spec: WorkflowSpec) -> WorkflowSpec:
    """The spec without what may change at any time."""
    return msgspec.structs.replace(spec, suspend=None, shutdown="", parallelism=None, active_deadline_seconds=None)


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
