"""`depends`: which outcomes of other tasks let a task run. Parsed once, evaluated whenever a dependency ends.

Source: argo-semantics 7.1.
"""

import difflib
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from tiphys.errors import ExpressionError

_TOKEN = re.compile(r"\s*(?:(?P<sign>&&|\|\||!|\(|\))|(?P<name>[a-zA-Z0-9][-a-zA-Z0-9_]*(?:\.[a-zA-Z]+)?))")
_MAX_DEPTH = 60


class Outcome(msgspec.Struct, frozen=True):
    """How a task's node ended, as far as `depends` asks; the last two are about the members of a loop."""

    succeeded: bool = False
    failed: bool = False
    errored: bool = False
    skipped: bool = False
    omitted: bool = False
    daemoned: bool = False
    any_succeeded: bool = False
    all_failed: bool = False

    @property
    def is_fine(self) -> bool:
        """What a task alone asks for."""
        return self.succeeded or self.skipped or self.daemoned


_RESULTS: dict[str, str] = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Errored": "errored",
    "Skipped": "skipped",
    "Omitted": "omitted",
    "Daemoned": "daemoned",
    "AnySucceeded": "any_succeeded",
    "AllFailed": "all_failed",
}
_Condition = Callable[[Callable[[str], Outcome]], bool]


class Depends:
    """A parsed `depends`.

    Attributes:
        text: As it was written.
        tasks: The tasks that it names, each once, in order.
    """

    __slots__ = ("_condition", "tasks", "text")

    def __init__(self, text: str, tasks: tuple[str, ...], condition: _Condition) -> None:
        self.text = text
        self.tasks = tasks
        self._condition = condition

    def evaluate(self, outcome: Callable[[str], Outcome]) -> bool:
        """Whether the task may run, given how each task that it names ended."""
        return self._condition(outcome)


class _Parser:
    def __init__(self, text: str, tasks: Collection[str]) -> None:
        self.text = text
        self.known = tasks
        self.found: dict[str, None] = {}
        self.tokens = self._split()
        self.place = 0
        self.depth = 0

    def _split(self) -> list[tuple[str, str, int]]:
        tokens, place, end = [], 0, len(self.text.rstrip())
        while place < end:
            match = _TOKEN.match(self.text, place)
            if match is None:
                raise self._error(f"unexpected {self.text[place:].strip()[:1]!r}", place)
            kind = match.lastgroup or ""
            text = match.group(kind)
            tokens.append((text if kind == "sign" else "", text, match.start(kind)))
            place = match.end()
        return [*tokens, ("end", "", end)]

    def _error(self, message: str, position: int) -> ExpressionError:
        return ExpressionError(f"invalid depends {self.text!r}: {message}", source=self.text, position=position)

    def skip(self, sign: str) -> bool:
        if self.tokens[self.place][0] == sign:
            self.place += 1
            return True
        return False

    def whole(self) -> _Condition:
        condition = self.either()
        sign, text, position = self.tokens[self.place]
        if sign != "end":
            raise self._error(f"unexpected {text!r}", position)
        return condition

    def either(self) -> _Condition:
        parts = [self.both()]
        while self.skip("||"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else _any(parts)

    def both(self) -> _Condition:
        parts = [self.one()]
        while self.skip("&&"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else _all(parts)

    def one(self) -> _Condition:
        sign, text, position = self.tokens[self.place]
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self._error("nested too deeply", position)
        try:
            if self.skip("!"):
                return _not(self.one())
            if self.skip("("):
                condition = self.either()
                if not self.skip(")"):
                    raise self._error("a ')' is missing", self.tokens[self.place][2])
                return condition
            if sign:
                raise self._error("it ends where a task is expected" if sign == "end" else f"unexpected {text!r}", position)
            self.place += 1
            return self.reference(text, position)
        finally:
            self.depth -= 1

    def reference(self, text: str, position: int) -> _Condition:
        name, dot, result = text.partition(".")
        if name not in self.known:
            raise self._error(f"there is no task {name!r}{_nearest(name, self.known)}", position)
        self.found[name] = None
        if not dot:
            return lambda outcome: outcome(name).is_fine
        if result not in _RESULTS:
            raise self._error(f"a task has no result {result!r}{_nearest(result, _RESULTS)}", position)
        field = _RESULTS[result]
        return lambda outcome: bool(getattr(outcome(name), field))


def _any(parts: list[_Condition]) -> _Condition:
    return lambda outcome: any(part(outcome) for part in parts)


def _all(parts: list[_Condition]) -> _Condition:
    def condition(outcome: Callable[[str], Outcome]) -> bool:
        for part in parts:  # noqa: SIM110 asked for each node: a generator costs as much again
            if not part(outcome):
                return False
        return True

    return condition


def _not(part: _Condition) -> _Condition:
    return lambda outcome: not part(outcome)


def _nearest(word: str, known: Collection[Any]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def parse_depends(text: str, tasks: Collection[str]) -> Depends:
    """The condition that `text` says; a task alone means that it succeeded, was skipped, or is a running daemon.

    Args:
        text: As in `A && (B.Failed || !C)`.
        tasks: The tasks of the DAG.

    Raises:
        ExpressionError: It does not parse, or names a task or result that there is not; the message names the nearest one.
    """
    parser = _Parser(text, tasks)
    condition = parser.whole()
    return Depends(text, tuple(parser.found), condition)


def from_dependencies(names: Sequence[str], continue_on: Callable[[str], tuple[bool, bool]]) -> str:
    """The `depends` text that says what `dependencies` says.

    Args:
        names: The dependencies.
        continue_on: Of a task, whether its dependants go on after an error, and after a failure.
    """
    return " && ".join(_expanded(name, *continue_on(name)) for name in names)


def _expanded(name: str, after_error: bool, after_failure: bool) -> str:
    results = ["Succeeded", "Skipped", "Daemoned"]
    if after_error:
        results.append("Errored")
    if after_failure:
        results.append("Failed")
    return "(" + " || ".join(f"{name}.{result}" for result in results) + ")"
