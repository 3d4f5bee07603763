"""Is a workflow one that can run? Every message names the path, what is wrong, and the nearest right name.

Source: argo-semantics 23.
"""

import msgspec

from tiphys.engine.checks.arguments import check_arguments, check_supplied
from tiphys.engine.checks.artifacts import check_collection
from tiphys.engine.checks.calls import Callees, Lookup, Place, check_hook
from tiphys.engine.checks.kinds import check_pod_resources
from tiphys.engine.checks.known import of_workflow
from tiphys.engine.checks.naming import check_object_name, check_step_names
from tiphys.engine.checks.templates import check_template
from tiphys.errors import SpecError
from tiphys.model.arguments import Arguments
from tiphys.model.label_selector import matches
from tiphys.model.parse import nearest
from tiphys.model.template import Template
from tiphys.model.workflow import Workflow

_POD_GC = ("OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")


def check_workflow(workflow: Workflow, lookup: Lookup | None = None) -> None:
    """Return when the workflow can run.

    Raises:
        SpecError: The first thing that is wrong with it.
    """
    faults = find_faults(workflow, lookup)
    if faults:
        raise faults[0]


def find_faults(
    workflow: Workflow, lookup: Lookup | None = None, *, stored_as: str = "", lacks_values: bool = False
) -> list[SpecError]:
    """All that is wrong with a workflow, most important first.

    Args:
        workflow: As it is written; one that refers to a stored spec is looked at as far as it goes.
        lookup: Finds templates of other objects; without it, what refers to them is believed.
        stored_as: `workflow template`, `cluster workflow template` or `cron workflow` when it is the spec of such an object;
            the first two may lack an entrypoint and values.
        lacks_values: Arguments may lack values too, unless the entry point needs them: they come with the submission.
    """
    spec, faults = workflow.spec, list[SpecError]()
    check_object_name(workflow.metadata.name, stored_as or "workflow", faults)
    refers, may_lack = spec.workflow_template_ref is not None, stored_as.endswith("template")
    if refers and spec.templates:
        faults.append(SpecError("Templates is invalid field in spec if workflow referred WorkflowTemplate reference"))
    templates = {template.name: template for template in spec.templates}
    if not refers:
        _check_entry(workflow, templates, faults, may_lack=may_lack, lacks_values=lacks_values)
    _check_spec(workflow, faults, may_lack=may_lack or refers, lacks_values=lacks_values)
    check_step_names((template.name for template in spec.templates), "templates", faults)
    known = of_workflow(workflow, has_values=not (may_lack or refers), has_labels=not (stored_as or refers))
    callees = Callees(templates, lookup)
    for template in spec.templates:
        check_template(template, spec.template_defaults, known, callees, faults)
    if not refers:
        for name, hook in spec.hooks.items():
            check_hook(name, hook, Place(f"spec.hooks.{name}", "workflow", known), callees, faults)
    return faults


def _check_entry(
    workflow: Workflow, templates: dict[str, Template], faults: list[SpecError], *, may_lack: bool, lacks_values: bool
) -> None:
    spec = workflow.spec
    if not spec.entrypoint:
        if not may_lack:
            faults.append(SpecError("spec.entrypoint is required"))
    elif spec.entrypoint not in templates:
        guess = nearest(spec.entrypoint, templates)
        faults.append(SpecError(f"template name '{spec.entrypoint}' undefined{guess}", path="spec.entrypoint"))
    elif not may_lack:
        given = _valued(spec.arguments) if lacks_values else spec.arguments
        check_supplied(templates[spec.entrypoint], given, f"templates.{spec.entrypoint}", faults)
    if spec.on_exit and spec.on_exit not in templates:
        guess = nearest(spec.on_exit, templates)
        faults.append(SpecError(f"template name '{spec.on_exit}' undefined{guess}", path="spec.onExit"))


def _valued(arguments: Arguments) -> Arguments:
    """Those that say what they are worth."""
    given = tuple(one for one in arguments.parameters if {one.value, one.default} != {None} or one.value_from is not None)
    return msgspec.structs.replace(arguments, parameters=given)


def _check_spec(workflow: Workflow, faults: list[SpecError], *, may_lack: bool, lacks_values: bool) -> None:
    spec = workflow.spec
    check_arguments(spec.arguments, "spec.arguments", faults, may_lack=may_lack, lacks_values=lacks_values)
    if spec.pod_gc is not None and spec.pod_gc.strategy:
        strategy = spec.pod_gc.strategy
        if strategy not in _POD_GC:
            guess = nearest(strategy, _POD_GC)
            faults.append(SpecError(f"podGC.strategy unknown strategy '{strategy}'{guess}", path="spec"))
    if spec.pod_gc is not None:
        try:
            matches(spec.pod_gc.label_selector, {})
        except SpecError as e:
            faults.append(SpecError(f"podGC.labelSelector invalid: {e.message}", path="spec"))
    if spec.pod_resources is not None:
        check_pod_resources(spec.pod_resources, "spec.podResources", faults)
    check_collection(workflow, faults)
    for i, plugin in enumerate(spec.executor_plugins):
        if plugin.spec is None or plugin.spec.sidecar is None or not plugin.spec.sidecar.container:
            faults.append(SpecError("spec.sidecar.container is required", path=f"spec.executorPlugins[{i}]"))
