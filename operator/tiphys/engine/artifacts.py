"""Artifacts by reference: where an argument or an output of steps and dag templates is, and where a pod's outputs go.

Nothing is copied here: only locations are passed on. Source: argo-semantics 10.2 to 10.4, 20.2, 20.4, 20.5.
"""

from collections.abc import Mapping
from datetime import datetime
from posixpath import basename

import msgspec

from tiphys.errors import ExpressionError, SpecError
from tiphys.expr.scope import MISSING, Scope
from tiphys.expr.template import evaluate_in, substitute, substitute_text, tags
from tiphys.model.arguments import Artifact, ArtifactLocation
from tiphys.model.locations import ArtifactRepository
from tiphys.model.parse import parse_as, to_json
from tiphys.model.places import kind_of
from tiphys.model.storage import (
    has_location,
    has_location_or_key,
    joined,
    key_of,
    key_pattern,
    keyed,
    relocated,
    repository_location,
    with_key,
)
from tiphys.model.stored import LOGS
from tiphys.model.template import Template

_STRICT = ("steps.", "tasks.")


class Placed(msgspec.Struct, frozen=True):
    """A pod template whose artifacts have their places.

    Attributes:
        template: Outputs have keys, inputs have been checked.
        repository: What keys alone are completed with.
        logs: Below which place the logs of its containers go; None when they are not kept.
        may_lack_logs: Only the repository asks for them: a step whose log cannot be kept runs all the same.
    """

    template: Template
    repository: ArtifactRepository | None = None
    logs: ArtifactLocation | None = None
    may_lack_logs: bool = False


def artifact_value(artifact: Artifact) -> dict[str, object]:
    """The artifact as a variable's value."""
    return to_json(artifact)


def resolve_artifact(artifact: Artifact, scope: Scope, now: datetime) -> Artifact | None:
    """An argument or an output of a body: what `from` or `fromExpression` names, or itself with its texts substituted.

    Returns:
        None for an optional one whose producer gave nothing.

    Raises:
        ExpressionError: It names nothing.
    """
    bare = msgspec.structs.replace(artifact, from_="", from_expression="")
    own = substitute(bare, scope, strict=_STRICT, now=now)
    if not artifact.from_ and not artifact.from_expression:
        return own
    try:
        found = _found(artifact, scope, now)
    except ExpressionError:
        if artifact.optional:
            return None
        raise
    if found == Artifact() or not has_location_or_key(found):
        return None if artifact.optional else Artifact(name=artifact.name)
    if own.sub_path:
        found = with_key(found, joined(key_of(found), own.sub_path))
    return msgspec.structs.replace(found, name=artifact.name)


def _found(artifact: Artifact, scope: Scope, now: datetime) -> Artifact:
    if artifact.from_expression:
        named, value = artifact.from_expression, evaluate_in(artifact.from_expression, scope, now=now)
    else:
        text = artifact.from_.strip()
        named = text.removeprefix("{{").removesuffix("}}").strip()
        if named.startswith("="):
            value = evaluate_in(named[1:], scope, now=now)
        else:
            value = scope.get(substitute_text(named, scope, now=now))
    if value is MISSING or value is None:
        raise ExpressionError(f"unable to resolve references: failed to resolve {{{{{named}}}}}", source=named)
    if not isinstance(value, Mapping):
        raise ExpressionError(f"unable to resolve references: {named} is no artifact", source=named)
    return parse_as(Artifact, value)


def input_artifact(declared: Artifact, argument: Artifact | None, scope: Scope, now: datetime) -> Artifact:
    """The input with the place that the argument or its own text gives it.

    Raises:
        SpecError: It has none and is not optional.
    """
    own = substitute(declared, scope, strict=False, now=now)
    if argument is None or (own.optional and not has_location_or_key(argument)):
        if has_location_or_key(own) or own.optional:
            return own
        raise SpecError(f"inputs.artifacts.{declared.name} was not supplied")
    if not has_location_or_key(argument):
        raise SpecError(f"inputs.artifacts.{declared.name} missing location information")
    return msgspec.structs.replace(
        argument,
        name=own.name,
        path=own.path,
        mode=own.mode,
        recurse_mode=own.recurse_mode,
        optional=own.optional or argument.optional,
        archive=argument.archive or own.archive,
        global_name="",
    )


def keeps_logs(template: Template, spec_says: bool | None, repository: ArtifactRepository | None) -> bool:
    """Whether the logs of a pod are archived. Source: argo-semantics 20.4."""
    if repository is not None and repository.archive_logs:
        return True
    own = template.archive_location.archive_logs if template.archive_location is not None else None
    return bool(spec_says if own is None else own)


def place(
    template: Template, repository: ArtifactRepository | None, scope: Scope, *, archive_logs: bool | None, now: datetime
) -> Placed:
    """A pod's template with the places where its artifacts and logs go.

    Args:
        template: Substituted.
        repository: The workflow's.
        scope: For the tags of the repository's key format.
        archive_logs: What the workflow's spec says.
        now: For expressions in keys.

    Raises:
        SpecError: An artifact has no place.
        UnresolvedTag: The key's pattern has a tag that stands for nothing.
    """
    with_logs = keeps_logs(template, archive_logs, repository)
    if not (with_logs or template.inputs.artifacts or template.outputs.artifacts):
        # a data template's source is no input, and may be a key alone, too
        return Placed(template, repository if template.data is not None else None)
    plain = repository_location(repository, "")
    for artifact in template.inputs.artifacts:
        if not (artifact.optional and not has_location_or_key(artifact)):
            relocated(artifact, plain)
    base = None
    if with_logs or any(not has_location_or_key(artifact) for artifact in template.outputs.artifacts):
        base = _base(template, repository, scope, now)
    outputs = tuple(_output(artifact, base, plain) for artifact in template.outputs.artifacts)
    if with_logs and base is None:
        raise SpecError("you need to configure artifact storage: archiveLogs is set, and there is no artifact repository")
    ready = msgspec.structs.replace(template, outputs=msgspec.structs.replace(template.outputs, artifacts=outputs))
    return Placed(ready, repository, base if with_logs else None, not keeps_logs(template, archive_logs, None))


def _base(template: Template, repository: ArtifactRepository | None, scope: Scope, now: datetime) -> ArtifactLocation | None:
    own = template.archive_location
    if own is not None and has_location(own):
        for tag in tags(own):
            raise SpecError(f"failed to resolve {tag.raw}")
        return own
    if repository is None:
        return None
    key = substitute_text(key_pattern(repository), scope, now=now)
    return repository_location(repository, key)


def _output(artifact: Artifact, base: ArtifactLocation | None, plain: ArtifactLocation | None) -> Artifact:
    if has_location_or_key(artifact):
        relocated(artifact, plain)
        return artifact
    if base is None:
        relocated(artifact, None)
        raise SpecError(f"artifact '{artifact.name}' has no place")
    return _below(artifact, base, plain, file_name(artifact))


def _below(artifact: Artifact, base: ArtifactLocation, plain: ArtifactLocation | None, name: str) -> Artifact:
    """The artifact as a file below `base`: a key alone where the workflow's repository says the rest."""
    key = joined(key_of(base), name)
    store = kind_of(base)
    if plain is not None and kind_of(plain) == store and getattr(with_key(base, ""), store) == getattr(plain, store):
        return keyed(artifact, base, key)
    return msgspec.structs.replace(artifact, **{store: getattr(with_key(base, key), store)})


def file_name(artifact: Artifact) -> str:
    """The last part of the key of an output that does not say its key."""
    archive = artifact.archive
    if archive is not None and archive.none is not None:
        return basename(artifact.path.rstrip("/")) or artifact.name
    return f"{artifact.name}.zip" if archive is not None and archive.zip is not None else f"{artifact.name}.tgz"


def log_artifacts(placed: Placed) -> tuple[Artifact, ...]:
    """The artifacts that are the archived logs of a pod's containers, in order; none where logs are not kept."""
    if placed.logs is None:
        return ()
    plain = repository_location(placed.repository, "")
    return tuple(
        _below(Artifact(name=name + LOGS), placed.logs, plain, f"{name}.log") for name in _log_containers(placed.template)
    )


def _log_containers(template: Template) -> tuple[str, ...]:
    if template.container_set is None:
        return ("main",)
    return tuple(str(container.get("name") or "main") for container in template.container_set.containers)
