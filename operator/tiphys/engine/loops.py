"""Loop items of `withItems`, `withParam` and `withSequence`.

Source: argo-semantics 8.2.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from tiphys.errors import SpecError, UserError
from tiphys.expr.condition import when
from tiphys.expr.render import go_json
from tiphys.expr.scope import Scope
from tiphys.expr.template import UnresolvedTag, substitute, tags
from tiphys.model.base import Numeral, any_text, number_text
from tiphys.model.template import DAGTask, Sequence, WorkflowStep

MAX_ITEMS = 100_000
_VERB = re.compile(r"%%|%[-+ 0#]*\d*(?:\.\d+)?[a-zA-Z]")


def is_loop(step: WorkflowStep | DAGTask) -> bool:
    """Whether the step is called once for each of several items."""
    return bool(step.with_items or step.with_param or step.with_sequence)


def items_of(step: WorkflowStep | DAGTask, scope: Scope, now: datetime) -> list[object]:
    """The items, in order; of a loop that is not wanted, whatever its items are, those that are written out.

    Raises:
        SpecError: `withParam` is no JSON list, or a sequence has no end.
        ExpressionError: A tag stands for nothing, or an item lacks what is read of it.
    """
    if _is_unwanted(step, scope, now):
        # nothing it refers to needs to be there: the steps that would have made it may not have run either
        return _written_items(step)
    if step.with_items:
        found = list(substitute(step.with_items, scope, now=now))
    elif step.with_sequence is not None:
        found = list(_sequence(substitute(step.with_sequence, scope, now=now)))
    else:
        found = _listed(substitute(step.with_param, scope, now=now))
    _check_keys(step, found)
    return found


def _is_unwanted(step: WorkflowStep | DAGTask, scope: Scope, now: datetime) -> bool:
    """Whether `when` is false whatever the item is."""
    if not step.when:
        return False
    try:
        return not when(substitute(step.when, scope, now=now))
    except UserError:
        # it reads the item, or is wrong: each member decides, and tells
        return False


def _written_items(step: WorkflowStep | DAGTask) -> list[object]:
    """The items that can be told without asking anybody."""
    try:
        if step.with_sequence is not None:
            return list(_sequence(step.with_sequence))
        return _listed(step.with_param) if step.with_param else list(step.with_items)
    except SpecError:
        return []


def _check_keys(step: WorkflowStep | DAGTask, items: list[object]) -> None:
    """Return when every item has the keys that are read.

    Raises:
        UnresolvedTag: One has not.
    """
    simple = (tag for tag in tags((step.when, step.arguments)) if tag.kind == "simple")
    read = {name for tag in simple for name in tag.names if name.startswith("item.")}
    for item in items if read else ():
        missing = read - item_values(item).keys()
        if missing:
            name = min(missing)
            raise UnresolvedTag(f"failed to resolve {{{{{name}}}}}", tag=name)


def _listed(text: str) -> list[object]:
    try:
        found = json.loads(text, parse_float=Numeral)
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
    if isinstance(value, float):
        return number_text(value)
    return go_json(value) if isinstance(value, list | Mapping) or value is None else any_text(value)
