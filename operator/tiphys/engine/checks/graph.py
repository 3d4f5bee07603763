"""DAGs: dependencies, targets, circles, and that a task reads only what comes before it.

Source: argo-semantics 7.1, 7.2, 23.4.
"""

import re
from collections.abc import Mapping

from tiphys.engine.checks.calls import Callees, Place, check_step
from tiphys.engine.checks.known import Known, joined, of_step
from tiphys.engine.checks.naming import check_step_names
from tiphys.engine.dag import Plan, plan_of
from tiphys.engine.loops import is_loop
from tiphys.errors import ExpressionError, SpecError, UserError
from tiphys.expr.depends import Depends, parse_depends
from tiphys.expr.template import tags
from tiphys.model.parse import nearest
from tiphys.model.template import DAGTask, DAGTemplate, Template

_OF_ITEMS = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9_]*)\.(?:AnySucceeded|AllFailed)\b")


def check_dag(template: Template, path: str, known: Known, callees: Callees, faults: list[SpecError]) -> Known:
    """A DAG template; what all of its tasks put out, for the template's own outputs."""
    dag = template.dag or DAGTemplate()
    if not dag.tasks:
        faults.append(SpecError("must have at least one task", path=path))
    check_step_names((task.name for task in dag.tasks), f"{path}.tasks", faults)
    before = len(faults)
    depends = _check_dependencies(dag, path, faults)
    plan = _plan(dag, depends, path, faults) if len(faults) == before else None
    everything = known.plus(joined(of_step("tasks", task, callees.quietly(task)) for task in dag.tasks))
    for task in dag.tasks:
        place = Place(f"{path}.tasks.{task.name}", "tasks", everything)
        check_step(task, place, callees, faults)
        if plan is not None:
            _check_reads(task, place.path, plan, faults)
    return everything


def _check_dependencies(dag: DAGTemplate, path: str, faults: list[SpecError]) -> dict[str, Depends]:
    """What tasks wait for, as far as it is right."""
    parsed: dict[str, Depends] = {}
    tasks = {task.name: task for task in dag.tasks}
    has_depends = any(task.depends for task in dag.tasks)
    if has_depends and any(task.dependencies for task in dag.tasks):
        faults.append(SpecError("cannot use both 'depends' and 'dependencies' in the same DAG template", path=path))
        return parsed
    if has_depends and any(task.continue_on for task in dag.tasks):
        message = "cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'"
        faults.append(SpecError(message, path=path))
    for task in dag.tasks:
        if (has_depends or task.dependencies) and task.name[:1].isdigit():
            message = "name cannot begin with a digit when using either 'depends' or 'dependencies'"
            faults.append(SpecError(message, path=f"{path}.tasks.{task.name}"))
        depends = _check_task(task, tasks, f"{path}.tasks.{task.name}", faults)
        if depends is not None:
            parsed[task.name] = depends
    return parsed


def _check_task(task: DAGTask, tasks: Mapping[str, DAGTask], path: str, faults: list[SpecError]) -> Depends | None:
    unknown = [name for name in task.dependencies if name not in tasks]
    faults += [SpecError(f"dependency '{name}' not defined{nearest(name, tasks)}", path=path) for name in unknown]
    if not task.depends.strip():
        return None
    try:
        depends = parse_depends(task.depends, tasks)
    except ExpressionError as e:
        faults.append(SpecError(e.message, path=path))
        return None
    for name in _OF_ITEMS.findall(task.depends):
        if name in tasks and not is_loop(tasks[name]):
            message = (
                f"dependency '{name}' uses an items-based condition such as .AnySucceeded or .AllFailed "
                "but does not contain any items"
            )
            faults.append(SpecError(message, path=path))
    return depends


def _plan(dag: DAGTemplate, depends: Mapping[str, Depends], path: str, faults: list[SpecError]) -> Plan | None:
    try:
        plan = plan_of(dag, depends)
        plan.needed(list(plan.tasks))
        if "{{" not in dag.target:
            plan.targets(dag.target)
    except UserError as e:
        faults.append(SpecError(e.message, path=path))
        return None
    return plan


def _check_reads(task: DAGTask, path: str, plan: Plan, faults: list[SpecError]) -> None:
    """What a task reads of another must be of one that it waits for, however far up."""
    try:
        named = {tag.text.strip() for tag in tags(task) if tag.kind == "simple" and not tag.parts}
    except ExpressionError:
        return
    wanted = {name.split(".")[1]: name for name in sorted(named) if name.startswith("tasks.") and name.count(".") > 1}
    direct = plan.depends[task.name].tasks if task.name in plan.depends else ()
    above: set[str] | None = None
    for name, tag in wanted.items():
        if name not in plan.tasks or name == task.name or name in direct:
            continue
        above = _ancestors(task.name, plan) if above is None else above
        if name not in above:
            faults.append(SpecError(f"missing dependency '{name}'{_for(task, tag)}", path=path))


def _for(task: DAGTask, tag: str) -> str:
    for parameter in task.arguments.parameters:
        if tag in (parameter.value or ""):
            return f" for parameter '{parameter.name}'"
    for artifact in task.arguments.artifacts:
        if tag in artifact.from_ + artifact.from_expression:
            return f" for artifact '{artifact.name}'"
    return f" for {{{{{tag}}}}}"


def _ancestors(name: str, plan: Plan) -> set[str]:
    found: set[str] = set()
    stack = [name]
    while stack:
        depends = plan.depends.get(stack.pop())
        for other in depends.tasks if depends is not None else ():
            if other not in found:
                found.add(other)
                stack.append(other)
    return found
