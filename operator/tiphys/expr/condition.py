"""`when`: a condition in govaluate's language, where bare words are texts.

Source: argo-semantics 8.1; govaluate's manual.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from tiphys.errors import ExpressionError
from tiphys.expr.render import go_float
from tiphys.expr.values import search, shift_left

_HINT = ' (hint: try wrapping the affected expression in quotes ("))'
_MAX_DEPTH = 60
_MAX_LENGTH = 262_144

_VALUES = frozenset({"NUMERIC", "BOOLEAN", "STRING", "TIME", "VARIABLE", "ACCESSOR"})
_START = _VALUES | {"PREFIX", "CLAUSE"}
_AFTER_VALUE = frozenset({"MODIFIER", "COMPARATOR", "LOGICALOP", "CLAUSE_CLOSE", "TERNARY", "SEPARATOR"})
_NEXT: Mapping[str, frozenset[str]] = {
    "UNKNOWN": _START,
    "CLAUSE": _START | {"CLAUSE_CLOSE"},
    "CLAUSE_CLOSE": (_AFTER_VALUE | _VALUES | {"CLAUSE"}) - {"ACCESSOR"},
    "NUMERIC": _AFTER_VALUE,
    "BOOLEAN": _AFTER_VALUE,
    "STRING": _AFTER_VALUE,
    "TIME": _AFTER_VALUE - {"TERNARY"},
    "VARIABLE": _AFTER_VALUE,
    "ACCESSOR": _AFTER_VALUE | {"CLAUSE"},
    "MODIFIER": (_START | {"CLAUSE_CLOSE"}) - {"TIME"},
    "COMPARATOR": _START | {"CLAUSE_CLOSE"},
    "LOGICALOP": _START | {"CLAUSE_CLOSE"},
    "PREFIX": frozenset({"NUMERIC", "BOOLEAN", "VARIABLE", "ACCESSOR", "CLAUSE", "CLAUSE_CLOSE"}),
    "TERNARY": _START | {"SEPARATOR"},
    "SEPARATOR": _START,
}
"""Which kinds of token may follow a kind."""
_MAY_END = _VALUES | {"CLAUSE_CLOSE"}
_PREFIXES = frozenset({"-", "!", "~"})
_SIGNS: Mapping[str, str] = (
    dict.fromkeys(("+", "-", "*", "/", "%", "**", "&", "|", "^", ">>", "<<"), "MODIFIER")
    | dict.fromkeys(("&&", "||"), "LOGICALOP")
    | dict.fromkeys(("==", "!=", ">", ">=", "<", "<=", "=~", "!~"), "COMPARATOR")
    | dict.fromkeys(("?", ":", "??"), "TERNARY")
)
_LEVELS: tuple[tuple[str, frozenset[str]], ...] = (
    ("LOGICALOP", frozenset({"||"})),
    ("LOGICALOP", frozenset({"&&"})),
    ("COMPARATOR", frozenset({"==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"})),
    ("MODIFIER", frozenset({"&", "|", "^"})),
    ("MODIFIER", frozenset({"<<", ">>"})),
    ("MODIFIER", frozenset({"+", "-"})),
    ("MODIFIER", frozenset({"*", "/", "%"})),
    ("MODIFIER", frozenset({"**"})),
)
"""The operators, from the loosest binding to the tightest; each level from the left."""

_TIMES = re.compile(
    r"(?P<clock>\d{1,2}:\d\d[AP]M)"
    r"|\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)| \d\d:\d\d(?::\d\d)?)?"
    r"|\d{4}-\d\d-\d\dT\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)"
)


class _Token(NamedTuple):
    kind: str
    value: Any


class ConditionFault(Exception):  # noqa: N818 never leaves this module: `when` words it
    """What govaluate says of a text."""


_Code = Callable[[], Any]


def _time(text: str) -> float | None:
    """Seconds since 1970 when the text looks like a date or time."""
    found = _TIMES.fullmatch(text)
    if found is None:
        return None
    try:
        clock = found["clock"] and datetime.strptime(text, "%I:%M%p").replace(year=1, tzinfo=UTC)
        at = clock or datetime.fromisoformat(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


class _Lexer:
    """Reads tokens as govaluate does: backslash takes the next character as it is, white space ends a word."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def tokens(self) -> list[_Token]:
        found: list[_Token] = []
        kind = "UNKNOWN"
        while True:
            self._skip_space()
            if self.place >= len(self.text):
                break
            token = self._token(kind)
            if token.kind not in _NEXT[kind]:
                if (kind, token.kind) == ("VARIABLE", "CLAUSE"):
                    raise ConditionFault(f"Undefined function {found[-1].value}")
                before = f"{kind} [{_shown(found[-1].value if found else None)}]"
                raise ConditionFault(f"Cannot transition token types from {before} to {token.kind} [{_shown(token.value)}]")
            found.append(token)
            kind = token.kind
        if found and kind not in _MAY_END:
            raise ConditionFault("Unexpected end of expression")
        return found

    def _skip_space(self) -> None:
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1

    def _token(self, previous: str) -> _Token:
        letter = self.text[self.place]
        if letter.isdigit() or letter == ".":
            return _Token("NUMERIC", self._number())
        if letter.isalpha():
            return self._word()
        if letter in "'\"":
            return self._quoted()
        if letter in "[(),":
            self.place += 1
            if letter == "[":
                return _Token("VARIABLE", self._bracketed())
            return _Token({"(": "CLAUSE", ")": "CLAUSE_CLOSE", ",": "SEPARATOR"}[letter], letter)
        return self._sign(previous)

    def _run(self, goes_on: Callable[[str], bool]) -> str:
        taken: list[str] = []
        while self.place < len(self.text):
            letter = self.text[self.place]
            if letter == "\\" and self.place + 1 < len(self.text):
                taken.append(self.text[self.place + 1])
                self.place += 2
            elif goes_on(letter):
                taken.append(letter)
                self.place += 1
            else:
                break
        return "".join(taken)

    def _number(self) -> float:
        if self.text.startswith("0x", self.place):
            self.place += 2
            digits = self._run(lambda letter: letter in "0123456789abcdefABCDEF")
            try:
                return float(int(digits, 16))
            except (ValueError, OverflowError) as e:
                raise ConditionFault(f"Unable to parse hex value '{digits}' to uint64\n") from e
        digits = self._run(lambda letter: letter.isdigit() or letter == ".")
        try:
            return float(digits)
        except ValueError as e:
            raise ConditionFault(f"Unable to parse numeric value '{digits}' to float64\n") from e

    def _word(self) -> _Token:
        word = self._run(lambda letter: letter.isalnum() or letter in "_.")
        if word in ("true", "false"):
            return _Token("BOOLEAN", word == "true")
        if word in ("in", "IN"):
            return _Token("COMPARATOR", "in")
        if "." in word[1:]:
            return self._accessor(word)
        return _Token("VARIABLE", word)

    def _accessor(self, word: str) -> _Token:
        if word.endswith("."):
            raise ConditionFault(f"Hanging accessor on token '{word}'")
        for part in word.split(".")[1:]:
            if part[:1] != part[:1].upper():
                raise ConditionFault(f"Unable to access unexported field '{part}' in token '{word}'")
        return _Token("ACCESSOR", word)

    def _quoted(self) -> _Token:
        self.place += 1
        text = self._run(lambda letter: letter not in "'\"")
        if self.place >= len(self.text):
            raise ConditionFault("Unclosed string literal")
        self.place += 1
        at = _time(text)
        return _Token("STRING", text) if at is None else _Token("TIME", at)

    def _bracketed(self) -> str:
        text = self._run(lambda letter: letter != "]")
        if self.place >= len(self.text):
            raise ConditionFault("Unclosed parameter bracket")
        self.place += 1
        return text

    def _sign(self, previous: str) -> _Token:
        sign = self._run(lambda letter: not (letter.isalnum() or letter.isspace() or letter in "()[]'\""))
        if "PREFIX" in _NEXT[previous] and sign in _PREFIXES:
            return _Token("PREFIX", sign)
        if sign in _SIGNS:
            return _Token(_SIGNS[sign], sign)
        raise ConditionFault(f"Invalid token: '{sign}'")


def _shown(value: object) -> str:
    """The value as messages print it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return go_float(value)
    if isinstance(value, list):
        return f"[{' '.join(map(_shown, value))}]"
    return "<nil>" if value is None else str(value)


def _as_number(value: object, sign: str, what: str = "modifier") -> float:
    if isinstance(value, float):
        return value
    raise ConditionFault(f"Value '{_shown(value)}' cannot be used with the {what} '{sign}', it is not a number")


def _as_bool(value: object, sign: str, what: str = "logical operator") -> bool:
    if isinstance(value, bool):
        return value
    raise ConditionFault(f"Value '{_shown(value)}' cannot be used with the {what} '{sign}', it is not a bool")


def _prefixed(value: Any, wanted: type, sign: str) -> Any:
    if isinstance(value, wanted):
        return value
    raise ConditionFault(f"Value '{_shown(value)}' cannot be used with the prefix '{sign}'")


def _equal(left: object, right: object) -> bool:
    return type(left) is type(right) and left == right


class _Planner:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.place = 0
        self.depth = 0

    def next_is(self, kind: str, signs: frozenset[str] = frozenset()) -> bool:
        if self.place >= len(self.tokens) or self.tokens[self.place].kind != kind:
            return False
        return not signs or self.tokens[self.place].value in signs

    def take(self) -> _Token:
        if self.place >= len(self.tokens):
            raise ConditionFault("Unexpected end of expression")
        self.place += 1
        return self.tokens[self.place - 1]

    def separated(self) -> _Code:
        parts = [self.ternary()]
        while self.next_is("SEPARATOR"):
            self.take()
            parts.append(self.ternary())
        return parts[0] if len(parts) == 1 else lambda: [part() for part in parts]

    def ternary(self) -> _Code:
        left = self.level(0)
        while self.next_is("TERNARY"):
            sign = self.take().value
            left = _ternary(sign, left, self.level(0))
        return left

    def level(self, number: int) -> _Code:
        if number == len(_LEVELS):
            return self.prefixed()
        left = self.level(number + 1)
        kind, signs = _LEVELS[number]
        while self.next_is(kind, signs):
            sign = self.take().value
            left = _BINARY[sign](sign, left, self.level(number + 1))
        return left

    def prefixed(self) -> _Code:
        if not self.next_is("PREFIX"):
            return self.value()
        sign, operand = self.take().value, self.value()
        if sign == "!":
            return lambda: not _prefixed(operand(), bool, sign)
        if sign == "-":
            return lambda: -_prefixed(operand(), float, sign)
        return lambda: float(~_integer(_prefixed(operand(), float, sign)))

    def value(self) -> _Code:
        token = self.take()
        if token.kind == "CLAUSE":
            return self.clause()
        if token.kind == "ACCESSOR":
            return _accessor(token.value)
        if token.kind in _VALUES:
            return lambda: token.value
        raise ConditionFault(f"Unable to plan token kind: '{token.kind}', value: '{token.value}'")

    def clause(self) -> _Code:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ConditionFault("Expression is nested too deeply")
        if self.next_is("CLAUSE_CLOSE"):
            code: _Code = _nothing
        else:
            code = self.separated()
        if not self.next_is("CLAUSE_CLOSE"):
            raise ConditionFault("Unbalanced parenthesis")
        self.take()
        self.depth -= 1
        return code


def _nothing() -> None:
    return None


def _accessor(name: str) -> _Code:
    def run() -> Any:
        raise ConditionFault(f"No parameter '{name.split('.', maxsplit=1)[0]}' found.")

    return run


def _ternary(sign: str, left: _Code, right: _Code) -> _Code:
    def run() -> Any:
        value = left()
        if sign == "?":
            return right() if _as_bool(value, sign, "ternary operator") else None
        return right() if value is None else value

    return run


def _either(sign: str, left: _Code, right: _Code) -> _Code:
    return lambda: _as_bool(left(), sign) or _as_bool(right(), sign)


def _both(sign: str, left: _Code, right: _Code) -> _Code:
    return lambda: _as_bool(left(), sign) and _as_bool(right(), sign)


def _same(sign: str, left: _Code, right: _Code) -> _Code:
    return lambda: _equal(left(), right()) is (sign == "==")


_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


def _ordered(sign: str, left: _Code, right: _Code) -> _Code:
    compare = _ORDER[sign]

    def run() -> bool:
        one, other = left(), right()
        if isinstance(one, str) and isinstance(other, str):
            return compare(one, other)
        return compare(_as_number(one, sign, "comparator"), _as_number(other, sign, "comparator"))

    return run


def _matched(sign: str, left: _Code, right: _Code) -> _Code:
    def run() -> bool:
        text, pattern = left(), right()
        for value in (text, pattern):
            if not isinstance(value, str):
                raise ConditionFault(f"Value '{_shown(value)}' cannot be used with the comparator '{sign}', it is not a number")
        try:
            return search(text, pattern) is (sign == "=~")
        except ExpressionError as e:
            raise ConditionFault(f"Unable to compile regexp pattern '{pattern}': {e.message}") from e

    return run


def _member(sign: str, left: _Code, right: _Code) -> _Code:
    def run() -> bool:
        one, many = left(), right()
        if not isinstance(many, list):
            raise ConditionFault(f"Value '{_shown(one)}' cannot be used with the comparator '{sign}', it is not a number")
        return any(_equal(one, value) for value in many)

    return run


def _added(sign: str, left: _Code, right: _Code) -> _Code:
    def run() -> Any:
        one, other = left(), right()
        if isinstance(one, str) or isinstance(other, str):
            return _shown(one) + _shown(other)
        return _as_number(one, sign) + _as_number(other, sign)

    return run


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _integer(value: float) -> int:
    """The value as 64-bit integer, as Go converts it."""
    if not math.isfinite(value) or abs(value) >= 2**63:
        return -(2**63)
    return int(value)


_NUMBERS: Mapping[str, Callable[[float, float], float]] = {
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": lambda left, right: math.fmod(left, right) if right and math.isfinite(left) else math.nan,
    "**": _power,
    "&": lambda left, right: float(_integer(left) & _integer(right)),
    "|": lambda left, right: float(_integer(left) | _integer(right)),
    "^": lambda left, right: float(_integer(left) ^ _integer(right)),
    "<<": lambda left, right: float(shift_left(_integer(left), _integer(right))),
    ">>": lambda left, right: float(_integer(left) >> min(_integer(right) % 2**64, 63)),
}


def _calculated(sign: str, left: _Code, right: _Code) -> _Code:
    apply = _NUMBERS[sign]
    return lambda: apply(_as_number(left(), sign), _as_number(right(), sign))


_BINARY: Mapping[str, Callable[[str, _Code, _Code], _Code]] = (
    {"||": _either, "&&": _both, "==": _same, "!=": _same, "=~": _matched, "!~": _matched, "in": _member, "+": _added}
    | dict.fromkeys(_ORDER, _ordered)
    | dict.fromkeys(_NUMBERS, _calculated)
)


@lru_cache(maxsize=4096)
def _compile(text: str) -> _Code:
    if len(text) > _MAX_LENGTH:
        raise ConditionFault("expression is too long")
    tokens = _Lexer(text).tokens()
    depth = sum((token.kind == "CLAUSE") - (token.kind == "CLAUSE_CLOSE") for token in tokens)
    if depth:
        raise ConditionFault("Unbalanced parenthesis")
    if not tokens:
        raise ConditionFault("Unexpected end of expression")
    planner = _Planner(tokens)
    code = planner.separated()
    if planner.place < len(tokens):
        raise ConditionFault(f"Unable to plan token kind: '{tokens[planner.place].kind}', value: '{tokens[planner.place].value}'")
    return code


def when(text: str, *, bare_words: bool = True) -> bool:
    """Whether the condition holds; an empty one does.

    Args:
        text: The condition, its tags already replaced.
        bare_words: Words without quotes are texts; without that they name parameters, of which there are none.

    Raises:
        ExpressionError: It does not parse, cannot be evaluated, or is no condition; worded as Argo does.
    """
    if not text.strip():
        return True
    try:
        code = _compile(text)
    except ConditionFault as e:
        hint = _HINT if str(e).startswith("Invalid token") else ""
        raise ExpressionError(f"Invalid 'when' expression '{text}': {e}{hint}", source=text) from e
    except RecursionError as e:
        raise ExpressionError(f"Invalid 'when' expression '{text[:200]}': it is nested too deeply", source=text) from e
    if not bare_words and (word := next((token.value for token in _Lexer(text).tokens() if token.kind == "VARIABLE"), None)):
        raise ExpressionError(f"Failed to evaluate 'when' expresion '{text}': No parameter '{word}' found.", source=text)
    try:
        value = code()
    except (ConditionFault, RecursionError) as e:
        raise ExpressionError(f"Failed to evaluate 'when' expresion '{text}': {e}", source=text) from e
    if not isinstance(value, bool):
        raise ExpressionError(f"Expected boolean evaluation for '{text}'. Got {_shown(value)}", source=text)
    return value
