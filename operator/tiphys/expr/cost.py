"""What one evaluation may cost: an expression of a user must not hold up the others.

Costs are counted in steps of roughly a tenth of a microsecond; a spent budget is an error, never a wait.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tiphys.errors import ExpressionError

MAX_STEPS = 400_000
"""Far above what workflows need, well below 100 ms."""
MAX_SIZE = 1_000_000
"""Characters or elements of one value."""
_TOO_DEAR = "expression costs too much: it was stopped"


class Frame:
    """The variables of one evaluation, what it may still cost, and the time it takes as now."""

    __slots__ = ("left", "now", "slots")

    def __init__(self, slots: int, now: datetime | None) -> None:
        self.slots: list[Any] = [None] * slots
        self.left = MAX_STEPS
        self.now = now

    def spend(self, steps: int) -> None:
        """Count steps.

        Raises:
            ExpressionError: There were too many.
        """
        self.left -= steps
        if self.left < 0:
            raise ExpressionError(_TOO_DEAR)


    def visit(self, value: object) -> None:
        """Count the steps of visiting all that a value holds.

        Raises:
            ExpressionError: There were too many.
        """
        self.spend(_deep_cost(value, self.left))


def check_size(size: int) -> None:
    """Return when a value of this size may be made.

    Raises:
        ExpressionError: It may not.
    """
    if size > MAX_SIZE:
        raise ExpressionError("memory budget exceeded")


def flat_cost(value: object) -> int:
    """The steps that making a value took, whatever its elements hold."""
    if isinstance(value, str):
        return len(value) >> 6
    return len(value) >> 1 if isinstance(value, list) else 0


def _deep_cost(value: object, most: int) -> int:
    """The steps of visiting all that a value holds, as often as it holds it; counting ends beyond `most`."""
    if isinstance(value, str):
        return len(value) >> 8
    if not isinstance(value, list | dict):
        return 0
    steps, waiting = 0, [value]
    while waiting and steps <= most:
        part = waiting.pop()
        steps += len(part) + 1
        for inner in part.values() if isinstance(part, Mapping) else part:
            if isinstance(inner, str):
                steps += len(inner) >> 6
            elif isinstance(inner, list | dict):
                waiting.append(inner)
    return steps
