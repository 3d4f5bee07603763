"""Loop items of `withItems`, `withParam` and `withSequence`.

Source: argo-semantics 8.2.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from tiphys.errors import SpecError
from tiphys.expr.render import go_json
from tiphys.expr.scope import Scope
from tiphys.expr.template import substitute
from tiphys.model.base import any_text
from tiphys.model.template import DAGTask, Sequence, WorkflowStep

MAX_ITEMS = 100_000
_VERB = re.compile(r"%%|%[-+ 0#]*\d*(?:\.\d+)?[a-zA-Z]")


def is_loop(step: WorkflowStep | DAGTask) -> bool:
    """Whether the step is called once for each of several items."""
    return bool(step.with_items or step.with_param or step.with_sequence)


def items_of(step: WorkflowStep | DAGTask, scope: Scope, now: datetime) -> list[object]:
    """The items, in order.

    Raises:
        SpecError: `withParam` is no JSON list, or a sequence has no end.
        ExpressionError: A tag stands for nothing.
    """
    if step.with_items:
        return list(substitute(step.with_items, scope, now=now))
    if step.with_sequence is not None:
        return list(_sequence(substitute(step.with_sequence, scope, now=now)))
    text = substitute(step.with_param, scope, now=now)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise SpecError(f"withParam value could not be parsed as a JSON list: {text}: {e}") from e
    if not isinstance(found, list):
        raise SpecError(f"withParam value could not be parsed as a JSON list: {text}: it is no list")
    return found


def _integer(value: int | str | None, field: str) -> int:
    try:
        return int(str(value).strip())
    except ValueError as e:
        raise SpecError(f"withSequence.{field}: {value!r} is no integer") from e


def _sequence(sequence: Sequence) -> list[str]:
    start = _integer(sequence.start, "start") if sequence.start is not None else 0
    if sequence.count is not None:
        count = _integer(sequence.count, "count")
        numbers = range(start, start + max(count, 0))
    elif sequence.end is not None:
        end = _integer(sequence.end, "end")
        numbers = range(start, end + 1) if start <= end else range(start, end - 1, -1)
    else:
        raise SpecError("must have either end or count for withSequence")
    if len(numbers) > MAX_ITEMS:
        raise SpecError(f"withSequence makes {len(numbers)} items; at most {MAX_ITEMS} are allowed")
    return [_formatted(sequence.format, number) if sequence.format else str(number) for number in numbers]


def _formatted(format_: str, number: int) -> str:
    try:
        return _VERB.sub(lambda found: "%" if found.group() == "%%" else found.group() % number, format_)
    except (TypeError, ValueError) as e:
        raise SpecError(f"withSequence.format: {format_!r} is not a format for a number") from e


def item_values(item: object) -> dict[str, object]:
    """`item` and `item.<key>` for one member."""
    if isinstance(item, Mapping):
        return {"item": go_json(item), **{f"item.{key}": _item_text(value) for key, value in item.items()}}
    return {"item": _item_text(item)}


def _item_text(value: object) -> str:
    return go_json(value) if isinstance(value, list | Mapping) or value is None else any_text(value)
