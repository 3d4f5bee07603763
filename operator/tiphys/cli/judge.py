"""What is wrong with a manifest, all of it at once: shape, unknown fields, repeated keys, and the rules of the engine.

Source: argo-semantics 23.
"""

import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tiphys.cli.documents import Document, Manifest, Place
from tiphys.engine.checks.naming import MAX_OBJECT_NAME
from tiphys.engine.cron.validate import compile_faults, cron_faults
from tiphys.engine.library import Library, scope_of
from tiphys.engine.validate import find_faults
from tiphys.errors import SpecError
from tiphys.model.base import ObjectMeta
from tiphys.model.parse import nearest, parse_as
from tiphys.model.spec import WorkflowSpec
from tiphys.model.template import Template, TemplateRef
from tiphys.model.unknown import unknown_fields
from tiphys.model.workflow import ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowEventBinding, WorkflowTemplate

_KINDS: dict[str, type[msgspec.Struct]] = {
    kind.__name__: kind for kind in (Workflow, WorkflowTemplate, ClusterWorkflowTemplate, CronWorkflow, WorkflowEventBinding)
}
_SHORT = {
    "Workflow": ("wf", "workflow", "workflows"),
    "WorkflowTemplate": ("wftmpl", "workflowtemplate", "workflowtemplates"),
    "ClusterWorkflowTemplate": ("cwft", "clusterworkflowtemplate", "clusterworkflowtemplates"),
    "CronWorkflow": ("cwf", "cronwf", "cronworkflow", "cronworkflows"),
    "WorkflowEventBinding": ("wfeb", "workfloweventbinding", "workfloweventbindings"),
}
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]|\[\.\.\.\]")
_MOST_FAULTS = 50
_LONGEST_PREFIX = MAX_OBJECT_NAME - 5
"""So much of a generateName the API server keeps before the five letters that it appends."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong.

    Attributes:
        path: Of the field, as users write it; empty for the whole object.
        line, column: Where it stands, from 1.
        reason: What is wrong with it.
        hint: What to do; may be empty.
    """

    file: str
    kind: str
    name: str
    line: int
    column: int
    path: str
    reason: str
    hint: str = ""


def kinds_named(words: Iterable[str]) -> set[str]:
    """The kinds that words name: kind, plural or short name in any case; all for none.

    Raises:
        SpecError: A word names no kind.
    """
    found = set()
    for word in words:
        kind = next((kind for kind, names in _SHORT.items() if word.lower() in names), "")
        if not kind:
            known = [name for names in _SHORT.values() for name in names]
            raise SpecError(f"unknown kind {word!r}{nearest(word.lower(), known)}")
        found.add(kind)
    return found or set(_KINDS)


def is_ours(document: Document) -> bool:
    """Whether the object is one of Argo's kinds that can be judged."""
    version = str(document.value.get("apiVersion") or "")
    return document.kind in _KINDS and (not version or version.startswith("argoproj.io/"))


def library_of(documents: Iterable[Document]) -> Library:
    """The stored templates among documents, as far as they can be read."""
    specs, faults = dict[str, WorkflowSpec](), dict[str, str]()
    for document in documents:
        if document.kind not in ("WorkflowTemplate", "ClusterWorkflowTemplate"):
            continue
        scope = scope_of(document.name, cluster_scope=document.kind == "ClusterWorkflowTemplate")
        try:
            specs[scope] = parse_as(WorkflowTemplate, document.value).spec
        except SpecError as e:
            faults[scope] = str(e)
    return Library(specs, faults)


def judge(
    document: Document, library: Library | None, *, is_strict: bool = True, needs_values: bool = True
) -> list[Fault]:
    """All faults of a document, in the order of their places.

    Args:
        document: An object of one of our kinds.
        library: The stored templates it may refer to; None believes all references.
        is_strict: Unknown fields and repeated keys are faults.
        needs_values: A workflow's arguments must have values and it a name, since it will run as it is: no submission adds them.
    """
    kind = _KINDS[document.kind]
    made: dict[tuple[str, str], SpecError] = {}

    def add(errors: Iterable[SpecError]) -> None:
        for error in errors:
            made.setdefault((error.path, str(error)), error)

    parsed, errors = parse_all(kind, document.value)
    add(errors)
    if is_strict:
        add(unknown_fields(kind, document.value))
    if parsed is not None:
        rules = _rules(parsed, document, library, needs_values=needs_values)
        # what could not be read is not missed besides
        add(fault for fault in rules if not any(error.path and error.path in str(fault) for error in errors))
    found = [_located(document, error) for error in made.values()]
    if is_strict:
        found += [_at(document, path, place, f"{path.rpartition('.')[2]!r} stands twice") for path, place in document.repeated]
    return sorted(found, key=lambda fault: (fault.line, fault.column, fault.reason))


def _located(document: Document, error: SpecError) -> Fault:
    reason = str(error).removeprefix(f"{error.path}: ") if error.path else str(error)
    return _at(document, error.path, document.place(error.path), reason, error.hint)


def _at(document: Document, path: str, place: Place, reason: str, hint: str = "") -> Fault:
    return Fault(
        file=document.file, kind=document.kind, name=document.name, line=place.line, column=place.column, path=path,
        reason=reason, hint=hint,
    )  # fmt: skip


def parse_all(kind: type[msgspec.Struct], manifest: Manifest) -> tuple[msgspec.Struct | None, list[SpecError]]:
    """The object, and everything about its shape that is wrong: what cannot be read is left out and the rest read again."""
    errors: list[SpecError] = []
    rest: Manifest = manifest
    while len(errors) < _MOST_FAULTS:
        try:
            return parse_as(kind, rest), errors
        except SpecError as e:
            errors.append(e)
            if rest is manifest:
                rest = copy.deepcopy(manifest)
            if not _remove(rest, e.path):
                break
    return None, errors


def _remove(manifest: Any, path: str) -> bool:
    """Take out what a path names; whether that could be done."""
    steps = _STEP.findall(path)
    if not steps:
        return False
    if steps[-1] == "[...]":
        steps.pop()
    for step in steps[:-1]:
        manifest = _step(manifest, step)
        if manifest is None:
            return False
    last = steps[-1]
    if isinstance(manifest, dict):
        return manifest.pop(last, None) is not None
    if isinstance(manifest, list) and last[1:-1].isdigit():
        manifest[int(last[1:-1])] = {}
        return True
    return False


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step[1:-1].isdigit() and int(step[1:-1]) < len(value):
        return value[int(step[1:-1])]
    return None


def _lookup(library: Library | None) -> Any:
    if library is None:
        return None

    def find(ref: TemplateRef) -> Template:
        return library.template(scope_of(ref.name, cluster_scope=ref.cluster_scope), ref.template)

    return find


def _rules(
    parsed: msgspec.Struct, document: Document, library: Library | None, *, needs_values: bool
) -> Iterator[SpecError]:
    match parsed:
        case Workflow():
            yield from _of_spec(parsed.metadata, parsed.spec, library, "", lacks_values=not needs_values)
            yield from _stored_spec(parsed.spec, library, "spec.workflowTemplateRef")
        case WorkflowTemplate():
            yield from _of_spec(parsed.metadata, parsed.spec, library, "workflow template")
        case ClusterWorkflowTemplate():
            yield from _of_spec(parsed.metadata, parsed.spec, library, "cluster workflow template")
        case CronWorkflow():
            yield from _of_cron(parsed, library)
        case WorkflowEventBinding():
            yield from _of_binding(parsed, library)
    if not document.name and (needs_values or not isinstance(parsed, Workflow)):
        yield SpecError("a name is required", path="metadata")


def _of_spec(
    meta: ObjectMeta, spec: WorkflowSpec, library: Library | None, stored_as: str, *, lacks_values: bool = False
) -> list[SpecError]:
    name = meta.name or f"{meta.generate_name[:_LONGEST_PREFIX]}xxxxx"
    named = Workflow(metadata=msgspec.structs.replace(meta, name=name), spec=spec)
    return find_faults(named, _lookup(library), stored_as=stored_as, lacks_values=lacks_values)


def _stored_spec(spec: WorkflowSpec, library: Library | None, path: str) -> Iterator[SpecError]:
    ref = spec.workflow_template_ref
    if ref is None or library is None:
        return
    try:
        stored = library.spec(scope_of(ref.name, cluster_scope=ref.cluster_scope))
    except SpecError as e:
        yield SpecError(e.message, path=path)
        return
    if not spec.entrypoint and not stored.entrypoint:
        yield SpecError("spec.entrypoint is required", path=path)


def _of_cron(cron: CronWorkflow, library: Library | None) -> Iterator[SpecError]:
    yield from cron_faults(cron, _lookup(library))
    yield from _stored_spec(cron.spec.workflow_spec, library, "spec.workflowSpec.workflowTemplateRef")


def _of_binding(binding: WorkflowEventBinding, library: Library | None) -> Iterator[SpecError]:
    spec = binding.spec
    if spec is None or spec.event is None or not spec.event.selector:
        yield SpecError("a selector is required", path="spec.event")
    else:
        yield from compile_faults(spec.event.selector, "spec.event.selector")
    submit = spec.submit if spec else None
    if submit is None:
        return
    ref = submit.workflow_template_ref
    if ref is None or not ref.name:
        yield SpecError("the name of a template is required", path="spec.submit.workflowTemplateRef")
    elif library is not None:
        yield from _stored_spec(WorkflowSpec(workflow_template_ref=ref), library, "spec.submit.workflowTemplateRef")
    for index, parameter in enumerate(submit.arguments.parameters if submit.arguments else ()):
        if parameter.value_from is not None and parameter.value_from.event:
            yield from compile_faults(parameter.value_from.event, f"spec.submit.arguments.parameters[{index}].valueFrom.event")
