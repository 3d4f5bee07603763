"""Arguments become inputs; inputs and variables become a template that is ready to run. Values are data: never scanned again.

Source: argo-semantics 9.4, 10.1, 10.3.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from tiphys.engine.artifacts import input_artifact, resolve_artifact
from tiphys.engine.variables import input_values, output_paths
from tiphys.errors import SpecError
from tiphys.expr.scope import Scope
from tiphys.expr.template import Strictness, is_templated, substitute
from tiphys.model.arguments import Arguments, Inputs, Parameter
from tiphys.model.template import Template

T = TypeVar("T")
STRICT = ("steps.", "tasks.")
_ONE_TAG = re.compile(r"\{\{([^{}=][^{}]*)\}\}")


class Prepared(msgspec.Struct, frozen=True):
    """A call whose inputs are known.

    Attributes:
        inputs: With their values.
        scope: What the template's text may read.
        template: Substituted; for steps and dag templates as written, since their parts are resolved when their time comes.
    """

    inputs: Inputs
    scope: Scope
    template: Template


def resolve_arguments(arguments: Arguments, scope: Scope, now: datetime, strict: Strictness = STRICT) -> Arguments:
    """The arguments with their texts substituted; one that is just an absent optional counts as not given.

    Args:
        arguments: As written.
        scope: What they may read.
        now: The time.
        strict: Which variables must be there; all of them in a loop.

    Raises:
        ExpressionError: A `steps.` or `tasks.` variable is unknown, or an expression fails.
    """
    if not arguments.parameters and not arguments.artifacts:
        return arguments
    parameters = tuple(_resolve_argument(parameter, scope, now, strict) for parameter in arguments.parameters)
    found = (resolve_artifact(artifact, scope, now) for artifact in arguments.artifacts)
    return Arguments(parameters=parameters, artifacts=tuple(artifact for artifact in found if artifact is not None))


def global_arguments(arguments: Arguments, scope: Scope, now: datetime) -> Arguments:
    """The arguments of the entry point or of an exit handler: artifacts resolved, parameters as they are.

    Raises:
        ExpressionError: An artifact refers to nothing.
    """
    found = (resolve_artifact(artifact, scope, now) for artifact in arguments.artifacts)
    return msgspec.structs.replace(arguments, artifacts=tuple(artifact for artifact in found if artifact is not None))


def _resolve_argument(parameter: Parameter, scope: Scope, now: datetime, strict: Strictness) -> Parameter:
    if parameter.value is not None:
        tag = _ONE_TAG.fullmatch(parameter.value.strip())
        if tag is not None and scope.get(tag.group(1).strip()) is None:
            return msgspec.structs.replace(parameter, value=None)
    return substitute(parameter, scope, strict=strict, now=now)


def resolve_inputs(inputs: Inputs, arguments: Arguments, scope: Scope, now: datetime) -> Inputs:
    """The inputs with the values that the arguments or their own defaults give them.

    Raises:
        SpecError: A parameter or artifact has no value.
    """
    given = {parameter.name: parameter for parameter in arguments.parameters}
    beside = _beside(inputs, given, scope)
    parameters = tuple(_resolve_parameter(parameter, given.get(parameter.name), beside, now) for parameter in inputs.parameters)
    handed = {artifact.name: artifact for artifact in arguments.artifacts}
    own = scope.child(input_values(Inputs(parameters=parameters)))
    artifacts = tuple(input_artifact(artifact, handed.get(artifact.name), own, now) for artifact in inputs.artifacts)
    return Inputs(parameters=parameters, artifacts=artifacts)


def _beside(inputs: Inputs, given: Mapping[str, Parameter], scope: Scope) -> Scope:
    """The scope, and where an input's own value reads other inputs, those whose values are known without a scope."""
    own = {declared.name: _own(declared) for declared in inputs.parameters}
    if not any(value is not None and "{{" in value and "inputs." in value for value in own.values()):
        return scope
    known = {name: value for name, value in own.items() if value is not None and "{{" not in value}
    known |= {name: one.value for name, one in given.items() if name in own and one.value is not None}
    return scope.child({f"inputs.parameters.{name}": value for name, value in known.items()})


def _own(declared: Parameter) -> str | None:
    """What an input is worth when nobody gives it a value."""
    own = declared.value if declared.value is not None else declared.default
    return declared.value_from.default if own is None and declared.value_from is not None else own


def _resolve_parameter(declared: Parameter, argument: Parameter | None, scope: Scope, now: datetime) -> Parameter:
    if argument is not None and argument.value is not None:
        return msgspec.structs.replace(declared, value=argument.value, value_from=None)
    own = _own(declared)
    if own is not None:
        return msgspec.structs.replace(declared, value=substitute(own, scope, strict=False, now=now), value_from=None)
    if argument is not None:
        raise SpecError(
            f"inputs.parameters.{declared.name}: argument references an absent optional "
            "(skipped/omitted node output with no default)"
        )
    raise SpecError(f"inputs.parameters.{declared.name} was not supplied")


def prepare_body(template: Template, arguments: Arguments, outer: Scope, local: Mapping[str, object], now: datetime) -> Prepared:
    """Inputs and scope of a steps or dag template, whose text is resolved part by part later.

    Raises:
        SpecError: An input has no value.
    """
    scope = outer.child(local)
    if not template.inputs.parameters and not template.inputs.artifacts:
        return Prepared(template.inputs, scope, template)
    inputs = resolve_inputs(template.inputs, arguments, scope, now)
    return Prepared(inputs, scope.child(input_values(inputs)), template)


def prepare_leaf(template: Template, arguments: Arguments, outer: Scope, local: Mapping[str, object], now: datetime) -> Prepared:
    """Inputs, scope and the substituted text of a template that a runner runs.

    Raises:
        SpecError: An input has no value.
        ExpressionError: An expression fails.
    """
    body = prepare_body(template, arguments, outer, local, now)
    scope, outputs = body.scope, template.outputs
    if outputs.parameters or outputs.artifacts:
        scope = scope.child(output_paths(substitute(outputs, scope, strict=False, now=now)))
    ready = substitute(template, scope, strict=False, now=now, but=("inputs",))
    if ready.inputs is not body.inputs:
        ready = msgspec.structs.replace(ready, inputs=body.inputs)
    return Prepared(body.inputs, scope, ready)


def substituted(value: T, scope: Scope, now: datetime) -> T:
    """The value with its tags replaced where that is possible; unknown `steps.` and `tasks.` variables are errors.

    Raises:
        ExpressionError: Such a variable is unknown, or an expression fails.
    """
    if isinstance(value, str) and not is_templated(value):
        return value
    return substitute(value, scope, strict=STRICT, now=now)
