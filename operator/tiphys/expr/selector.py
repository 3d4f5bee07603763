"""Conditions on live objects, as resource templates write them: label-selector syntax whose keys are paths into the object.

Source: argo-semantics 18.2.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from tiphys.errors import ExpressionError
from tiphys.expr.paths import dotted, path_text
from tiphys.expr.scope import MISSING
from tiphys.model.base import Json

_SET = re.compile(r"^(?P<key>[^\s!=<>,()]+)\s+(?P<sign>in|notin)\s*\((?P<values>[^()]*)\)$")
_COMPARE = re.compile(r"^(?P<key>[^\s!=<>,()]+)\s*(?P<sign>==|!=|=|<|>)\s*(?P<values>[^\s!=<>,()]*)$")
_EXISTS = re.compile(r"^(?P<sign>!?)\s*(?P<key>[^\s!=<>,()]+)$")


class Requirement(msgspec.Struct, frozen=True):
    """One part of a condition.

    Attributes:
        text: As it was written.
        key: Path into the object.
        sign: `in`, `notin`, `=`, `!=`, `<`, `>`, `exists` or `!`.
        values: What it is compared with.
    """

    text: str
    key: str
    sign: str
    values: tuple[str, ...] = ()

    def matches(self, document: Json) -> bool:
        """Whether the object fulfils it."""
        found = dotted(document, self.key)
        return _SIGNS[self.sign](None if found is MISSING else _as_label(found), self.values)


class Condition(msgspec.Struct, frozen=True):
    """A condition: all its requirements for success; `matching` names those that hold."""

    requirements: tuple[Requirement, ...]

    def matches(self, document: Json) -> bool:
        """Whether all requirements hold."""
        return all(requirement.matches(document) for requirement in self.requirements)

    def first_match(self, document: Json) -> Requirement | None:
        """The first requirement that holds: one is enough for a failure."""
        return next((requirement for requirement in self.requirements if requirement.matches(document)), None)


def _as_label(value: object) -> str:
    return "" if value is None else path_text(value)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[+-]?\d{1,18}", text) else None


def _ordered(compare: Callable[[int, int], bool]) -> Callable[[str | None, tuple[str, ...]], bool]:
    def check(found: str | None, values: tuple[str, ...]) -> bool:
        have, wanted = _number(found), _number(values[0])
        return have is not None and wanted is not None and compare(have, wanted)

    return check


_SIGNS: dict[str, Callable[[str | None, tuple[str, ...]], bool]] = {
    "in": lambda found, values: found in values,
    "=": lambda found, values: found in values,
    "notin": lambda found, values: found is None or found not in values,
    "!=": lambda found, values: found is None or found not in values,
    "<": _ordered(lambda have, wanted: have < wanted),
    ">": _ordered(lambda have, wanted: have > wanted),
    "exists": lambda found, _values: found is not None,
    "!": lambda found, _values: found is None,
}


@lru_cache(maxsize=1024)
def parse_condition(text: str) -> Condition:
    """The condition that `text` says.

    Raises:
        ExpressionError: It says none.
    """
    parts = [part.strip() for part in re.split(r",(?![^()]*\))", text)]
    if not any(parts):
        raise ExpressionError(f"unable to parse requirement: {text!r}", source=text)
    return Condition(tuple(_requirement(part) for part in parts if part))


def _requirement(text: str) -> Requirement:
    if found := _SET.match(text):
        values = tuple(value.strip() for value in found["values"].split(","))
        return Requirement(text, found["key"], found["sign"], values)
    if found := _COMPARE.match(text):
        sign = "=" if found["sign"] == "==" else found["sign"]
        if sign in "<>" and _number(found["values"]) is None:
            raise ExpressionError(f"for '<', '>' operators, the value must be an integer: {text!r}", source=text)
        return Requirement(text, found["key"], sign, (found["values"],))
    if found := _EXISTS.match(text):
        return Requirement(text, found["key"], found["sign"] or "exists")
    raise ExpressionError(f"unable to parse requirement: {text!r}", source=text, position=0)
