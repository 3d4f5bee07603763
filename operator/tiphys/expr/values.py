"""What operators of expr-lang do to values.

Values are None, bool, int, float, str, list, mappings, datetime, timedelta and functions.
Source: expr-lang 1.17.
"""

import math
import operator
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from tiphys.errors import ExpressionError
from tiphys.expr.cost import check_size
from tiphys.expr.times import METHODS

_TYPES = {
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    list: "[]interface {}",
    datetime: "time.Time",
    timedelta: "time.Duration",
}


def type_name(value: object) -> str:
    """The name of the value's type, as messages say it."""
    if value is None:
        return "<nil>"
    if isinstance(value, Mapping):
        return "map[string]interface {}"
    return _TYPES.get(type(value), type(value).__name__)


def is_number(value: object) -> bool:
    """Whether the value is an integer or a float; a boolean is none."""
    return type(value) is int or type(value) is float


def wrapped(value: Any) -> Any:
    """A number as Go keeps it: integers wrap at 64 bits."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        return (value + 2**63) % 2**64 - 2**63
    return value


def shift_left(left: int, by: int) -> int:
    """A 64-bit shift to the left; what leaves the word is lost."""
    return int(wrapped(left << by)) if 0 <= by < 64 else 0


def _refuse(sign: str, left: object, right: object) -> ExpressionError:
    return ExpressionError(f"invalid operation: {type_name(left)} {sign} {type_name(right)}")


def equal(left: object, right: object) -> bool:
    """`==`: numbers by value, other things only within their type."""
    if is_number(left) and is_number(right):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return type(left) is type(right) and left == right


def add(left: Any, right: Any) -> object:
    """`+`: numbers, texts, times and durations."""
    if is_number(left) and is_number(right):
        return wrapped(left + right)
    if isinstance(left, str) and isinstance(right, str):
        check_size(len(left) + len(right))
        return left + right
    if isinstance(left, datetime | timedelta) and isinstance(right, timedelta):
        return left + right
    if isinstance(left, timedelta) and isinstance(right, datetime):
        return right + left
    raise _refuse("+", left, right)


def subtract(left: Any, right: Any) -> object:
    """`-`: numbers, times and durations."""
    if is_number(left) and is_number(right):
        return wrapped(left - right)
    if isinstance(left, datetime) and isinstance(right, datetime | timedelta):
        return left - right
    if isinstance(left, timedelta) and isinstance(right, timedelta):
        return left - right
    raise _refuse("-", left, right)


def multiply(left: Any, right: Any) -> object:
    """`*`: numbers, and durations by numbers."""
    pair = {type(left), type(right)}
    if (is_number(left) and is_number(right)) or (timedelta in pair and pair & {int, float}):
        return wrapped(left * right)
    raise _refuse("*", left, right)


def divide(left: Any, right: Any) -> object:
    """`/`: always a float; by zero it is infinite."""
    if not (is_number(left) and is_number(right)):
        raise _refuse("/", left, right)
    if right == 0:
        return math.nan if left == 0 else math.copysign(math.inf, left) * math.copysign(1, right)
    return left / right


def modulo(left: Any, right: Any) -> object:
    """`%`: integers only, with the sign of the left one."""
    if type(left) is not int or type(right) is not int:
        raise _refuse("%", left, right)
    if right == 0:
        raise ExpressionError("integer divide by zero")
    rest = abs(left) % abs(right)
    return rest if left >= 0 else -rest


def power(left: Any, right: Any) -> object:
    """`**`: always a float."""
    if not (is_number(left) and is_number(right)):
        raise _refuse("**", left, right)
    try:
        return math.pow(left, right)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan


def _ordered(sign: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], object]:
    def apply(left: Any, right: Any) -> object:
        same = type(left) is type(right) and isinstance(left, str | datetime | timedelta)
        if same or (is_number(left) and is_number(right)):
            return compare(left, right)
        raise _refuse(sign, left, right)

    return apply


less = _ordered("<", operator.lt)
greater = _ordered(">", operator.gt)


def contained(left: object, right: object) -> bool:
    """`in`: an element of a list or a key of a map; nothing is in nil."""
    if right is None:
        return False
    if isinstance(right, list):
        return any(equal(left, part) for part in right)
    if isinstance(right, Mapping):
        if not isinstance(left, str):
            raise ExpressionError(f"cannot use {type_name(left)} as map key")
        return left in right
    raise ExpressionError(f'operator "in" not defined on {type_name(right)}')


def _on_texts(name: str, apply: Callable[[str, str], bool]) -> Callable[[Any, Any], object]:
    def checked(left: Any, right: Any) -> object:
        if left is None or right is None:
            return False
        if not isinstance(left, str) or not isinstance(right, str):
            raise ExpressionError(f"invalid operation: {name} (mismatched types {type_name(left)} and {type_name(right)})")
        return apply(left, right)

    return checked


@lru_cache(maxsize=512)
def compiled_pattern(pattern: str) -> Any:
    """The RE2 pattern that a text says.

    Raises:
        ExpressionError: It says none.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as e:
        reason = e.args[0].decode() if e.args and isinstance(e.args[0], bytes) else str(e)
        raise ExpressionError(f"error parsing regexp: {reason}") from e


def search(text: str, pattern: str) -> bool:
    """Whether the RE2 pattern matches somewhere in the text.

    Raises:
        ExpressionError: It is no pattern.
    """
    return compiled_pattern(pattern).search(text) is not None


def span(left: object, right: object) -> range:
    """`a..b`: the integers from a to b."""
    start, end = integer(left), integer(right)
    check_size(end - start)
    return range(start, end + 1)


def integer(value: object) -> int:
    """The value as an integer.

    Raises:
        ExpressionError: It is no number.
    """
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return int(value)
    raise ExpressionError(f"invalid operation: int({type_name(value)})")


def truth(value: object) -> bool:
    """The value as a condition.

    Raises:
        ExpressionError: It is no boolean.
    """
    if isinstance(value, bool):
        return value
    if value is None:
        raise ExpressionError("interface conversion: interface {} is nil, not bool")
    raise ExpressionError(f"non-bool ({type_name(value)}) used as condition")


OPERATORS: dict[str, Callable[[Any, Any], object]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "**": power,
    "<": less,
    ">": greater,
    "<=": _ordered("<=", operator.le),
    ">=": _ordered(">=", operator.ge),
    "in": contained,
    "contains": _on_texts("contains", lambda text, part: part in text),
    "startsWith": _on_texts("startsWith", str.startswith),
    "endsWith": _on_texts("endsWith", str.endswith),
    "matches": _on_texts("matches", search),
}


def negate(value: Any) -> object:
    """`-x`."""
    if is_number(value) or isinstance(value, timedelta):
        return -value
    raise ExpressionError(f"invalid operation: - {type_name(value)}")


def positive(value: Any) -> object:
    """`+x`."""
    if is_number(value):
        return value
    raise ExpressionError(f"invalid operation: + {type_name(value)}")


UNARY: dict[str, Callable[[Any], object]] = {"-": negate, "+": positive, "!": lambda value: not truth(value)}


def fetch(container: Any, key: Any) -> object:
    """`container[key]` or `container.key`; a missing key of a map is nil.

    Raises:
        ExpressionError: The index is out of range, or the container has no members.
    """
    if isinstance(container, Mapping):
        return _keyed(container, key)
    if isinstance(container, list | str):
        index = integer(key)
        place = index + len(container) if index < 0 else index
        if not 0 <= place < len(container):
            raise ExpressionError(f"index out of range: {index} (array length is {len(container)})")
        return container[place] if isinstance(container, list) else ord(container[place])
    if isinstance(container, datetime | timedelta) and isinstance(key, str):
        return _method(container, key)
    raise ExpressionError(f"cannot fetch {key} from {type_name(container)}")


def _keyed(container: Mapping[Any, Any], key: Any) -> object:
    if not isinstance(key, str) and not any(type(known) is type(key) for known in container):
        raise ExpressionError(f"cannot use {type_name(key)} to get an element from {type_name(container)}")
    return container.get(key)


def _method(value: datetime | timedelta, name: str) -> object:
    method = METHODS.get((type(value), name))
    if method is None:
        raise ExpressionError(f"cannot fetch {name} from {type_name(value)}")
    return lambda *arguments: method(value, *arguments)


def slice_of(container: Any, start: object, end: object) -> object:
    """`container[start:end]`, cut to what is there."""
    if not isinstance(container, list | str):
        raise ExpressionError(f"cannot slice {type_name(container)}")
    length = len(container)
    first = 0 if start is None else integer(start)
    last = length if end is None else integer(end)
    first = max(length + first, 0) if first < 0 else first
    last = max(length + last, 0) if last < 0 else last
    return container[min(first, last) : min(last, length)]
