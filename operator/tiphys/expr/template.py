"""`{{name}}`, `{{=expression}}` and `{{cel=expression}}` in parsed structure: one pass; what is inserted is not read again.

Source: argo-semantics 9.1 to 9.4.
Differs from Argo: values are inserted into fields, not into JSON text, so no value can break out of its field, be scanned for
tags again, or fail for its characters; a tag inside a tag is resolved in the same pass; an expression may hold `}}`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeVar, cast

import msgspec

from tiphys.errors import ExpressionError
from tiphys.expr.cel_names import names_in, nested
from tiphys.expr.language import Program, compile_expression
from tiphys.expr.render import go_json
from tiphys.expr.scope import MISSING, Scope

T = TypeVar("T")
Strictness = bool | tuple[str, ...]
"""Whether a tag must resolve: all, none, or those whose name starts with one of these (`steps.`)."""

_CEL = "cel="
_LATE = frozenset({"item", "retries", "lastRetry"})
_LATE_NAMES = frozenset({"workflow.status", "workflow.failures"})
_MAX_ENDS = 8
_MAX_PLANS = 256


class UnresolvedTag(ExpressionError):  # noqa: N818 the field's own word
    """A tag stands for nothing; `tag` is the name that is missing."""

    code = "unresolved-tag"

    def __init__(self, message: str, *, tag: str) -> None:
        super().__init__(message, source=tag)
        self.tag = tag


class Tag(msgspec.Struct, frozen=True):
    """One tag of a text.

    Attributes:
        kind: `simple` is a name to look up, `expression` is expr-lang, `cel` is CEL.
        text: What stands between the braces, without the `=` or `cel=`.
        parts: The text cut where other tags stand in it; empty when none does.
    """

    kind: Literal["simple", "expression", "cel"]
    text: str
    parts: "tuple[str | Tag, ...]" = ()

    @property
    def raw(self) -> str:
        """As it was written."""
        return "{{" + {"expression": "=", "cel": _CEL}.get(self.kind, "") + self.text + "}}"

    @property
    def names(self) -> tuple[str, ...]:
        """The dotted names that it reads; none of its own when other tags make up its name.

        Raises:
            ExpressionError: Its expression does not compile.
        """
        if self.kind == "expression":
            return tuple(sorted(compile_expression(self.text).names))
        if self.kind == "cel":
            return names_in(self.text)
        return () if self.parts else (self.text.strip(),)


def is_templated(text: str) -> bool:
    """Whether the text has tags."""
    return "{{" in text


@lru_cache(maxsize=8192)
def _pieces(text: str) -> tuple[str | Tag, ...]:
    """The text cut into plain parts and tags."""
    found, place = _read(text, 0, depth=0)
    assert place == len(text)  # noqa: S101 only the end of the text ends the outermost level
    return tuple(found)


def _read(text: str, place: int, depth: int) -> tuple[list[str | Tag], int]:
    """The pieces from `place` on, up to the `}}` that ends this depth, and where that is."""
    if depth > _MAX_ENDS:
        raise ExpressionError("tags are nested too deeply", source=text)
    found: list[str | Tag] = []
    while True:
        start = text.find("{{", place)
        end = text.find("}}", place) if depth else -1
        if depth and end >= 0 and (start < 0 or end < start):
            _keep(found, text[place:end])
            return found, end
        if start < 0:
            _keep(found, text[place:])
            return found, len(text)
        _keep(found, text[place:start])
        tag, place = _tag(text, start, depth)
        found.append(tag)


def _keep(found: list[str | Tag], text: str) -> None:
    if text:
        found.append(text)


def _tag(text: str, start: int, depth: int) -> tuple[Tag, int]:
    """The tag that begins at `start`, and the place after it."""
    if text.find("}}", start) < 0:
        raise _no_end(text, start)
    if text.startswith("=", start + 2):
        end = _end_of_expression(text, start + 3)
        return Tag("expression", text[start + 3 : end]), end + 2
    if text.startswith(_CEL, start + 2):
        begin = start + 2 + len(_CEL)
        end = text.find("}}", begin)
        return Tag("cel", text[begin:end], ()), end + 2
    parts, end = _read(text, start + 2, depth + 1)
    if end == len(text):
        raise _no_end(text, start)
    is_nested = any(isinstance(part, Tag) for part in parts)
    return Tag("simple", text[start + 2 : end], tuple(parts) if is_nested else ()), end + 2


def _no_end(text: str, start: int) -> ExpressionError:
    message = f'Cannot find end tag="}}}}" in the template={text!r} starting from {text[start + 2 :]!r}'
    return ExpressionError(message, source=text, position=start)


def _end_of_expression(text: str, start: int) -> int:
    """The first `}}`; a later one when only that makes an expression, for maps in maps end with braces too."""
    first = end = text.find("}}", start)
    for _ in range(_MAX_ENDS):
        if end < 0:
            break
        try:
            compile_expression(text[start:end])
        except ExpressionError:
            end = text.find("}}", end + 1)
        else:
            return end
    return first


def tags(value: object) -> list[Tag]:
    """All tags in the texts of a value, in order, those inside another tag before it.

    Raises:
        ExpressionError: A tag has no end.
    """
    found: list[str] = []
    _gather(value, found)
    return [tag for text in found for tag in _flat(_pieces(text))]


def _flat(pieces: Iterable[str | Tag]) -> Iterator[Tag]:
    for piece in pieces:
        if isinstance(piece, Tag):
            yield from _flat(piece.parts)
            yield piece


def _gather(value: object, found: list[str]) -> None:
    """Add the texts of a value that have tags; most fields of most structs are empty, and not looked into."""
    if isinstance(value, str):
        if "{{" in value:
            found.append(value)
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            part = getattr(value, field)
            if part:
                _gather(part, found)
    elif isinstance(value, list | tuple):
        for part in value:
            _gather(part, found)
    elif isinstance(value, dict):
        for key, part in value.items():
            _gather(key, found)
            _gather(part, found)


class _Pass(NamedTuple):
    """One substitution: where names are looked up, which of them must be there, and the time that `now()` says."""

    scope: Scope
    strict: Strictness
    now: datetime | None

    def must_resolve(self, name: str) -> bool:
        """Whether a name that stands for nothing is an error."""
        if isinstance(self.strict, bool):
            return self.strict
        return f"{name}.".startswith(self.strict) and ".outputs.artifacts." not in name

    def text(self, pieces: tuple[str | Tag, ...]) -> str:
        """The pieces with their tags replaced."""
        return "".join(piece if isinstance(piece, str) else self.tag(piece) for piece in pieces)

    def tag(self, tag: Tag) -> str:
        """What stands for a tag."""
        if tag.kind == "expression":
            return self.expression(tag)
        if tag.kind == "cel":
            return self.cel(tag)
        return self.named(self.text(tag.parts) if tag.parts else tag.text)

    def named(self, written: str) -> str:
        """The value of a name as text; the tag itself when it stands for nothing and need not."""
        name = written.strip()
        value = self.scope.get(name)
        if isinstance(value, str):
            return value
        if value is MISSING:
            if self.must_resolve(name):
                raise UnresolvedTag(f"failed to resolve {{{{{name}}}}}", tag=name)
            return "{{" + written + "}}"
        if value is None:
            message = f"unable to substitute {{{{{name}}}}}: output is an absent optional (skipped/omitted node with no default)"
            raise ExpressionError(message, source=name)
        if isinstance(value, bool | int | float | list | dict):
            return go_json(value)
        raise ExpressionError(f"failed to resolve {{{{{name}}}}} to string", source=name)

    def expression(self, tag: Tag) -> str:
        """The value of an expression as text or JSON; the tag itself when it has none and need not."""
        missing: list[str] = []
        try:
            program = compile_expression(tag.text)
            missing = self.missing(program)
            if self.strict is not True and any(_is_late(name) for name in missing):
                return tag.raw
            value = program.evaluate(self.scope.environment(), now=self.now)
            if value is not None:
                return value if isinstance(value, str) else go_json(value)
        except UnresolvedTag:
            raise
        except ExpressionError as e:
            if self.strict is True:
                message = f"failed to evaluate expression: {e.message}"
                raise ExpressionError(message, source=tag.text, position=e.position) from e
        if self.strict is not True:
            return tag.raw
        if missing:
            raise UnresolvedTag(f"failed to evaluate expression: {missing[0]} is missing", tag=missing[0])
        raise UnresolvedTag(f'failed to evaluate expression "{tag.text}"', tag=tag.text)

    def cel(self, tag: Tag) -> str:
        """The value of a CEL expression as text or JSON; the tag itself when a name stands for nothing and need not."""
        for name in tag.names:
            if not self.is_known(name):
                if self.must_resolve(name):
                    raise UnresolvedTag(f"failed to resolve {name} in {tag.raw}", tag=name)
                return tag.raw
        from tiphys.expr.cel import compile_cel

        value = compile_cel(tag.text).evaluate(nested(tag.names, self.scope))
        return value if isinstance(value, str) else go_json(value)

    def missing(self, program: Program) -> list[str]:
        """The names that stand for nothing and for which the expression has no alternative.

        Raises:
            UnresolvedTag: One of them must resolve, by its prefix.
        """
        names = [name for name in sorted(program.required) if not self.is_known(name)]
        if isinstance(self.strict, tuple):
            for name in names:
                if self.must_resolve(name):
                    raise UnresolvedTag(f"failed to evaluate expression: {name} is missing", tag=name)
        return names

    def is_known(self, name: str) -> bool:
        """Whether the name, or one that it begins with or that begins with it, stands for something."""
        if self.scope.get(name) is not MISSING or self.scope.has_below(name + "."):
            return True
        outer = name
        while "." in outer:
            outer = outer.rpartition(".")[0]
            value = self.scope.get(outer)
            if value is not MISSING and not isinstance(value, str):
                return True
        return False


def _is_late(name: str) -> bool:
    return name in _LATE_NAMES or name.split(".", 1)[0] in _LATE


_Plan = Callable[[Any, _Pass], Any]
"""Makes the substituted value of a value: only the places that have tags are visited."""


def _plan(value: object) -> _Plan | None:
    """The plan of a value; None when it has no tags."""
    if isinstance(value, str):
        return _text_plan(value) if "{{" in value else None
    if isinstance(value, dict):
        return _map_plan(value)
    if isinstance(value, list | tuple):
        return _list_plan(value)
    return _struct_plan(value) if isinstance(value, msgspec.Struct) else None


def _text_plan(value: str) -> _Plan:
    pieces = _pieces(value)

    def run(old: str, substitution: _Pass) -> str:
        new = substitution.text(pieces)
        return old if new == old else new

    return run


def _map_plan(value: dict[Any, Any]) -> _Plan | None:
    keys = {key: plan for key in value if (plan := _plan(key)) is not None}
    parts = {key: plan for key, part in value.items() if (plan := _plan(part)) is not None}
    if not keys and not parts:
        return None

    def run(old: dict[Any, Any], substitution: _Pass) -> dict[Any, Any]:
        new = {
            keys[key](key, substitution) if key in keys else key: parts[key](part, substitution) if key in parts else part
            for key, part in old.items()
        }
        is_same = len(new) == len(old) and all(key in old and old[key] is part for key, part in new.items())
        return old if is_same else new

    return run


def _list_plan(value: list[Any] | tuple[Any, ...]) -> _Plan | None:
    plans = [(place, plan) for place, part in enumerate(value) if (plan := _plan(part)) is not None]
    if not plans:
        return None

    def run(old: list[Any] | tuple[Any, ...], substitution: _Pass) -> list[Any] | tuple[Any, ...]:
        new, changed = list(old), False
        for place, plan in plans:
            new[place] = plan(old[place], substitution)
            changed = changed or new[place] is not old[place]
        if not changed:
            return old
        return new if isinstance(old, list) else tuple(new)

    return run


def _struct_plan(value: msgspec.Struct, but: tuple[str, ...] = ()) -> _Plan | None:
    fields = [field for field in value.__struct_fields__ if field not in but]
    plans = [(field, plan) for field in fields if (plan := _plan(getattr(value, field))) is not None]
    if not plans:
        return None

    def run(old: msgspec.Struct, substitution: _Pass) -> msgspec.Struct:
        changes = {}
        for field, plan in plans:
            part = getattr(old, field)
            new = plan(part, substitution)
            if new is not part:
                changes[field] = new
        return msgspec.structs.replace(old, **changes) if changes else old

    return run


class _Plans:
    """The plans of structs seen lately, by identity: they are frozen, so a plan made once holds as long as the object is kept."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, tuple[str, ...]], tuple[object, _Plan | None]] = OrderedDict()

    def of(self, value: object, but: tuple[str, ...]) -> _Plan | None:
        """The plan of a value, remembered when it is a struct."""
        if not isinstance(value, msgspec.Struct):
            return _plan(value)
        key = (id(value), but)
        kept = self._known.get(key)
        if kept is not None:
            self._known.move_to_end(key)
            return kept[1]
        plan = _struct_plan(value, but)
        self._known[key] = (value, plan)
        if len(self._known) > _MAX_PLANS:
            self._known.popitem(last=False)
        return plan


_PLANS = _Plans()


def substitute_text(text: str, scope: Scope, *, strict: Strictness = True, now: datetime | None = None) -> str:
    """The text with its tags replaced; those that stand for nothing stay as written where `strict` does not forbid it.

    Raises:
        UnresolvedTag: A tag stands for nothing and must not.
        ExpressionError: A tag has no end, a value is absent, or an expression fails.
    """
    if "{{" not in text:
        return text
    return _Pass(scope, strict, now).text(_pieces(text))


def substitute(
    value: T, scope: Scope, *, strict: Strictness = True, now: datetime | None = None, but: tuple[str, ...] = ()
) -> T:
    """The value with the tags of all its texts replaced; the same object where there are none.

    Texts in maps (keys too), lists, tuples and structs are read; see `substitute_text`. Fields of a struct that `but` names
    stay as they are.

    Raises:
        UnresolvedTag: A tag stands for nothing and must not.
        ExpressionError: A tag has no end, a value is absent, or an expression fails.
    """
    if isinstance(value, str):
        return cast("T", substitute_text(value, scope, strict=strict, now=now))
    plan = _PLANS.of(value, but)
    return value if plan is None else cast("T", plan(value, _Pass(scope, strict, now)))


def evaluate_in(source: str, scope: Scope, *, now: datetime | None = None) -> object:
    """The value of an expression whose names are a scope's.

    Raises:
        ExpressionError: It does not compile or fails.
    """
    return compile_expression(source).evaluate(scope.environment(), now=now)
