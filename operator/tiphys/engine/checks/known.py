"""Which variables are known before anything runs.

Source: argo-semantics 9.5, 23.3.
"""

from collections.abc import Iterable, Iterator

import msgspec

from tiphys.engine.loops import is_loop
from tiphys.engine.templates import kind_of
from tiphys.errors import ExpressionError, SpecError
from tiphys.expr.template import tags
from tiphys.model.arguments import Outputs
from tiphys.model.names import PREFIX
from tiphys.model.parse import nearest
from tiphys.model.template import DAGTask, Template, WorkflowStep
from tiphys.model.workflow import Workflow

_CHECKED = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
_ALWAYS = (
    "outputs.", "pod.name", "node.name", "steps.name", "tasks.name", "workflow.creationTimestamp", "workflow.scheduledTime",
    "workflow.duration", "workflow.priority", f"workflow.labels.{PREFIX}", f"workflow.annotations.{PREFIX}",
)  # fmt: skip
_WORKFLOW = frozenset(
    f"workflow.{name}"
    for name in (
        "name", "namespace", "uid", "serviceAccountName", "mainEntrypoint", "status", "parameters", "parameters.json", "labels",
        "labels.json", "annotations", "annotations.json",
    )
)  # fmt: skip
_WITH_RESULT = frozenset({"container", "container_set", "script", "data", "http", "plugin"})
_OF_EVERY_NODE = ("id", "status", "startedAt", "finishedAt", "hostNodeName")
Step = WorkflowStep | DAGTask


class Known(msgspec.Struct, frozen=True):
    """A set of names, kept as several so that adding to it copies nothing.

    Attributes:
        names: Names that are known by themselves.
        open: Steps and tasks (`tasks.x.`) of which everything is believed.
        prefixes: A name that begins with one of these is known.
    """

    names: tuple[frozenset[str], ...] = ()
    open: tuple[frozenset[str], ...] = ()
    prefixes: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether the name is known."""
        if any(name in names for names in self.names) or name.startswith(self.prefixes):
            return True
        owner = name[: name.find(".", name.find(".") + 1) + 1]
        return any(owner in names for names in self.open)

    def plus(self, *others: "Known") -> "Known":
        """All of these together."""
        return Known(
            (*self.names, *(names for other in others for names in other.names)),
            (*self.open, *(names for other in others for names in other.open)),
            (*self.prefixes, *(prefix for other in others for prefix in other.prefixes)),
        )


def joined(many: Iterable[Known]) -> Known:
    """Many small sets as one."""
    several = list(many)
    names = frozenset(name for known in several for part in known.names for name in part)
    opened = frozenset(name for known in several for part in known.open for name in part)
    return Known((names,), (opened,), tuple(prefix for known in several for prefix in known.prefixes))


def of_workflow(workflow: Workflow, *, has_values: bool = True, has_labels: bool = True) -> Known:
    """`workflow.*`; of a stored spec, labels and perhaps parameters are the run's own and not known yet."""
    spec, meta = workflow.spec, workflow.metadata
    prefixes = list(_ALWAYS)
    prefixes += [] if has_values else ["workflow.parameters"]
    prefixes += [] if has_labels else ["workflow.labels.", "workflow.annotations."]
    names = set(_WORKFLOW) | {f"workflow.parameters.{parameter.name}" for parameter in spec.arguments.parameters}
    own = spec.workflow_metadata
    labels = [*meta.labels, *(own.labels if own else ()), *(own.labels_from if own else ())]
    names |= {f"workflow.labels.{key}" for key in labels}
    names |= {f"workflow.annotations.{key}" for key in (*meta.annotations, *(own.annotations if own else ()))}
    if not has_values or spec.on_exit or spec.hooks:
        names.add("workflow.failures")
    for outputs in _all_outputs(spec.templates):
        for parameter in outputs.parameters:
            names.add(f"workflow.outputs.parameters.{parameter.global_name}")
        for artifact in outputs.artifacts:
            names.add(f"workflow.outputs.artifacts.{artifact.global_name}")
    has_calls = any(_refers(template) for template in spec.templates)
    if has_calls or any("{{" in name for name in names):
        # what another object's template puts out for all, or under a name made later, is not known here
        prefixes.append("workflow.outputs.")
    return Known((frozenset(names),), prefixes=tuple(prefixes))


def steps_of(template: Template) -> Iterator[Step]:
    """All steps and tasks that a template calls."""
    for group in template.steps:
        yield from group
    if template.dag is not None:
        yield from template.dag.tasks


def _refers(template: Template) -> bool:
    return any(step.template_ref is not None for step in steps_of(template))


def _all_outputs(templates: Iterable[Template]) -> Iterator[Outputs]:
    stack = list(templates)
    while stack:
        template = stack.pop()
        yield template.outputs
        stack += [step.inline for step in steps_of(template) if step.inline is not None]


def of_template(template: Template) -> Known:
    """`inputs.*`."""
    names = {f"inputs.parameters.{parameter.name}" for parameter in template.inputs.parameters}
    names |= {"inputs.parameters", "inputs.artifacts"}
    for artifact in template.inputs.artifacts:
        names |= {f"inputs.artifacts.{artifact.name}", f"inputs.artifacts.{artifact.name}.path"}
    return Known((frozenset(names),))


def of_step(kind: str, step: Step, template: Template | None) -> Known:
    """`steps.<name>.*` or `tasks.<name>.*`; everything where the template is not known."""
    prefix = f"{kind}.{step.name}."
    if template is None:
        return Known(open=(frozenset({prefix}),))
    suffixes = list(_OF_EVERY_NODE)
    if template.daemon:
        suffixes.append("ip")
    if kind_of(template) in _WITH_RESULT:
        suffixes += ["exitCode", "outputs.result"]
    outputs = template.outputs
    suffixes += [f"outputs.parameters.{parameter.name}" for parameter in outputs.parameters]
    suffixes += [f"outputs.artifacts.{artifact.name}" for artifact in outputs.artifacts]
    if outputs.parameters or is_loop(step):
        suffixes.append("outputs.parameters")
    return Known((frozenset(prefix + suffix for suffix in suffixes),))


def of_items(step: Step) -> Known:
    """`item.*` inside a looping step."""
    if not is_loop(step):
        return Known()
    if not step.with_items:
        return Known(prefixes=("item.",))
    names: set[str] = set()
    for item in step.with_items:
        if isinstance(item, str) and "{{" in item:
            return Known(prefixes=("item.",))
        if isinstance(item, dict):
            names |= {f"item.{key}" for key in item}
    return Known((frozenset(names),))


def check_tags(value: object, known: Known, path: str, faults: list[SpecError]) -> None:
    """Every simple tag whose name is of a kind that can be known must be known."""
    try:
        found = tags(value)
    except ExpressionError as e:
        faults.append(SpecError(e.message, path=path))
        return
    told: set[str] = set()
    for tag in found:
        name = tag.text.strip()
        if tag.kind != "simple" or tag.parts or name in told or not name.startswith(_CHECKED) or known.has(name):
            continue
        told.add(name)
        near = nearest(name, [other for part in known.names for other in part])
        faults.append(SpecError(f"failed to resolve {{{{{name}}}}}{near}", path=path))
