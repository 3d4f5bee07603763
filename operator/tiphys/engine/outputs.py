"""Outputs of steps and dag templates, and what goes from any template to the workflow's own outputs.

Source: argo-semantics 10.4 to 10.6.
"""

from datetime import datetime

import msgspec

from tiphys.errors import ExpressionError, SpecError
from tiphys.expr.render import go_text
from tiphys.expr.scope import MISSING, Scope
from tiphys.expr.template import evaluate_in, substitute_text
from tiphys.model.arguments import Outputs, Parameter, ValueFrom
from tiphys.model.report import NodeReport
from tiphys.model.template import Template


def body_outputs(declared: Outputs, scope: Scope, now: datetime) -> Outputs | None:
    """The outputs of a steps or dag template that went well; None when it declares none.

    Raises:
        ExpressionError: A reference has no value and no default.
    """
    if not declared.parameters:
        return None
    return Outputs(parameters=tuple(_body_parameter(parameter, scope, now) for parameter in declared.parameters))


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


def leaf_outputs(template: Template, report: NodeReport) -> Outputs | None:
    """What a runner read of a template's outputs; None when there is nothing at all."""
    parameters = tuple(
        msgspec.structs.replace(parameter, value=report.parameters[parameter.name])
        for parameter in template.outputs.parameters
        if parameter.name in report.parameters
    )
    exit_code = "" if report.exit_code is None else str(report.exit_code)
    made = Outputs(parameters=parameters, result=report.result, exit_code=exit_code)
    return None if made == Outputs() else made


def check_missing(report: NodeReport) -> None:
    """Return when the runner found all outputs that have no default.

    Raises:
        SpecError: One was not there.
    """
    if report.missing:
        raise SpecError(f"output parameter '{report.missing[0]}' was not written and has no default")


def publish(outputs: Outputs | None, into: Outputs) -> Outputs:
    """The workflow's outputs with those of a node that have a `globalName`; the last writer wins."""
    found = {p.global_name: p for p in (outputs.parameters if outputs else ()) if p.global_name and p.value is not None}
    if not found:
        return into
    kept = [parameter for parameter in into.parameters if parameter.name not in found]
    added = [Parameter(name=name, value=parameter.value) for name, parameter in found.items()]
    return msgspec.structs.replace(into, parameters=(*kept, *added))
