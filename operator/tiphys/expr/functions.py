"""The functions of expr-lang that take values (those with predicates are the compiler's), and Argo's own.

Source: expr-lang 1.17, argo-semantics 9.3.
"""

import base64
import binascii
import functools
import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from tiphys.errors import ExpressionError
from tiphys.expr.cost import check_size
from tiphys.expr.paths import query
from tiphys.expr.render import go_json, go_text
from tiphys.expr.times import parse_date, parse_go_duration, zone
from tiphys.expr.values import add, equal, fetch, integer, is_number, less, shift_left, type_name

_FLOAT = re.compile(r"[+-]?(\d[\d_]*\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?|nan)", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?\d{1,19}")


def text(value: object) -> str:
    """The value, which must be a text."""
    if isinstance(value, str):
        return value
    raise ExpressionError(f"interface conversion: interface {{}} is {type_name(value)}, not string")


def array(value: object, what: str = "use") -> list[Any]:
    """The value, which must be a list."""
    if isinstance(value, list):
        return value
    raise ExpressionError(f"cannot {what} {type_name(value)}")


def mapping(value: object, what: str = "use") -> Mapping[str, Any]:
    """The value, which must be a map."""
    if isinstance(value, Mapping):
        return value
    raise ExpressionError(f"cannot {what} {type_name(value)}")


def to_int(value: Any) -> int:
    """`int(x)`: of a number, a decimal text or a duration (nanoseconds)."""
    if is_number(value):
        return integer(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1) * 1000
    raise ExpressionError(f"invalid operation: int({value if isinstance(value, str) else type_name(value)})")


def to_float(value: Any) -> float:
    """`float(x)`: of a number or a text."""
    if is_number(value):
        return float(value)
    if isinstance(value, str) and _FLOAT.fullmatch(value):
        return float(value)
    raise ExpressionError(f"invalid operation: float({go_text(value)})")


def _length(value: object) -> int:
    if isinstance(value, str | list | Mapping):
        return len(value)
    raise ExpressionError(f"invalid argument for len (type {type_name(value)})")


_KINDS = ((bool, "bool"), (int, "int"), (float, "float"), (str, "string"), (list, "array"), (Mapping, "map"))


def _kind(value: object) -> str:
    if value is None:
        return "nil"
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return type_name(value) if isinstance(value, datetime | timedelta) else "func" if callable(value) else "unknown"


def _numbers(name: str, values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if isinstance(value, list):
            found += _numbers(name, value)
        elif is_number(value):
            found.append(value)
        else:
            raise ExpressionError(f"invalid argument for {name} (type {type_name(value)})")
    return found


def _extreme(name: str, choose: Callable[[list[Any]], Any]) -> Callable[..., object]:
    def apply(*values: Any) -> object:
        numbers = _numbers(name, values)
        return choose(numbers) if numbers else None

    return apply


def _mean(*values: Any) -> float:
    numbers = _numbers("mean", values)
    return sum(numbers) / len(numbers) if numbers else 0.0


def _median(*values: Any) -> float:
    numbers = sorted(map(float, _numbers("median", values)))
    if not numbers:
        return 0.0
    middle = len(numbers) // 2
    return numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2


def _rounding(name: str, apply: Callable[[float], float]) -> Callable[[Any], float]:
    def checked(value: Any) -> float:
        if not is_number(value):
            raise ExpressionError(f"invalid argument for {name} (type {type_name(value)})")
        return float(apply(value)) if math.isfinite(value) else float(value)

    return checked


def _half_away(value: float) -> float:
    return math.copysign(math.floor(abs(value) + 0.5), value)


def _absolute(value: Any) -> object:
    if is_number(value):
        return abs(value)
    raise ExpressionError(f"invalid argument for abs (type {type_name(value)})")


def split(value: object, separator: object, limit: object = -1) -> list[str] | None:
    """`split(s, sep[, n])`: by an empty separator, into characters."""
    whole, by, most = text(value), text(separator), integer(limit)
    if most == 0:
        return None
    if by:
        return whole.split(by) if most < 0 else whole.split(by, most - 1)
    letters = list(whole)
    return letters if most < 0 or most >= len(letters) else [*letters[: most - 1], "".join(letters[most - 1 :])]


def _split_after(value: object, separator: object, limit: object = -1) -> list[str] | None:
    parts = split(value, separator, limit)
    return parts and [part + text(separator) for part in parts[:-1]] + [parts[-1]]


def repeat(value: object, count: object) -> str:
    """`repeat(s, n)`, within the size limit."""
    times = integer(count)
    if times < 0:
        raise ExpressionError(f"invalid argument for repeat (expected positive integer, got {times})")
    check_size(len(text(value)) * times)
    return text(value) * times


def replace(value: object, old: object, new: object, count: object = -1) -> str:
    """`replace(s, old, new[, n])`, within the size limit."""
    whole, by = text(value), text(new)
    check_size(len(whole) + (whole.count(text(old)) if integer(count) < 0 else integer(count)) * len(by))
    return whole.replace(text(old), by, integer(count))


def join(value: object, glue: object = "") -> str:
    """`join(list, glue)` of texts."""
    check_size(len(text(glue)) * len(array(value, "join")))
    return text(glue).join(text(part) for part in array(value, "join"))


def from_json(value: object) -> object:
    """The value of a JSON text; all numbers are floats."""
    try:
        return json.loads(text(value), parse_int=float)
    except (ValueError, RecursionError) as e:
        raise ExpressionError(f"fromJSON: {e}") from e


def _from_base64(value: object) -> str:
    try:
        return base64.b64decode(text(value), validate=True).decode(errors="replace")
    except binascii.Error as e:
        raise ExpressionError(f"illegal base64 data: {e}") from e


def _get(container: object = None, key: object = None) -> object:
    if container is None:
        return None
    try:
        return fetch(container, key)
    except ExpressionError:
        if isinstance(container, list | str):
            integer(key)
        return None


def _take(items: object, count: object) -> list[Any]:
    most = integer(count)
    if most < 0:
        raise ExpressionError("slice index out of bounds")
    return array(items, "take")[:most]


def hashable(key: object) -> Any:
    """The key of a map, which must be no list or map."""
    if isinstance(key, list | Mapping):
        raise ExpressionError("hash of unhashable type")
    return key


def by_order(values: Iterable[Any], order: object, key: Callable[[Any], Any] = lambda value: value) -> list[Any]:
    """The values sorted, `asc` or `desc`."""
    if order not in ("asc", "desc"):
        raise ExpressionError("unknown order, use asc or desc")

    values = list(values)
    for kind in (str, (int, float)):
        if all(isinstance(key(value), kind) and not isinstance(key(value), bool) for value in values):
            return sorted(values, key=key, reverse=order == "desc")
    check_size(len(values) * 100)

    def compare(left: Any, right: Any) -> int:
        return -1 if less(key(left), key(right)) else int(bool(less(key(right), key(left))))

    return sorted(values, key=functools.cmp_to_key(compare), reverse=order == "desc")


def unique(value: object) -> list[Any]:
    """`uniq(list)`: the first of equal elements."""
    scalars: dict[tuple[object, object], object] = {}
    found: list[Any] = []
    for item in array(value, "uniq"):
        if isinstance(item, list | Mapping):
            check_size(len(found) ** 2 * 4)
            is_new = not any(equal(item, other) for other in found)
        else:
            key = ("number" if is_number(item) else type(item), item)
            is_new = key not in scalars
            scalars[key] = item
        if is_new:
            found.append(item)
    return found


def _flatten(value: object) -> list[Any]:
    found: list[Any] = []
    for item in array(value, "flatten"):
        found += _flatten(item) if isinstance(item, list) else [item]
    check_size(len(found))
    return found


def _concat(*values: object) -> list[Any]:
    found: list[Any] = []
    for value in values:
        found += array(value, "concat")
        check_size(len(found))
    return found


def _bits(apply: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    return lambda left, right: apply(_whole(left), _whole(right))


def _whole(value: object) -> int:
    if type(value) is int:
        return value
    raise ExpressionError(f"cannot use {type_name(value)} as argument (type int)")


def total(values: Iterable[Any]) -> object:
    """The sum of the values; 0 for none."""
    result: object = 0
    for value in values:
        result = add(result, value)
    return result


def json_path_value(document: object, path: object) -> object:
    """`jsonpath(text, path)`: what the path finds in a JSON text; see `paths.query`."""
    return query(from_json(document), text(path))


BUILTINS: dict[str, Callable[..., Any]] = {
    "len": _length, "type": _kind, "abs": _absolute,
    "ceil": _rounding("ceil", math.ceil), "floor": _rounding("floor", math.floor), "round": _rounding("round", _half_away),
    "int": to_int, "float": to_float, "string": go_text,
    "trim": lambda value, cut=None: text(value).strip(cut),
    "trimPrefix": lambda value, prefix=" ": text(value).removeprefix(text(prefix)),
    "trimSuffix": lambda value, suffix=" ": text(value).removesuffix(text(suffix)),
    "upper": lambda value: text(value).upper(), "lower": lambda value: text(value).lower(),
    "split": split, "splitAfter": _split_after, "replace": replace, "repeat": repeat, "join": join,
    "indexOf": lambda value, part: text(value).find(text(part)),
    "lastIndexOf": lambda value, part: text(value).rfind(text(part)),
    "hasPrefix": lambda value, prefix: text(value).startswith(text(prefix)),
    "hasSuffix": lambda value, suffix: text(value).endswith(text(suffix)),
    "max": _extreme("max", max), "min": _extreme("min", min), "mean": _mean, "median": _median,
    "toJSON": lambda value: go_json(value, "  "), "fromJSON": from_json,
    "toBase64": lambda value: base64.b64encode(text(value).encode()).decode(), "fromBase64": _from_base64,
    "duration": lambda value: parse_go_duration(text(value)), "date": parse_date, "timezone": zone,
    "first": lambda items: next(iter(array(items or [], "get first element from")), None),
    "last": lambda items: next(reversed(array(items or [], "get last element from")), None),
    "get": _get, "take": _take,
    "keys": lambda value: list(mapping(value)), "values": lambda value: list(mapping(value).values()),
    "toPairs": lambda value: [[key, part] for key, part in mapping(value).items()],
    "fromPairs": lambda pairs: {hashable(key): value for key, value in array(pairs)},
    "reverse": lambda items: array(items, "reverse")[::-1], "uniq": unique, "concat": _concat, "flatten": _flatten,
    "sort": lambda items, order="asc": by_order(array(items, "sort"), order),
    "bitand": _bits(operator.and_), "bitor": _bits(operator.or_), "bitxor": _bits(operator.xor),
    "bitnand": _bits(lambda left, right: left & ~right), "bitshl": _bits(shift_left),
    "bitshr": _bits(lambda left, by: left >> by if 0 <= by < 64 else 0),
    "bitushr": _bits(lambda left, by: (left & (2**64 - 1)) >> by if 0 <= by < 64 else 0), "bitnot": lambda value: ~_whole(value),
}  # fmt: skip

ARGO: dict[str, Callable[..., Any]] = {
    "asInt": to_int,
    "asFloat": to_float,
    "toJson": go_json,
    "jsonpath": json_path_value,
    "fromJson": from_json,
}
"""What Argo adds to the environment of `{{=...}}`."""


def now_in(now: datetime | None, place: object = None) -> datetime:
    """`now()`, in a zone when one is given.

    Raises:
        ExpressionError: The evaluation was given no time.
    """
    if now is None:
        raise ExpressionError("now() has no meaning here")
    return now.astimezone(place if isinstance(place, tzinfo) else UTC)
