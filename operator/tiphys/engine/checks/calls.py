"""Steps, tasks and hooks: whom they call, with what, after what, and which variables they may read.

Source: argo-semantics 23.3, 23.4.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from tiphys.engine.checks.arguments import check_arguments, check_supplied
from tiphys.engine.checks.known import Known, Step, check_tags, joined, of_items, of_step
from tiphys.engine.loops import is_loop
from tiphys.errors import SpecError
from tiphys.model.arguments import Arguments
from tiphys.model.parse import nearest
from tiphys.model.template import LifecycleHook, Template, TemplateRef

Lookup = Callable[[TemplateRef], Template | None]
"""Another object's template; None when it cannot be known here. Raises SpecError when there is none."""


class Callees:
    """The templates that can be called, as far as they are known."""

    def __init__(self, templates: Mapping[str, Template], lookup: Lookup | None) -> None:
        self.templates = templates
        self._lookup = lookup

    def find(self, holder: Step | LifecycleHook, path: str, faults: list[SpecError]) -> Template | None:
        """The template that is called; None when it is not known, or when that is wrong and told."""
        inline = None if isinstance(holder, LifecycleHook) else holder.inline
        if inline is not None:
            return inline
        if holder.template_ref is not None:
            return self._of_reference(holder.template_ref, holder.template, path, faults)
        if not holder.template:
            faults.append(SpecError("template name is required", path=path))
        elif "{{" not in holder.template:
            if holder.template in self.templates:
                return self.templates[holder.template]
            guess = nearest(holder.template, self.templates)
            faults.append(SpecError(f"template name '{holder.template}' undefined{guess}", path=path))
        return None

    def _of_reference(self, ref: TemplateRef, name: str, path: str, faults: list[SpecError]) -> Template | None:
        if name:
            faults.append(SpecError("template name cannot be specified with templateRef", path=path))
        elif not ref.name:
            faults.append(SpecError("resource name is required", path=path))
        elif not ref.template:
            faults.append(SpecError("template name is required", path=path))
        elif self._lookup is not None and "{{" not in ref.name + ref.template:
            try:
                return self._lookup(ref)
            except SpecError as e:
                faults.append(SpecError(e.message, path=path))
        return None

    def quietly(self, step: Step) -> Template | None:
        """The template that a step calls, where what is wrong with that is told elsewhere."""
        return self.find(step, "", [])


class Place(NamedTuple):
    """Where a step stands and what it may read.

    Attributes:
        path: Of the step.
        kind: `steps` or `tasks`.
        known: Variables that the step may read.
    """

    path: str
    kind: str
    known: Known


def check_step(step: Step, place: Place, callees: Callees, faults: list[SpecError]) -> None:
    """One step or task: its template, arguments, loop, hooks and variables."""
    path = place.path
    template = callees.find(step, path, faults)
    check_arguments(step.arguments, f"{path}.arguments", faults)
    if template is not None:
        check_supplied(template, step.arguments, path, faults)
    if step.on_exit and "{{" not in step.on_exit and step.on_exit not in callees.templates:
        guess = nearest(step.on_exit, callees.templates)
        faults.append(SpecError(f"template name '{step.on_exit}' undefined{guess}", path=f"{path}.onExit"))
    _check_loop(step, path, faults)
    own = place.known.plus(of_items(step)) if is_loop(step) else place.known
    # an optional artifact may refer to nothing
    needed = tuple(artifact for artifact in step.arguments.artifacts if not artifact.optional)
    arguments = msgspec.structs.replace(step.arguments, artifacts=needed)
    bare = msgspec.structs.replace(
        step, arguments=arguments, hooks={}, with_items=(), with_param="", with_sequence=None, inline=None
    )
    check_tags(bare, own, path, faults)
    check_tags((step.with_items, step.with_param, step.with_sequence), place.known, path, faults)
    inside = own.plus(of_step(place.kind, step, template)) if step.hooks else own
    for name, hook in step.hooks.items():
        check_hook(name, hook, Place(f"{path}.hooks.{name}", place.kind, inside), callees, faults)


def check_hook(name: str, hook: LifecycleHook, place: Place, callees: Callees, faults: list[SpecError]) -> None:
    """One lifecycle hook."""
    if name != "exit" and not hook.expression:
        faults.append(SpecError("Expression required", path=place.path))
    template = callees.find(hook, place.path, faults)
    arguments = hook.arguments or Arguments()
    check_arguments(arguments, f"{place.path}.arguments", faults)
    if template is not None:
        check_supplied(template, arguments, place.path, faults)
    check_tags(arguments, place.known, place.path, faults)


def _check_loop(step: Step, path: str, faults: list[SpecError]) -> None:
    if sum(map(bool, (step.with_items, step.with_param, step.with_sequence))) > 1:
        faults.append(SpecError("only one of withItems, withParam, withSequence can be specified", path=path))
    sequence = step.with_sequence
    if sequence is not None:
        if sequence.count is not None and sequence.end is not None:
            faults.append(SpecError("only one of count or end can be defined in withSequence", path=path))
        elif sequence.count is None and sequence.end is None:
            faults.append(SpecError("must have either end or count for withSequence", path=path))


def check_steps(template: Template, path: str, known: Known, callees: Callees, faults: list[SpecError]) -> Known:
    """The groups of a steps template; what all of them put out, for the template's own outputs."""
    for i, group in enumerate(template.steps):
        made = []
        for j, step in enumerate(group):
            check_step(step, Place(f"{path}.steps[{i}][{j}]", "steps", known), callees, faults)
            made.append(of_step("steps", step, callees.quietly(step)))
        known = known.plus(joined(made))
    return known
