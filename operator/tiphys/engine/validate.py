"""Is a workflow one that can run? Every message names the path, what is wrong, and the nearest right name.

Source: argo-semantics 23.
"""

import re
from collections.abc import Iterator

from tiphys.engine.dag import plan_of
from tiphys.engine.references import check_reference_alone
from tiphys.engine.templates import KINDS, kind_of
from tiphys.errors import SpecError, UserError
from tiphys.model.parse import nearest
from tiphys.model.template import DAGTask, LifecycleHook, Template, WorkflowStep
from tiphys.model.workflow import Workflow

_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,127}")
_UNSUPPORTED = {"http", "plugin", "data"}


def check_workflow(workflow: Workflow) -> None:
    """Return when the workflow can run.

    Raises:
        SpecError: The first thing that is wrong with it.
    """
    spec = workflow.spec
    if len(workflow.metadata.name) > 63:
        name = workflow.metadata.name
        raise SpecError(f'workflow name "{name}" must not be more than 63 characters long (currently {len(name)})')
    _check_supported(workflow)
    if spec.workflow_template_ref is not None:
        # what it runs is known where the stored template is: see `effective` and `references`
        check_reference_alone(spec)
        return
    if not spec.entrypoint:
        raise SpecError("spec.entrypoint is required")
    templates = {template.name: template for template in spec.templates}
    if spec.entrypoint not in templates:
        raise SpecError(
            f"template name '{spec.entrypoint}' undefined{nearest(spec.entrypoint, templates)}", path="spec.entrypoint"
        )
    if spec.on_exit and spec.on_exit not in templates:
        raise SpecError(f"template name '{spec.on_exit}' undefined{nearest(spec.on_exit, templates)}", path="spec.onExit")
    _check_names([template.name for template in spec.templates], "templates")
    for template in spec.templates:
        _check_template(template, templates)


def _check_supported(workflow: Workflow) -> None:
    """What would be left out silently is refused instead."""
    spec, templates = workflow.spec, workflow.spec.templates
    wanted = {
        "synchronization": spec.synchronization is not None or any(template.synchronization for template in templates),
        "hooks": any(name != "exit" for name in spec.hooks),
        "templates[].failFast": any(template.fail_fast for template in templates),
        "templates[].memoize": any(template.memoize for template in templates),
    }
    for field, is_wanted in wanted.items():
        if is_wanted:
            raise SpecError(f"{field.rpartition('.')[2]} is not supported yet", path=f"spec.{field}")


def _check_names(names: list[str], path: str) -> None:
    seen: set[str] = set()
    for i, name in enumerate(names):
        if not name:
            raise SpecError("name is required", path=f"{path}[{i}]")
        if name in seen:
            raise SpecError(f"name '{name}' is not unique", path=f"{path}[{i}]")
        if "{{" not in name and not _NAME.fullmatch(name):
            raise SpecError(f"name: '{name}' is invalid: letters, digits and dashes only, at most 128", path=f"{path}[{i}]")
        seen.add(name)


def _check_template(template: Template, templates: dict[str, Template]) -> None:
    path = f"templates.{template.name}"
    kinds = [kind for kind in KINDS if getattr(template, kind) not in (None, ())]
    if len(kinds) > 1:
        raise SpecError(f"multiple template types specified. choose one of: {', '.join(kinds)}", path=path)
    if not kinds:
        raise SpecError(
            "template type unspecified. choose one of: container, containerSet, steps, script, resource, dag, suspend, "
            "template, template ref",
            path=path,
        )
    if kind_of(template) in _UNSUPPORTED:
        raise SpecError(f"{kinds[0]} templates are not supported yet", path=path)
    for kind in ("container", "script"):
        user = getattr(template, kind)
        if user is not None and not user.get("image"):
            raise SpecError(f"{kind}.image may not be empty", path=path)
    for where, step in _calls(template, path):
        _check_call(where, step, templates)
    _check_dag(template, path)


def _calls(template: Template, path: str) -> Iterator[tuple[str, WorkflowStep | DAGTask]]:
    _check_names([step.name for group in template.steps for step in group], f"{path}.steps")
    for i, group in enumerate(template.steps):
        for j, step in enumerate(group):
            yield f"{path}.steps[{i}][{j}]", step
    for task in template.dag.tasks if template.dag else ():
        yield f"{path}.tasks.{task.name}", task


def _check_call(path: str, step: WorkflowStep | DAGTask, templates: dict[str, Template]) -> None:
    hooks: list[tuple[str, str, LifecycleHook]] = [(f"{path}.hooks.{key}", key, hook) for key, hook in step.hooks.items()]
    named = [(path, step.template), *((where, hook.template) for where, _, hook in hooks), (f"{path}.onExit", step.on_exit)]
    for where, name in named:
        if name and "{{" not in name and name not in templates:
            raise SpecError(f"template name '{name}' undefined{nearest(name, templates)}", path=where)
    if not step.template and step.inline is None and step.template_ref is None:
        raise SpecError("template name is required", path=path)
    if sum(map(bool, (step.with_items, step.with_param, step.with_sequence))) > 1:
        raise SpecError("only one of withItems, withParam, withSequence can be specified", path=path)
    for where, key, hook in hooks:
        if key != "exit" and not hook.expression:
            raise SpecError("Expression required", path=where)


def _check_dag(template: Template, path: str) -> None:
    dag = template.dag
    if dag is None:
        return
    _check_names([task.name for task in dag.tasks], f"{path}.tasks")
    if any(task.depends for task in dag.tasks) and any(task.dependencies for task in dag.tasks):
        raise SpecError("cannot use both 'depends' and 'dependencies' in the same DAG template", path=path)
    try:
        plan = plan_of(dag)
        plan.needed(list(plan.tasks))
        if "{{" not in dag.target:
            plan.targets(dag.target)
    except UserError as e:
        raise SpecError(e.message, path=path) from e
