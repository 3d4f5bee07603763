"""Events from outside and what they submit: WorkflowEventBindings asked whether they want an event, and what of it.

Source: features 16; rest-and-clients 1.5, "Webhooks".
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tiphys.errors import ExpressionError, SpecError
from tiphys.expr.language import compile_expression
from tiphys.expr.render import go_json
from tiphys.model.arguments import Arguments, Parameter
from tiphys.model.base import ObjectMeta
from tiphys.model.names import LABEL_INSTANCE_ID, PREFIX
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import EventSubmit, Workflow, WorkflowEventBinding

LABEL_BINDING = PREFIX + "workflow-event-binding"
_HEADERS = "x-"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was posted.

    Attributes:
        discriminator: The last part of the path it was posted to; may be empty.
        payload: Its body, decoded.
        metadata: Header name in lower case -> its values; only those that begin with `x-`.
    """

    namespace: str
    discriminator: str = ""
    payload: Any = None
    metadata: Mapping[str, list[str]] = {}

    @classmethod
    def posted(cls, namespace: str, discriminator: str, payload: object, headers: Mapping[str, list[str]]) -> "Event":
        """The event of a request; headers that bindings may not see are left out."""
        kept = {name.lower(): list(values) for name, values in headers.items() if name.lower().startswith(_HEADERS)}
        return cls(namespace=namespace, discriminator=discriminator, payload=payload, metadata=kept)

    def environment(self) -> dict[str, Any]:
        """What selectors and expressions see."""
        return {
            "namespace": self.namespace,
            "discriminator": self.discriminator,
            "payload": self.payload,
            "metadata": dict(self.metadata),
        }


def is_wanted(binding: WorkflowEventBinding, event: Event) -> bool:
    """Whether a binding's selector takes the event.

    Raises:
        ExpressionError: The selector fails or says neither yes nor no.
    """
    selector = binding.spec.event.selector if binding.spec and binding.spec.event else ""
    if not selector:
        raise ExpressionError("malformed workflow event binding: it has no selector")
    try:
        return compile_expression(selector).evaluate_bool(event.environment())
    except ExpressionError as e:
        raise ExpressionError(f"failed to evaluate workflow template expression: {e.message}", source=selector) from e


def submission(binding: WorkflowEventBinding, event: Event, *, instance_id: str = "") -> Workflow | None:
    """The workflow that a binding submits for an event; None when it submits nothing.

    Raises:
        ExpressionError: One of its expressions fails.
        SpecError: It names no template, or an argument says nothing.
    """
    submit = binding.spec.submit if binding.spec else None
    if submit is None:
        return None
    ref = submit.workflow_template_ref
    if ref is None or not ref.name:
        raise SpecError("malformed workflow event binding: it names no template", path="spec.submit.workflowTemplateRef")
    environment = event.environment()
    return Workflow(
        metadata=_metadata(binding, submit, environment, instance_id),
        spec=WorkflowSpec(workflow_template_ref=ref, arguments=_arguments(submit.arguments or Arguments(), environment)),
    )


def _metadata(binding: WorkflowEventBinding, submit: EventSubmit, environment: Mapping[str, Any], instance_id: str) -> ObjectMeta:
    given, ref = submit.metadata, submit.workflow_template_ref
    labels = {key: _text(text, f"label {key!r}", environment) for key, text in given.labels.items()}
    labels[LABEL_BINDING] = binding.metadata.name
    if instance_id:
        labels[LABEL_INSTANCE_ID] = instance_id
    name = _text(given.name, "workflow name", environment) if given.name else ""
    prefix = _text(given.generate_name, "generateName", environment) if given.generate_name else f"{ref.name if ref else ''}-"
    return ObjectMeta(
        name=name,
        generate_name="" if name else prefix,
        namespace=binding.metadata.namespace,
        labels=labels,
        annotations={key: _text(text, f"annotation {key!r}", environment) for key, text in given.annotations.items()},
    )


def _text(expression: str, what: str, environment: Mapping[str, Any]) -> str:
    value = _value(expression, what, environment)
    if not isinstance(value, str):
        raise ExpressionError(f"{what} expression must evaluate to a string", source=expression)
    return value


def _value(expression: str, what: str, environment: Mapping[str, Any]) -> Any:
    try:
        return compile_expression(expression).evaluate(environment)
    except ExpressionError as e:
        raise ExpressionError(f"failed to evaluate {what} expression: {e.message}", source=expression) from e


def _arguments(given: Arguments, environment: Mapping[str, Any]) -> Arguments:
    return Arguments(parameters=tuple(_parameter(parameter, environment) for parameter in given.parameters))


def _parameter(parameter: Parameter, environment: Mapping[str, Any]) -> Parameter:
    if parameter.value_from is None or not parameter.value_from.event:
        if parameter.value is None:
            raise SpecError("malformed parameter: it has neither value nor valueFrom.event", path=parameter.name)
        return Parameter(name=parameter.name, value=parameter.value)
    value = _value(parameter.value_from.event, f"parameter {parameter.name!r}", environment)
    if value is None and parameter.value_from.default is not None:
        return Parameter(name=parameter.name, value=parameter.value_from.default)
    return Parameter(name=parameter.name, value=value if isinstance(value, str) else go_json(value))
