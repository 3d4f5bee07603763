"""Values found in documents by a path: kubectl's templates, the JSONPath of expressions, and jq.

Source: argo-semantics 9.3, 18.2.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from tiphys.errors import ExpressionError
from tiphys.expr.render import go_text
from tiphys.expr.scope import MISSING

_PIECE = re.compile(
    r"""
    \.\.(?P<deep>\*|[\w$-]+)
  | \.?\[\s*\?\s*\((?P<filter>(?:[^()"']|"[^"]*"|'[^']*')*)\)\s*\]
  | \.?\[\s*(?P<union>'(?:[^'\\]|\\.)*'(?:\s*,\s*'(?:[^'\\]|\\.)*')*|"(?:[^"\\]|\\.)*"(?:\s*,\s*"(?:[^"\\]|\\.)*")*)\s*\]
  | \.?\[\s*(?P<slice>-?\d*\s*:\s*-?\d*(?:\s*:\s*-?\d*)?)\s*\]
  | \.?\[\s*(?P<index>-?\d+(?:\s*,\s*-?\d+)*|\*)\s*\]
  | \.(?P<name>\*|(?:\\.|[^.\[\]{}\s'"()=<>!,|&\\])+)
  | (?P<root>[$@])
  | (?P<dot>\.)$
    """,
    re.VERBOSE,
)
_COMPARISON = re.compile(
    r"\s*(?P<left>@[^=!<>]*?|'[^']*'|\"[^\"]*\"|[-\w.]+)\s*(?:(?P<sign>==|!=|<=|>=|<|>)\s*(?P<right>.+?)\s*)?$"
)
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class _Step(NamedTuple):
    """One step of a path: its kind and what it says."""

    kind: str
    text: str


class _Action(NamedTuple):
    """One `{...}` of a template, or the text between two: kind `text`, `path`, `range` or `end`."""

    kind: str
    text: str
    steps: tuple[_Step, ...]


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found.group(1), found.group(1)), text)


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    place, text = 0, path.strip()
    if text and text[0] not in ".[$@":
        text = "." + text
    while place < len(text):
        found = _PIECE.match(text, place)
        if found is None:
            raise ExpressionError(f"unrecognized character in path: {text[place]!r}", source=path, position=place)
        kind = found.lastgroup or "dot"
        if kind not in ("root", "dot"):
            steps.append(_Step(kind, found.group(kind)))
        place = found.end()
    return tuple(steps)


def walk(document: object, path: str) -> list[Any]:
    """What kubectl's path (`.items[*].name`, without braces) finds in a document; nothing where keys are missing.

    Raises:
        ExpressionError: It is no path.
    """
    return _follow([document], _steps(path))


def _follow(values: list[Any], steps: Iterable[_Step]) -> list[Any]:
    for step in steps:
        values = [found for value in values for found in _take(value, step)]
    return values


def _take(value: Any, step: _Step) -> Iterator[Any]:
    match step.kind:
        case "name":
            yield from _members(value) if step.text == "*" else _member(value, re.sub(r"\\(.)", r"\1", step.text))
        case "union":
            for single, double in _QUOTED.findall(step.text):
                yield from _member(value, _unquote(single or double))
        case "index":
            yield from _members(value) if step.text == "*" else _elements(value, step.text)
        case "slice":
            if isinstance(value, list):
                yield from value[slice(*(int(part) if part.strip() else None for part in step.text.split(":")))]
        case "filter":
            yield from (part for part in _members(value) if _fits(part, step.text))
        case _:
            for inner in _below(value):
                yield from _members(inner) if step.text == "*" else _member(inner, step.text)


def _member(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, Mapping) and key in value:
        yield value[key]


def _members(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()


def _elements(value: Any, places: str) -> Iterator[Any]:
    for place in map(int, places.split(",")):
        if isinstance(value, list):
            if not -len(value) <= place < len(value):
                raise ExpressionError(f"array index out of bounds: index {place}, length {len(value)}")
            yield value[place]


def _below(value: Any) -> Iterator[Any]:
    yield value
    for part in _members(value):
        yield from _below(part)


def _fits(value: Any, condition: str) -> bool:
    if "&&" in condition or "||" in condition:
        return any(all(_fits(value, part) for part in side.split("&&")) for side in condition.split("||"))
    found = _COMPARISON.match(condition)
    if found is None:
        raise ExpressionError(f"unrecognized filter: {condition!r}", source=condition)
    left = _operand(value, found["left"])
    if found["sign"] is None:
        return bool(left)
    right = _operand(value, found["right"])
    if not left or not right:
        return found["sign"] == "!=" and bool(left)
    return _compare(left[0], found["sign"], right[0])


def _operand(value: Any, text: str) -> list[Any]:
    text = text.strip()
    if text.startswith("@"):
        return walk(value, text)
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        return [_unquote(quoted.group(1) or quoted.group(2) or "")]
    try:
        return [json.loads(text)]
    except ValueError as e:
        raise ExpressionError(f"unrecognized filter operand: {text!r}", source=text) from e


def _compare(left: Any, sign: str, right: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
    if not numbers and type(left) is not type(right):
        return sign == "!="
    match sign:
        case "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case _:
            return bool(left >= right)


def dotted(document: object, path: str) -> object:
    r"""What a plain dotted path (`status.conditions.0.type`, `metadata.labels.a\.b`, `items.#`) names; `MISSING` when nothing.

    A number is a place in a list, `#` the list's length.
    """
    value = document
    for part in re.split(r"(?<!\\)\.", path):
        value = _part(value, part.replace("\\.", "."))
        if value is MISSING:
            break
    return value


def _part(value: object, key: str) -> object:
    if isinstance(value, Mapping):
        return value.get(key, MISSING)
    if isinstance(value, list) and key == "#":
        return len(value)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return MISSING


def path_text(value: object) -> str:
    """A found value as kubectl and jq print it: texts as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@lru_cache(maxsize=1024)
def _actions(template: str) -> tuple[_Action, ...]:
    if "{" not in template:
        return (_Action("path", "", _steps(template)),)
    actions: list[_Action] = []
    place = 0
    while place < len(template):
        start = template.find("{", place)
        if start < 0:
            start = len(template)
        if start > place:
            actions.append(_Action("text", template[place:start], ()))
        if start < len(template):
            end = _end_of_action(template, start)
            actions.append(_action(template[start + 1 : end].strip()))
            start = end + 1
        place = start
    _check_ranges(actions, template)
    return tuple(actions)


def _end_of_action(template: str, start: int) -> int:
    found = re.compile(r"(?:[^}\"']|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')*").match(template, start)
    end = start if found is None else found.end()
    if not template.startswith("}", end):
        raise ExpressionError("unclosed action", source=template, position=start)
    return end


def _action(text: str) -> _Action:
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        return _Action("text", _unquote(quoted.group(1) or quoted.group(2) or ""), ())
    if text == "end":
        return _Action("end", "", ())
    if text.startswith("range"):
        return _Action("range", "", _steps(text.removeprefix("range")))
    return _Action("path", "", _steps(text))


def _check_ranges(actions: list[_Action], template: str) -> None:
    depth = 0
    for action in actions:
        depth += (action.kind == "range") - (action.kind == "end")
        if depth < 0:
            raise ExpressionError("not in range, nothing to end", source=template)
    if depth:
        raise ExpressionError("unterminated range", source=template)


def json_path(document: object, path: str) -> str:
    r"""What kubectl's template (`{.status.phase}`, `{range .items[*]}{.name}{"\n"}{end}`) prints of a document.

    Several values of one path stand apart by a space; missing keys print nothing.

    Raises:
        ExpressionError: It is no template, or an index is out of bounds.
    """
    actions = _actions(path)
    return "".join(_print(document, actions, 0, len(actions)))


def _print(value: object, actions: tuple[_Action, ...], start: int, end: int) -> Iterator[str]:
    place = start
    while place < end:
        action = actions[place]
        if action.kind == "text":
            yield action.text
        elif action.kind == "path":
            yield " ".join(map(path_text, _follow([value], action.steps)))
        elif action.kind == "range":
            last = _end_of_range(actions, place)
            for part in _follow([value], action.steps):
                yield from _print(part, actions, place + 1, last)
            place = last
        place += 1


def _end_of_range(actions: tuple[_Action, ...], start: int) -> int:
    depth = 0
    for place in range(start, len(actions)):
        depth += (actions[place].kind == "range") - (actions[place].kind == "end")
        if depth == 0:
            return place
    return len(actions)


@lru_cache(maxsize=256)
def _compiled_query(path: str) -> Any:
    import jsonpath

    try:
        return jsonpath.compile(path)
    except jsonpath.JSONPathError as e:
        raise ExpressionError(f"invalid JSONPath {path!r}: {e}", source=path) from e


def query(document: Any, path: str) -> object:
    """What the JSONPath of an expression finds: the one value of a plain path, a list of any other.

    Raises:
        ExpressionError: It is no path, or a plain path finds nothing.
    """
    import jsonpath

    compiled = _compiled_query(path)
    try:
        found = compiled.findall(document)
    except (jsonpath.JSONPathError, RecursionError, TypeError, ValueError) as e:
        raise ExpressionError(f"JSONPath {path!r}: {e}", source=path) from e
    if not compiled.singular_query():
        return found
    if not found:
        raise ExpressionError(f"JSONPath {path!r} finds nothing in {go_text(document)[:200]}", source=path)
    return found[0]


@lru_cache(maxsize=256)
def _compiled_jq(program: str) -> Any:
    import jq

    try:
        return jq.compile(program)
    except ValueError as e:
        raise ExpressionError(f"invalid jq filter {program!r}: {e}", source=program) from e


def jq_filter(document: object, program: str) -> str:
    """What a jq program gives for a document: one result a line, texts as they are.

    Raises:
        ExpressionError: It does not compile or fails.
    """
    compiled = _compiled_jq(program)
    try:
        return "\n".join(map(path_text, compiled.input_value(document).all())).strip()
    except ValueError as e:
        raise ExpressionError(f"jq filter {program!r}: {e}", source=program) from e
