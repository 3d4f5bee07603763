"""Outputs of steps and dag templates, and what goes from any template to the workflow's own outputs.

Source: argo-semantics 10.4 to 10.6.
"""

from datetime import datetime
from functools import lru_cache

import msgspec

from tiphys.engine.artifacts import Placed, log_artifacts, resolve_artifact
from tiphys.errors import ExpressionError, SpecError
from tiphys.expr.render import go_text
from tiphys.expr.scope import MISSING, Scope
from tiphys.expr.template import evaluate_in, substitute_text
from tiphys.model.arguments import Artifact, Outputs, Parameter, ValueFrom
from tiphys.model.phases import SUCCEEDED
from tiphys.model.report import NodeReport
from tiphys.model.storage import has_location_or_key
from tiphys.model.template import Template


def body_outputs(declared: Outputs, scope: Scope, now: datetime) -> Outputs | None:
    """The outputs of a steps or dag template that went well; None when it declares none.

    Raises:
        ExpressionError: A reference has no value and no default.
    """
    if not declared.parameters and not declared.artifacts:
        return None
    found = (_body_artifact(artifact, scope, now) for artifact in declared.artifacts)
    return Outputs(
        parameters=tuple(_body_parameter(parameter, scope, now) for parameter in declared.parameters),
        artifacts=tuple(artifact for artifact in found if artifact is not None),
    )


def _body_artifact(declared: Artifact, scope: Scope, now: datetime) -> Artifact | None:
    try:
        found = resolve_artifact(declared, scope, now)
    except ExpressionError as e:
        raise ExpressionError(f"unable to resolve outputs from scope: {e.message}", source=e.source) from e
    if found is None or not has_location_or_key(found):
        return None
    return msgspec.structs.replace(found, global_name=declared.global_name, artifact_gc=declared.artifact_gc or found.artifact_gc)


def _body_parameter(parameter: Parameter, scope: Scope, now: datetime) -> Parameter:
    source = parameter.value_from
    if source is None:
        value = substitute_text(parameter.value or "", scope, strict=False, now=now)
        return msgspec.structs.replace(parameter, value=value)
    try:
        value = _read(parameter.name, source, scope, now)
    except ExpressionError:
        if source.default is None:
            raise
        value = source.default
    return msgspec.structs.replace(parameter, value=value, value_from=None)


def _read(name: str, source: ValueFrom, scope: Scope, now: datetime) -> str:
    reference = source.expression or source.parameter
    if source.expression:
        value = evaluate_in(source.expression, scope, now=now)
    elif source.parameter.startswith("{{="):
        value = substitute_text(source.parameter, scope, now=now)
    else:
        tag = source.parameter.strip().removeprefix("{{").removesuffix("}}").strip()
        value = scope.get(tag)
        if value is MISSING:
            raise ExpressionError(f"unable to resolve references: failed to resolve {{{{{tag}}}}}", source=source.parameter)
    if value is None:
        raise ExpressionError(
            f'output parameter "{name}": "{reference}" is an absent optional (skipped/omitted node output with no default)',
            source=reference,
        )
    return go_text(value)


def leaf_outputs(template: Template, report: NodeReport, placed: Placed | None = None) -> Outputs | None:
    """What a runner read and stored of a template's outputs; None when there is nothing at all.

    A parameter that is declared with its value is given back as it is once the program has run.
    """
    has_run = report.phase == SUCCEEDED or report.exit_code is not None
    parameters = tuple(
        msgspec.structs.replace(parameter, value=report.parameters.get(parameter.name, parameter.value))
        for parameter in template.outputs.parameters
        if parameter.name in report.parameters or (has_run and parameter.value is not None)
    )
    artifacts = stored_artifacts(placed, report) if placed is not None else ()
    if not parameters and not artifacts and report.result is None and report.exit_code is None:
        return None
    if not parameters and not artifacts and report.result is None:
        return _only_exit_code(str(report.exit_code))
    exit_code = "" if report.exit_code is None else str(report.exit_code)
    return Outputs(parameters=parameters, artifacts=artifacts, result=report.result, exit_code=exit_code)


@lru_cache(maxsize=256)
def _only_exit_code(exit_code: str) -> Outputs:
    """What most nodes give back: one object for all of them."""
    return Outputs(exit_code=exit_code)


def stored_artifacts(placed: Placed, report: NodeReport) -> tuple[Artifact, ...]:
    """The artifacts and logs that a runner's executor has stored.

    Where it could not say so (it was killed), the logs of a pod that ran are named all the same: they are stored first of all,
    and who looks for one that is not there is told so.
    """
    made = placed.template.outputs.artifacts if report.is_staged else ()
    if placed.logs is None and not made:
        return ()
    logs = log_artifacts(placed) if report.is_staged or report.started_at is not None else ()
    return tuple(artifact for artifact in (*made, *logs) if artifact.name not in report.unsaved)


def check_missing(report: NodeReport) -> None:
    """Return when the runner found all outputs that have no default.

    Raises:
        SpecError: One was not there.
    """
    if report.missing:
        raise SpecError(f"output parameter '{report.missing[0]}' was not written and has no default")


def publish(outputs: Outputs | None, into: Outputs) -> Outputs:
    """The workflow's outputs with those of a node that have a `globalName`; the last writer wins."""
    if outputs is None:
        return into
    found = {p.global_name: p for p in outputs.parameters if p.global_name and p.value is not None}
    stored = {a.global_name: a for a in outputs.artifacts if a.global_name}
    if not found and not stored:
        return into
    kept = [parameter for parameter in into.parameters if parameter.name not in found]
    added = [Parameter(name=name, value=parameter.value) for name, parameter in found.items()]
    artifacts = [artifact for artifact in into.artifacts if artifact.name not in stored]
    shown = [msgspec.structs.replace(one, name=name, path="", global_name="") for name, one in stored.items()]
    return msgspec.structs.replace(into, parameters=(*kept, *added), artifacts=(*artifacts, *shown))
