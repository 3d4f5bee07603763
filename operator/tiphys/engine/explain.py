"""Why is it waiting, or why did it fail: one sentence for each node, read from the stored workflow alone.

Nothing is asked of the world, so that it works for live, local and archived workflows; what the cluster says (scheduler, images,
quotas) stands in the nodes' messages.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from tiphys.engine.retry_policy import waiting_time
from tiphys.errors import UserError
from tiphys.expr.depends import parse_depends
from tiphys.expr.render import go_duration
from tiphys.model import phases
from tiphys.model.durations import parse_duration
from tiphys.model.phases import COMPLETED, FULFILLED, PENDING, UNSUCCESSFUL, is_fulfilled
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import NodeStatus
from tiphys.model.template import DAGTask, Template
from tiphys.model.workflow import Workflow

_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
_CREATED = ("", "ContainerCreating", "PodInitializing")
_GROUPS = (phases.STEPS, phases.DAG, phases.STEP_GROUP, phases.TASK_GROUP)


class Reason(msgspec.Struct, frozen=True):
    """Why something stands where it stands.

    Attributes:
        name: The node's display name, or the task's that has no node yet; empty for the workflow.
        node_id: Empty where there is no node.
        kind: What it waits for, in one word: `dependency`, `lock`, `parallelism`, `scheduler`, `image`, `container`, `quota`,
            `backoff`, `suspended`, `runs`, `children`, `hook`, `workflow`; `failed`, `skipped`, `done` for what has ended.
        sentence: The same for people.
    """

    name: str
    node_id: str
    kind: str
    sentence: str


def explain(workflow: Workflow, now: datetime) -> list[Reason]:
    """What the workflow waits for or why it failed: a sentence on the workflow, then one on each node that matters.

    Args:
        workflow: With its nodes unpacked.
        now: For how long things take.
    """
    view = _View(workflow, now)
    return [view.of_workflow(), *view.of_what_matters()]


def explain_node(workflow: Workflow, name: str, now: datetime) -> list[Reason]:
    """The same for nodes called so, by id, name, display name or, where it has no node yet, task name.

    Raises:
        UserError: There is none.
    """
    view = _View(workflow, now)
    found = [node for node in workflow.status.nodes.values() if name in (node.id, node.name, node.display_name)]
    made = [view.of_node(node) for node in found] or [reason for reason in view.not_begun() if reason.name == name]
    if not made:
        raise UserError(f"no node {name!r}", hint="`tiphys get` shows all nodes")
    return made


class _View:
    """A workflow, looked at."""

    def __init__(self, workflow: Workflow, now: datetime) -> None:
        self._workflow = workflow
        self._now = now
        self._nodes = workflow.status.nodes
        self._spec: WorkflowSpec = workflow.status.stored_workflow_template_spec or workflow.spec
        self._by_name = {node.name: node for node in self._nodes.values()}

    # --- the workflow

    def of_workflow(self) -> Reason:
        status, spec = self._workflow.status, self._workflow.spec
        name = self._workflow.metadata.name
        took = self._since(status.started_at, status.finished_at)

        def reason(kind: str, sentence: str) -> Reason:
            return Reason("", "", kind, f"{name} {sentence}")

        if status.phase in UNSUCCESSFUL:
            causes = self._causes()
            first = f": {self._cause(causes[0])}" if causes else f": {status.message}" if status.message else ""
            more = f" ({len(causes) - 1} more went wrong)" if len(causes) > 1 else ""
            return reason("failed", f"{status.phase.lower()} after {took}{first}{more}")
        if status.phase in COMPLETED:
            return reason("done", f"succeeded after {took}")
        if not status.phase:
            instance = "" if not self._workflow.metadata.labels else "; its labels may name another controller instance"
            return reason("workflow", f"has not been seen by a controller yet{instance}")
        if status.phase == PENDING:
            kind = "lock" if "lock" in status.message else "parallelism" if "postponed" in status.message else "workflow"
            return reason(kind, f"has not begun: {status.message or 'it is held back'}")
        if spec.shutdown:
            return reason("suspended", f"is being stopped with strategy {spec.shutdown}: what runs is ended")
        if spec.suspend:
            return reason("suspended", "is suspended: nothing new starts until it is resumed")
        waiting = [one for one in self._nodes.values() if not is_fulfilled(one) and one.type not in _GROUPS]
        return reason("runs", f"has been running for {took}; {len(waiting)} of its steps are under way")

    def _causes(self) -> list[NodeStatus]:
        """The leaves that made it fail, the earliest first; attempts that another attempt made good do not count."""
        bad = [node for node in self._nodes.values() if node.phase in UNSUCCESSFUL and node.type not in (*_GROUPS, phases.RETRY)]
        retries = {child: node for node in self._nodes.values() if node.type == phases.RETRY for child in node.children}
        counted = [node for node in bad if node.id not in retries or retries[node.id].phase in UNSUCCESSFUL]
        last = [node for node in counted if node.id not in retries or retries[node.id].children[-1] == node.id]
        return sorted(last or counted, key=lambda node: (node.finished_at is None, str(node.finished_at or "")))

    def _cause(self, node: NodeStatus) -> str:
        return f"{node.display_name} {node.phase.lower()}{': ' + node.message if node.message else ''}"

    # --- nodes

    def of_what_matters(self) -> Iterator[Reason]:
        """What failed in a workflow that failed, and what is under way or has not begun in one that runs."""
        if self._workflow.status.phase in COMPLETED:
            yield from (self.of_node(node) for node in self._causes())
            return
        for node in self._nodes.values():
            if node.phase not in FULFILLED and (node.type not in _GROUPS or node.phase == PENDING):
                yield self.of_node(node)
        yield from self.not_begun()

    def of_node(self, node: NodeStatus) -> Reason:
        """Why a node stands where it stands."""
        if node.phase in FULFILLED:
            kind, sentence = self._ended(node)
        elif node.synchronization_status is not None and node.synchronization_status.waiting:
            kind, sentence = "lock", self._lock(node, node.synchronization_status.waiting)
        elif node.phase == PENDING:
            kind, sentence = self._pending(node)
        else:
            kind, sentence = self._running(node)
        return Reason(node.display_name or node.name, node.id, kind, sentence)

    def _ended(self, node: NodeStatus) -> tuple[str, str]:
        took = self._since(node.started_at, node.finished_at)
        if node.phase in UNSUCCESSFUL:
            return "failed", f"{node.phase.lower()} after {took}{': ' + node.message if node.message else ''}"
        if node.phase == phases.SKIPPED:
            return "skipped", f"was not run{': ' + node.message if node.message else ''}"
        if node.phase == phases.OMITTED:
            return "skipped", f"was left out: {node.message or 'what it depends on did not end as it asks'}"
        return "done", f"succeeded after {took}"

    def _lock(self, node: NodeStatus, key: str) -> str:
        holders = self._holders(key)
        held = f", which {', '.join(holders)} of this workflow holds" if holders else ""
        return f"waits for the lock {key}{held}{': ' + node.message if node.message else ''}"

    def _holders(self, key: str) -> list[str]:
        locks = self._workflow.status.synchronization
        if locks is None:
            return []
        held = [(one.semaphore, holder) for one in (locks.semaphore.holding if locks.semaphore else ()) for holder in one.holders]
        held += [(one.mutex, one.holder) for one in (locks.mutex.holding if locks.mutex else ())]
        ids = [holder.rpartition("/")[2] for lock, holder in held if lock == key]
        return [self._nodes[one].display_name if one in self._nodes else one for one in ids]

    def _pending(self, node: NodeStatus) -> tuple[str, str]:
        text, waited = node.message, self._since(node.started_at, None)
        if any(word in text for word in _PULL):
            return "image", f"its image cannot be pulled: {text}"
        if "quota" in text:
            return "quota", f"its pod cannot be created yet: {text}"
        if text.startswith(("Unschedulable", "0/", "SchedulerError", "SchedulingGated")):
            return "scheduler", f"no node takes its pod: {text}"
        if text in _CREATED:
            host = node.host_node_name
            what = f"its containers are being created on {host}" if host else "its pod is ordered"
            return "container", f"{what}, for {waited} now"
        return "container", f"has not started, for {waited} now: {text}"

    def _running(self, node: NodeStatus) -> tuple[str, str]:
        since = self._since(node.started_at, None)
        if node.type == phases.SUSPEND:
            return "suspended", self._suspended(node)
        if node.type == phases.RETRY:
            return self._retry(node)
        if node.type in _GROUPS:
            open_ = [one.display_name for one in self._inside(node) if not is_fulfilled(one)]
            return "children", f"waits for {_some(open_)}" if open_ else "its children are about to begin or to end"
        if node.daemoned:
            return "runs", f"is up as a daemon{f' at {node.pod_ip}' if node.pod_ip else ''}, until its boundary ends"
        if node.type in (phases.HTTP, phases.PLUGIN):
            return "runs", f"waits for the agent's answer, for {since} now{': ' + node.message if node.message else ''}"
        limit = self._deadline(node)
        return "runs", f"has been running for {since}{limit}{': ' + node.message if node.message else ''}"

    def _deadline(self, node: NodeStatus) -> str:
        template = self._template(node)
        seconds = template.active_deadline_seconds if template is not None else None
        if seconds is None or not str(seconds).isdigit() or node.started_at is None:
            return ""
        return f", until {node.started_at + timedelta(seconds=int(str(seconds))):%H:%M:%S} at most"

    def _suspended(self, node: NodeStatus) -> str:
        wanted = [one.name for one in node.outputs.parameters if one.value is None] if node.outputs else []
        template = self._template(node)
        duration = template.suspend.duration if template is not None and template.suspend is not None else ""
        if duration:
            return f"waits until {self._until(node, str(duration))}"
        asks = f"somebody must set {', '.join(wanted)}" if wanted else "somebody must resume it"
        return f"is suspended since {node.started_at:%H:%M:%S}: {asks}{' (' + node.message + ')' if node.message else ''}"

    def _until(self, node: NodeStatus, duration: str) -> str:
        try:
            at = (node.started_at or self._now) + parse_duration(duration)
        except UserError:
            return f"{duration} have passed"
        return f"{at:%H:%M:%S} ({duration} in all)"

    def _retry(self, node: NodeStatus) -> tuple[str, str]:
        attempts = [self._nodes[child] for child in node.children if child in self._nodes]
        last = attempts[-1] if attempts else None
        if last is not None and not is_fulfilled(last):
            inner = self.of_node(last)
            return inner.kind, f"attempt {len(attempts)}: {inner.sentence}"
        if node.message:
            failed = f"attempt {len(attempts)} {last.phase.lower()}; " if last is not None else ""
            return "backoff", f"{failed}{node.message[:1].lower()}{node.message[1:]}{self._due(node, last, len(attempts))}"
        return "children", "its next attempt is about to begin"

    def _due(self, node: NodeStatus, last: NodeStatus | None, attempts: int) -> str:
        template = self._template(node)
        strategy = (template.retry_strategy if template is not None else None) or self._spec.retry_strategy
        if strategy is None or strategy.backoff is None or last is None or last.finished_at is None:
            return ""
        try:
            return f", until {last.finished_at + waiting_time(strategy.backoff, attempts):%H:%M:%S}"
        except UserError:
            return ""

    def _inside(self, node: NodeStatus) -> list[NodeStatus]:
        if node.type in (phases.STEPS, phases.DAG):
            return [one for one in self._nodes.values() if one.boundary_id == node.id and one.type != phases.STEP_GROUP]
        return [self._nodes[child] for child in node.children if child in self._nodes]

    # --- what has no node yet

    def not_begun(self) -> Iterator[Reason]:
        """The steps and tasks of bodies under way that have no node, and what each waits for."""
        for node in self._nodes.values():
            if node.phase in FULFILLED or node.type not in (phases.STEPS, phases.DAG):
                continue
            template = self._template(node)
            if template is None:
                continue
            yield from self._tasks(node, template) if node.type == phases.DAG else self._steps(node, template)

    def _steps(self, node: NodeStatus, template: Template) -> Iterator[Reason]:
        groups = [self._by_name.get(f"{node.name}[{index}]") for index in range(len(template.steps))]
        for index, group in enumerate(template.steps):
            for step in group:
                if f"{node.name}[{index}].{step.name}" in self._by_name:
                    continue
                before = [one for one in groups[:index] if one is not None and one.phase not in FULFILLED]
                if before:
                    open_ = [one.display_name for one in self._inside(before[0]) if not is_fulfilled(one)]
                    names = _some(open_ or [before[0].display_name])
                    yield Reason(step.name, "", "dependency", f"waits for the steps before it: {names}")
                else:
                    yield Reason(step.name, "", *self._held(node, template))

    def _tasks(self, node: NodeStatus, template: Template) -> Iterator[Reason]:
        if template.dag is None:
            return
        tasks = {task.name: task for task in template.dag.tasks}
        for task in tasks.values():
            if f"{node.name}.{task.name}" in self._by_name:
                continue
            open_ = [name for name in _dependencies(task, tasks) if not self._is_done(f"{node.name}.{name}")]
            if open_:
                yield Reason(task.name, "", "dependency", f"waits for {_some(open_)}")
            else:
                yield Reason(task.name, "", *self._held(node, template))

    def _is_done(self, name: str) -> bool:
        node = self._by_name.get(name)
        return node is not None and is_fulfilled(node)

    def _held(self, node: NodeStatus, template: Template) -> tuple[str, str]:
        """What may hold back a step whose turn it is."""
        if self._workflow.spec.suspend:
            return "suspended", "may begin, but the workflow is suspended"
        if template.fail_fast and any(one.boundary_id == node.id and one.phase in UNSUCCESSFUL for one in self._nodes.values()):
            return "failed", f"will not begin: something in {node.display_name} went wrong, and it fails fast"
        if template.parallelism:
            return "parallelism", f"may begin; {node.display_name} runs {template.parallelism} at a time"
        if self._spec.parallelism:
            return "parallelism", f"may begin; the workflow runs {self._spec.parallelism} pods at a time"
        return "children", "is about to begin"

    def _template(self, node: NodeStatus) -> Template | None:
        for one in (*self._spec.templates, *self._workflow.spec.templates):
            if one.name == node.template_name:
                return one
        if node.template_ref is not None:
            stored = self._workflow.status.stored_templates
            ending = f"/{node.template_ref.name}/{node.template_ref.template}"
            return next((one for key, one in stored.items() if key.endswith(ending)), None)
        return None

    def _since(self, began: datetime | None, ended: datetime | None) -> str:
        if began is None:
            return "no time"
        span = (ended or self._now) - began
        return go_duration(timedelta(seconds=max(0, int(span.total_seconds()))))


def _dependencies(task: DAGTask, tasks: dict[str, DAGTask]) -> list[str]:
    if task.dependencies:
        return list(task.dependencies)
    if not task.depends:
        return []
    try:
        return sorted(parse_depends(task.depends, tasks).tasks)
    except UserError:
        return []


def _some(names: list[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


