"""expr-lang, the language of `{{=...}}`, output expressions, hooks and retries: compiled once, evaluated often, never for long.

Source: expr-lang 1.17, argo-semantics 9.3.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from tiphys.errors import ExpressionError
from tiphys.expr.compiler import BUILTIN_NAMES, FUNCTIONS, Code, compile_tree
from tiphys.expr.cost import Frame
from tiphys.expr.parser import parse
from tiphys.expr.references import Reference, references, weight
from tiphys.expr.render import go_text

MAX_NODES = 10_000


class Program:
    """A compiled expression.

    Attributes:
        source: Its text.
        names: The dotted names that it takes from the environment, as far as they are written out.
        required: Those of them that it must have; see `references.Reference`.
    """

    __slots__ = ("_code", "_slots", "names", "required", "source")

    def __init__(self, source: str, code: Code, read: frozenset[Reference], slots: int) -> None:
        self.source = source
        mine = [reference for reference in read if reference.name.split(".", 1)[0] not in FUNCTIONS]
        self.names = frozenset(reference.name for reference in mine)
        self.required = frozenset(reference.name for reference in mine if not reference.is_guarded)
        self._code = code
        self._slots = slots

    def evaluate(self, environment: Mapping[str, Any], *, now: datetime | None = None) -> Any:
        """The value in this environment; `now` is what `now()` says.

        Raises:
            ExpressionError: It fails, or costs too much.
        """
        try:
            frame = Frame(self._slots, now)
            value = self._code(environment, frame)
            frame.visit(value)
        except ExpressionError as e:
            raise ExpressionError(e.message, source=self.source, position=e.position) from e
        except (RecursionError, MemoryError) as e:
            raise ExpressionError("max depth exceeded", source=self.source) from e
        except (ArithmeticError, TypeError, ValueError, LookupError) as e:
            raise ExpressionError(str(e), source=self.source) from e
        return value

    def evaluate_bool(self, environment: Mapping[str, Any], *, now: datetime | None = None) -> bool:
        """The value of a condition.

        Raises:
            ExpressionError: As `evaluate`, or the value is no boolean.
        """
        value = self.evaluate(environment, now=now)
        if isinstance(value, bool):
            return value
        raise ExpressionError(f"unable to cast expression result '{go_text(value)}' to bool", source=self.source)


@lru_cache(maxsize=4096)
def compile_expression(source: str) -> Program:
    """The program of an expression.

    Raises:
        ExpressionError: It does not compile; `position` says where.
    """
    try:
        parsed = parse(source, BUILTIN_NAMES)
        if weight(parsed.tree) > MAX_NODES:
            raise ExpressionError("compilation failed: expression exceeds maximum allowed nodes", source=source[:200])
        return Program(source, compile_tree(parsed.tree), references(parsed.tree), parsed.slots)
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
    return compile_expression(source).evaluate_bool(environment, now=now)
