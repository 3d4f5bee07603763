"""Is a schedule one that can start workflows?

Source: argo-semantics 23.4, "Cron".
"""

from collections.abc import Iterator

import msgspec

from tiphys.engine.checks.calls import Lookup
from tiphys.engine.cron.times import parse_schedule, parse_zone
from tiphys.engine.validate import find_faults
from tiphys.errors import ExpressionError, SpecError, UserError
from tiphys.expr.language import compile_expression
from tiphys.model.parse import nearest
from tiphys.model.workflow import CronWorkflow, Workflow

_POLICIES = ("Allow", "Forbid", "Replace")


def cron_faults(cron: CronWorkflow, lookup: Lookup | None = None) -> Iterator[SpecError]:
    """All that is wrong with a schedule and what it starts.

    Args:
        cron: As it is written.
        lookup: Finds templates of other objects; without it, what refers to them is believed.
    """
    spec = cron.spec
    if not spec.schedules:
        yield SpecError("at least one schedule is required", path="spec.schedules", hint="schedules is a list, since 4.0")
    for index, text in enumerate(spec.schedules):
        try:
            parse_schedule(text)
        except SpecError as e:
            yield SpecError(f"cron schedule {text!r} is malformed: {e.message}", path=f"spec.schedules[{index}]", hint=e.hint)
    if spec.timezone:
        try:
            parse_zone(spec.timezone)
        except SpecError as e:
            yield SpecError(e.message, path="spec.timezone", hint=e.hint)
    if spec.concurrency_policy and spec.concurrency_policy not in _POLICIES:
        guess = nearest(spec.concurrency_policy, _POLICIES)
        yield SpecError(f"'{spec.concurrency_policy}' is not a valid concurrencyPolicy{guess}", path="spec.concurrencyPolicy")
    if spec.starting_deadline_seconds is not None and spec.starting_deadline_seconds < 0:
        yield SpecError("startingDeadlineSeconds must be positive", path="spec.startingDeadlineSeconds")
    if spec.stop_strategy is not None:
        yield from compile_faults(spec.stop_strategy.expression, "spec.stopStrategy.expression")
    yield from workflow_faults(cron, lookup)


def workflow_faults(cron: CronWorkflow, lookup: Lookup | None = None) -> Iterator[SpecError]:
    """All that is wrong with what a schedule starts, and with its name."""
    name = cron.metadata.name or f"{cron.metadata.generate_name}xxxxx"
    inner = Workflow(metadata=msgspec.structs.replace(cron.metadata, name=name), spec=cron.spec.workflow_spec)
    yield from (_under(error, "spec.workflowSpec") for error in find_faults(inner, lookup, stored_as="cron workflow"))


def _under(error: SpecError, path: str) -> SpecError:
    """The same fault, one level further in."""
    inner = error.path.removeprefix("spec.") if error.path != "spec" else ""
    text = str(error).removeprefix(f"{error.path}: ") if error.path else str(error)
    return SpecError(text, path=f"{path}.{inner}".rstrip("."), hint=error.hint)


def compile_faults(expression: str, path: str) -> Iterator[SpecError]:
    """What keeps an expression from being compiled."""
    try:
        compile_expression(expression)
    except (ExpressionError, UserError) as e:
        yield SpecError(f"expression does not compile: {e.message}", path=path)
