"""When a task of a DAG may run: `depends` and `dependencies`, compiled once for each DAG.

Source: argo-semantics 7.1.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from tiphys.errors import ExpressionError
from tiphys.expr.language import Program, compile_expression
from tiphys.model.parse import nearest

_REFERENCE = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9_]*?\.[A-Z][a-zA-Z]+)|([a-zA-Z0-9][-a-zA-Z0-9_]*)")
RESULTS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed")
ITEM_RESULTS = frozenset({"AnySucceeded", "AllFailed"})


class Outcome(msgspec.Struct, frozen=True):
    """What became of a task; the fields are what `depends` asks for."""

    succeeded: bool = False
    failed: bool = False
    errored: bool = False
    skipped: bool = False
    omitted: bool = False
    daemoned: bool = False
    any_succeeded: bool = False
    all_failed: bool = False


class Depends:
    """A compiled condition.

    Attributes:
        text: As it was written.
        tasks: The tasks it names, in order.
    """

    __slots__ = ("_program", "tasks", "text")

    def __init__(self, text: str, program: Program, tasks: tuple[str, ...]) -> None:
        self.text = text
        self.tasks = tasks
        self._program = program

    def evaluate(self, outcome: Callable[[str], Outcome]) -> bool:
        """Whether the task may run, once all that it names is fulfilled.

        Raises:
            ExpressionError: The condition is none.
        """
        environment = {_identifier(name): _results(outcome(name)) for name in self.tasks}
        value = self._program.evaluate(environment)
        if not isinstance(value, bool):
            raise ExpressionError(f"unable to evaluate expression '{self.text}': not a condition", source=self.text)
        return value


def _identifier(name: str) -> str:
    # a leading letter, so that a task called `1` or `in` is a name; the underscore doubled, so that `a-b` and `a_b` differ
    return "task_" + name.replace("_", "__").replace("-", "_")


def _results(outcome: Outcome) -> Mapping[str, Any]:
    values = msgspec.structs.astuple(outcome)
    return dict(zip(RESULTS, values, strict=True))


def parse_depends(
    text: str, tasks: Collection[str], continue_on: Callable[[str], tuple[bool, bool]] = lambda _name: (False, False)
) -> Depends:
    """The condition that `text` says about some of `tasks`.

    Args:
        text: As in `A && (B.Failed || !C)`.
        tasks: All tasks of the DAG.
        continue_on: Whether a bare name also stands for Errored and for Failed of that task.

    Raises:
        ExpressionError: It names a task or a result that does not exist, or does not parse.
    """
    named: dict[str, None] = {}

    def expand(found: re.Match[str]) -> str:
        name, _, result = found.group().partition(".")
        if name not in tasks:
            raise ExpressionError(
                f"dependency '{name}' not defined{nearest(name, list(tasks))}", source=text, position=found.start()
            )
        if result and result not in RESULTS:
            raise ExpressionError(
                f"task result '{result}' for task '{name}' is invalid{nearest(result, RESULTS)}",
                source=text,
                position=found.start(),
            )
        named[name] = None
        results = (result,) if result else _bare_results(*continue_on(name))
        return "(" + " || ".join(f"{_identifier(name)}.{one}" for one in results) + ")"

    return Depends(text, _compiled(_REFERENCE.sub(expand, text)), tuple(named))


@lru_cache(maxsize=4096)
def _compiled(expanded: str) -> Program:
    return compile_expression(expanded)


def _bare_results(continues_on_error: bool, continues_on_failure: bool) -> tuple[str, ...]:
    extra = (("Errored",) if continues_on_error else ()) + (("Failed",) if continues_on_failure else ())
    return ("Succeeded", "Skipped", "Daemoned", *extra)


def from_dependencies(names: Sequence[str]) -> str:
    """`dependencies: [A, B]` as a condition."""
    return " && ".join(names)
