"""expr-lang, the language of `{{=...}}`, output expressions, hooks and retries: compiled once, evaluated often, never for long.

Source: expr-lang 1.17, argo-semantics 9.3.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from tiphys.errors import ExpressionError
from tiphys.expr.compiler import BUILTIN_NAMES, Code, compile_tree
from tiphys.expr.parser import parse
from tiphys.expr.values import Frame


class Program:
    """A compiled expression.

    Attributes:
        source: Its text.
        names: The names that it takes from the environment.
    """

    __slots__ = ("_code", "_slots", "names", "source")

    def __init__(self, source: str, code: Code, names: frozenset[str], slots: int) -> None:
        self.source = source
        self.names = names
        self._code = code
        self._slots = slots

    def evaluate(self, environment: Mapping[str, Any], *, now: datetime | None = None) -> Any:
        """The value in this environment; `now` is what `now()` says.

        Raises:
            ExpressionError: It fails, or costs too much.
        """
        try:
            return self._code(environment, Frame(self._slots, now))
        except ExpressionError as e:
            raise ExpressionError(e.message, source=self.source, position=e.position) from e
        except (RecursionError, MemoryError) as e:
            raise ExpressionError("max depth exceeded", source=self.source) from e


@lru_cache(maxsize=4096)
def compile_expression(source: str) -> Program:
    """The program of an expression.

    Raises:
        ExpressionError: It does not compile; `position` says where.
    """
    try:
        parsed = parse(source, BUILTIN_NAMES)
        return Program(source, compile_tree(parsed.tree), parsed.names, parsed.slots)
    except RecursionError as e:
        raise ExpressionError("expression is nested too deeply", source=source[:200]) from e


def evaluate(source: str, environment: Mapping[str, Any], *, now: datetime | None = None) -> Any:
    """The value of an expression.

    Raises:
        ExpressionError: It does not compile, fails, or costs too much.
    """
    return compile_expression(source).evaluate(environment, now=now)


def evaluate_bool(source: str, environment: Mapping[str, Any], *, now: datetime | None = None) -> bool:
    """The value of a condition.

    Raises:
        ExpressionError: As `evaluate`, or the value is no boolean.
    """
    value = evaluate(source, environment, now=now)
    if isinstance(value, bool):
        return value
    raise ExpressionError(f"unable to cast expression result {value!r} to bool", source=source)
