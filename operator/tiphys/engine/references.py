"""Do the stored templates that a spec names exist? Checked before a workflow begins, nested references and all.

Source: argo-semantics 22.1, 23.4.
"""

from collections.abc import Callable, Iterator

from tiphys.engine.library import Library, scope_of, spell_scope
from tiphys.errors import SpecError
from tiphys.model.parse import nearest
from tiphys.model.spec import WorkflowSpec
from tiphys.model.template import Template, TemplateRef


def check_references(spec: WorkflowSpec, library: Library) -> None:
    """Return when every stored template that can be reached exists; names that hold tags are left to the run.

    Raises:
        SpecError: One does not; `path` names the field.
    """
    seen: set[tuple[str, str]] = set()
    waiting = list(_called(spec.templates, "templates")) + [
        (f"hooks.{key}", hook.template_ref, "", "") for key, hook in spec.hooks.items() if hook.template_ref is not None
    ]
    while waiting:
        path, ref, name, scope = waiting.pop()
        if ref is not None:
            if name:
                raise SpecError("template name cannot be specified with templateRef", path=path)
            scope, name = _target(ref, path)
        if "{{" in scope or "{{" in name or (scope, name) in seen or not scope:
            continue
        seen.add((scope, name))
        waiting += list(_called((_find(library, scope, name, path),), f"{scope}.templates", scope))


def lookup_in(library: Library) -> Callable[[TemplateRef], Template | None]:
    """Finds a referenced template; None for one that is not there, which `check_references` tells."""

    def find(ref: TemplateRef) -> Template | None:
        try:
            return _find(library, *_target(ref, ""), "")
        except SpecError:
            return None

    return find


def static_references(spec: WorkflowSpec) -> set[str]:
    """The scopes that a spec names outright."""
    refs = [ref for _, ref, _, _ in _called(spec.templates, "") if ref is not None]
    refs += [hook.template_ref for hook in spec.hooks.values() if hook.template_ref is not None]
    found = {scope_of(ref.name, cluster_scope=ref.cluster_scope) for ref in refs if ref.name and "{{" not in ref.name}
    if spec.workflow_template_ref is not None and spec.workflow_template_ref.name:
        found.add(scope_of(spec.workflow_template_ref.name, cluster_scope=spec.workflow_template_ref.cluster_scope))
    return found


def calls_others(spec: WorkflowSpec) -> bool:
    """Whether a spec calls templates of other objects."""
    called = (ref is not None for _, ref, _, _ in _called(spec.templates, ""))
    return any(called) or any(hook.template_ref is not None for hook in spec.hooks.values())


def _target(ref: TemplateRef, path: str) -> tuple[str, str]:
    if not ref.name:
        raise SpecError("resource name is required", path=path)
    if not ref.template:
        raise SpecError("template name is required", path=path)
    return scope_of(ref.name, cluster_scope=ref.cluster_scope), ref.template


def _find(library: Library, scope: str, name: str, path: str) -> Template:
    if scope not in library.specs:
        try:
            library.spec(scope)
        except SpecError as e:
            raise SpecError(f"template reference {scope.partition('/')[2]}.{name} not found: {e.message}", path=path) from e
    known = {template.name: template for template in library.specs[scope].templates}
    if name not in known:
        where = f"{scope.partition('/')[2]}.{name}"
        raise SpecError(f"template reference {where} not found in {spell_scope(scope)}{nearest(name, known)}", path=path)
    return known[name]


def _called(templates: tuple[Template, ...], path: str, scope: str = "") -> Iterator[tuple[str, TemplateRef | None, str, str]]:
    """What templates call: path, reference, name, scope of the name; empty for the workflow's own, checked elsewhere."""
    for template in templates:
        at = f"{path}.{template.name}"
        members = [(f"{at}.steps[{i}][{j}]", step) for i, group in enumerate(template.steps) for j, step in enumerate(group)]
        members += [(f"{at}.tasks.{task.name}", task) for task in (template.dag.tasks if template.dag else ())]  # type: ignore[misc]
        for where, member in members:
            if member.inline is not None:
                yield from _called((member.inline,), where, scope)
            elif member.template_ref is not None or (scope and member.template):
                yield where, member.template_ref, member.template, scope
            for key, hook in member.hooks.items():
                if hook.template_ref is not None or (scope and hook.template):
                    yield f"{where}.hooks.{key}", hook.template_ref, hook.template, scope
