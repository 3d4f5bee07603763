"""A dag template: a task starts when what it depends on is fulfilled; each end of a task touches its dependants only.

Source: argo-semantics 7.
"""

from collections.abc import Collection, Mapping
from functools import lru_cache

import msgspec

from tiphys.engine.body import BodyExecution
from tiphys.engine.calls import Call
from tiphys.engine.execution import Execution
from tiphys.engine.loops import is_loop, item_values, items_of
from tiphys.engine.member import Member
from tiphys.engine.steps import continues
from tiphys.engine.templates import Found
from tiphys.errors import SpecError, UserError
from tiphys.expr.depends import Depends, Outcome, from_dependencies, parse_depends
from tiphys.model import names
from tiphys.model.parse import nearest
from tiphys.model.phases import (
    COMPLETED,
    DAG,
    ERROR,
    FAILED,
    FULFILLED,
    OMITTED,
    PENDING,
    RUNNING,
    SKIPPED,
    SKIPPED_TYPE,
    SUCCEEDED,
    TASK_GROUP,
    is_fulfilled,
    is_unsuccessful,
)
from tiphys.model.status import NodeStatus
from tiphys.model.template import DAGTask, DAGTemplate, Template


class Plan(msgspec.Struct, frozen=True):
    """What a DAG's text says, compiled once.

    Attributes:
        tasks: By name.
        depends: What each task waits for; tasks that wait for nothing are not in it.
        dependants: Who waits for a task.
    """

    tasks: Mapping[str, DAGTask]
    depends: Mapping[str, Depends]
    dependants: Mapping[str, tuple[str, ...]]

    def targets(self, written: str) -> list[str]:
        """The target tasks: as written, else those that nobody waits for.

        Raises:
            SpecError: One does not exist.
        """
        if not written.split():
            return sorted(name for name in self.tasks if not self.dependants.get(name))
        for name in written.split():
            if name not in self.tasks:
                raise SpecError(f"targets: target '{name}' is not defined{nearest(name, self.tasks)}")
        return written.split()

    def needed(self, targets: Collection[str]) -> list[str]:
        """The targets and all they wait for, those first that wait for nothing of the others.

        Raises:
            SpecError: Tasks wait for each other in a circle.
        """
        order: dict[str, None] = {}
        path: dict[str, None] = {}
        stack = [(name, False) for name in reversed(list(targets))]
        while stack:
            name, is_left = stack.pop()
            if is_left:
                path.pop(name, None)
                order[name] = None
            elif name in path:
                raise SpecError(f"tasks dependency cycle detected: {'->'.join([*path, name])}")
            elif name not in order:
                path[name] = None
                stack.append((name, True))
                waits_for = self.depends[name].tasks if name in self.depends else ()
                stack.extend((other, False) for other in reversed(waits_for) if other not in order)
        return list(order)


def plan_of(dag: DAGTemplate, parsed: Mapping[str, Depends] | None = None) -> Plan:
    """The plan of a DAG.

    Args:
        dag: As it is written.
        parsed: What tasks wait for, where somebody has read it already.

    Raises:
        ExpressionError: A condition names what does not exist, or does not parse.
    """
    tasks = {task.name: task for task in dag.tasks}

    def continue_on(name: str) -> tuple[bool, bool]:
        covered = tasks[name].continue_on if name in tasks else None
        return (bool(covered and covered.error), bool(covered and covered.failed))

    depends = dict(parsed or {})
    dependants: dict[str, list[str]] = {}
    for task in dag.tasks:
        if task.name not in depends:
            text = task.depends or from_dependencies(task.dependencies, continue_on)
            if text.strip():
                depends[task.name] = parse_depends(text, tasks)
        if task.name in depends:
            for name in depends[task.name].tasks:
                dependants.setdefault(name, []).append(task.name)
    return Plan(tasks, depends, {name: tuple(waiting) for name, waiting in dependants.items()})


@lru_cache(maxsize=64)
def _outcome_of(phase: str, is_daemon: bool) -> Outcome:
    """How a single node ended."""
    return Outcome(
        succeeded=phase == SUCCEEDED,
        failed=phase == FAILED,
        errored=phase == ERROR,
        skipped=phase == SKIPPED,
        omitted=phase == OMITTED,
        daemoned=is_daemon,
    )


class DAGExecution(BodyExecution):
    """One DAG node."""

    node_type = DAG
    kind = "tasks"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._dag = self.call.found.template.dag or DAGTemplate()
        self._plan = Plan({}, {}, {})
        self._targets: list[str] = []
        self._waiting: dict[str, int] = {}
        self._branch: dict[str, str] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._last: dict[str, list[str]] = {}
        self._hook_errors: dict[str, str] = {}
        self._open = 0
        self._is_assessing = False

    def walk(self) -> None:
        """Begin the tasks that wait for nothing."""
        try:
            self._plan = self.run.plan_of(self._dag)
            self._targets = self._plan.targets(self.run.text(self._dag.target, self.prepared.scope))
            needed = self._plan.needed(self._targets)
        except UserError as e:
            self.close(ERROR, e.message)
            return
        self._waiting = {name: len(self._plan.depends[name].tasks) if name in self._plan.depends else 0 for name in needed}
        for name, count in self._waiting.items():
            if not count:
                self._open += 1
                self.run.soon(self._consider, name)
        if not needed:
            self.close(SUCCEEDED)

    def step_of(self, name: str) -> DAGTask | None:
        """The task called so."""
        return self._plan.tasks.get(name)

    def _consider(self, name: str) -> None:
        """All that the task waits for is fulfilled: run it, or omit it."""
        node = self.run.tree.find(f"{self.call.name}.{name}")
        task = self._plan.tasks[name]
        if node is not None and node.phase in FULFILLED and not self._may_have_hooks(node, task):
            self.run.tree.adopt(node, self.node_id)
            self._task_finished(name)
            return
        depends = self._plan.depends.get(name)
        try:
            may_run = node is not None or depends is None or depends.evaluate(self._outcomes.__getitem__)
        except UserError as e:
            self._stillborn(name, ERROR, f"unable to evaluate expression '{depends.text if depends else ''}': {e.message}")
            return
        if not may_run:
            self._stillborn(name, OMITTED, "omitted: depends condition not met")
        else:
            self._begin_task(name, task)

    @staticmethod
    def _may_have_hooks(node: NodeStatus, task: DAGTask) -> bool:
        """Whether a fulfilled task may still have hooks to run, or a daemon to end; one that never began has neither."""
        never_began = node.type == SKIPPED_TYPE and (node.phase == OMITTED or is_loop(task))
        return not never_began and bool(task.hooks or task.on_exit or node.daemoned)

    def _attach_to(self, name: str) -> tuple[str, ...]:
        depends = self._plan.depends.get(name)
        if depends is None:
            return (self.node_id,)
        return tuple(dict.fromkeys(last for other in depends.tasks for last in self._last.get(other, ())))

    def _task_call(self, name: str) -> Call:
        task = self._plan.tasks[name]
        return Call(
            name=f"{self.call.name}.{name}",
            found=Found(Template(), name=task.template, ref=task.template_ref, scope=self.call.found.inside),
            boundary_id=self.node_id,
            container=self.node_id,
            attach_to=self._attach_to(name),
            is_exit=self.call.is_exit,
        )

    def _stillborn(self, name: str, phase: str, message: str) -> None:
        Execution(self.run, self._task_call(name), _Task(self, name)).stillborn(phase, message)

    def _begin_task(self, name: str, task: DAGTask) -> None:
        node_name = f"{self.call.name}.{name}"
        if not is_loop(task):
            place = self.place(task, self.node_id, self._attach_to(name))
            member = Member(self.run, _Task(self, name), task, node_name, self.scope, place)
            self.members[node_name] = member
            self.run.soon(member.begin)
            return
        try:
            items = items_of(task, self.scope, self.run.now)
        except UserError as e:
            self._stillborn(name, ERROR, e.message)
            return
        if items:
            self.run.soon(TaskGroup(self, self._task_call(name), _Task(self, name), task, items).begin)
        else:
            self._stillborn(name, SKIPPED, "Skipped, empty params")

    def task_finished(self, name: str, hook_error: str = "") -> None:
        """A task with its hooks is fulfilled."""
        if hook_error:
            self._hook_errors[name] = hook_error
        self._task_finished(name)

    def _task_finished(self, name: str) -> None:
        if name in self._outcomes:
            return
        node = self.run.tree.find(f"{self.call.name}.{name}")
        if node is None:
            return
        self._open -= 1
        error = self._hook_errors.get(name)
        self._outcomes[name] = Outcome(errored=True) if error else self._outcome(node)
        self._branch[name] = ERROR if error else self._branch_phase(name, node)
        self._last[name] = self.run.tree.outbound(node)
        for other in self._plan.dependants.get(name, ()):
            if other in self._waiting:
                self._waiting[other] -= 1
                if not self._waiting[other]:
                    self._open += 1
                    self.run.soon(self._consider, other)
        if not self._is_assessing and (self._open <= len(self.held) or self.held or self.is_failing):
            self._is_assessing = True
            self.run.at_rest(self._assess)

    def _branch_phase(self, name: str, node: NodeStatus) -> str:
        """The phase a target shows: its own, or what it inherits when it did not run. Source: argo-semantics 7.4."""
        if node.phase in COMPLETED:
            return node.phase
        depends = self._plan.depends.get(name)
        inherited = [self._branch.get(other, SUCCEEDED) for other in depends.tasks] if depends else []
        return next((phase for phase in inherited if phase in (FAILED, ERROR)), SUCCEEDED)

    def _outcome(self, node: NodeStatus) -> Outcome:
        if node.type != TASK_GROUP:
            return _outcome_of(node.phase, bool(node.daemoned) and node.phase != PENDING)
        tree = self.run.tree
        members = [tree.by_id(child) for child in tree.children(node.id)]
        phases = [member.phase for member in members if member is not None]
        return msgspec.structs.replace(
            _outcome_of(node.phase, False),
            any_succeeded=SUCCEEDED in phases,
            all_failed=bool(phases) and all(phase == FAILED for phase in phases),
        )

    def _assess(self) -> None:
        """End the DAG when nothing of it runs: as its targets say."""
        self._is_assessing = False
        if self.node.phase in FULFILLED or self._open > len(self.held):
            return
        result = SUCCEEDED
        for name in self._targets:
            phase = self._branch.get(name)
            if phase is None:
                return
            if phase in (FAILED, ERROR) and not continues(self._plan.tasks[name].continue_on, phase):
                result = phase
                if self._dag.fail_fast is not False:
                    break
        if result == SUCCEEDED and self.run.shutdown.ends(self.call):
            result = FAILED
        message = next(iter(self._hook_errors.values()), None) if result == ERROR else None
        self.close(result, message, outbound=self._outbound())

    def _outbound(self) -> tuple[str, ...]:
        tree = self.run.tree
        nodes = [tree.find(f"{self.call.name}.{name}") for name in self._targets]
        return tuple(dict.fromkeys(last for node in nodes if node is not None for last in tree.outbound(node)))


class _Task:
    """Whoever ends a task tells the DAG its name."""

    def __init__(self, dag: DAGExecution, name: str) -> None:
        self._dag = dag
        self._name = name

    def member_finished(self, member: Member) -> None:
        """The only member of the task has ended; only a daemon is still asked for afterwards."""
        node = member.execution.node_or_none if member.execution is not None else None
        if node is None or not node.daemoned:
            self._dag.members.pop(member.name, None)
            member.let_go()
        self._dag.task_finished(self._name, member.hook_error)

    def child_finished(self, _child: Execution) -> None:
        """The task's group, or a task that never ran, has ended."""
        self._dag.task_finished(self._name)

    def child_changed(self, _child: Execution) -> None:
        """Only ends matter."""


class TaskGroup(Execution):
    """A looping task of a DAG."""

    def __init__(self, dag: DAGExecution, call: Call, parent: _Task, task: DAGTask, items: list[object]) -> None:
        super().__init__(dag.run, call, parent)
        self._dag = dag
        self._task = msgspec.structs.replace(task, with_items=(), with_param="", with_sequence=None)
        self._items = items
        self._place = dag.place(task, self.node_id, (self.node_id,))
        self._members: list[Member] = []
        self._open = 0

    def start(self) -> None:
        """Create the group and its members."""
        self.create(TASK_GROUP, RUNNING)
        self._walk()

    def resume(self, node: NodeStatus) -> None:
        """Go on with the members; when the group has ended, so have their hooks, but daemons still want an end."""
        children = [self.run.tree.by_id(child) for child in self.run.tree.children(self.node_id)]
        if not is_fulfilled(node) or any(child is not None and child.daemoned for child in children):
            self._walk()
        if is_fulfilled(node):
            self.tell()

    def _walk(self) -> None:
        for i, item in enumerate(self._items):
            name = names.member_name(self.call.name, i, item)
            scope = self._dag.scope.child(item_values(item))
            member = Member(self.run, self, self._task, name, scope, self._place)
            self._members.append(member)
            self._dag.members[name] = member
            self.run.soon(member.begin)
        self._open = len(self._members)

    def member_finished(self, _member: Member) -> None:
        """A member has ended."""
        self._open -= 1
        if self._open or self.node.phase in FULFILLED:
            return
        error = next((member.hook_error for member in self._members if member.hook_error), "")
        if error:
            self.end(ERROR, error)
            return
        nodes = [member.node for member in self._members]
        failed = [node for node in nodes if node is not None and is_unsuccessful(node)]
        self.end(failed[-1].phase if failed else SUCCEEDED)
