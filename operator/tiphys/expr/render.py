"""Values as Go prints them: `fmt`'s `%v` for texts, `encoding/json` for JSON.

Source: argo-semantics 9.3, 10.4.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from tiphys.errors import ExpressionError
from tiphys.model.base import Numeral

_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_EXPONENT = re.compile("e-0")
_HTML_PATTERN = re.compile("[<>&\u2028\u2029]")


def go_float(value: float, *, smallest: float = 1e-4, largest: float = 1e6) -> str:
    """Shortest decimal text, with an exponent below `smallest` and from `largest` on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    size = abs(value)
    if size != 0 and (size < smallest or size >= largest):
        return _with_exponent(value)
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _with_exponent(value: float) -> str:
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    power = int(exponent) + len(digits) - 1
    rest = "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{digits[0]}{'.' + rest if rest else ''}e{'+' if power >= 0 else '-'}{abs(power):02d}"


def go_duration(value: timedelta) -> str:
    """A duration as `1h2m3.5s`."""
    micros = value // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    if micros < 1_000_000:
        small = f"{go_float(micros / 1000)}ms" if micros >= 1000 else f"{micros}µs"
        return sign + (small if micros else "0s")
    hours, rest = divmod(micros, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    seconds = go_float(rest / 1e6) + "s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def go_text(value: object) -> str:
    """The value as `%v` prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(go_text, value)) + "]"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{go_text(key)}:{go_text(value[key])}" for key in sorted(value, key=str)) + "]"
    return _scalar_text(value)


def _scalar_text(value: object) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return go_float(value)
        case timedelta():
            return go_duration(value)
        case datetime():
            return go_time(value)
        case _:
            return str(value)


def go_time(value: datetime) -> str:
    """A time as `2006-01-02 15:04:05.5 +0000 UTC`."""
    fraction = f".{value.microsecond:06d}".rstrip("0") if value.microsecond else ""
    zone = value.strftime("%z") or "+0000"
    name = value.tzname() or "UTC"
    return f"{value:%Y-%m-%d %H:%M:%S}{fraction} {zone} {zone if name.startswith('UTC') and name != 'UTC' else name}"


def time_json(value: datetime) -> str:
    """RFC 3339 with as many decimals as are needed."""
    text = value.strftime("%Y-%m-%dT%H:%M:%S")
    if value.microsecond:
        text += f".{value.microsecond:06d}".rstrip("0")
    zone = value.strftime("%z")
    return text + ("Z" if zone in ("", "+0000") else f"{zone[:3]}:{zone[3:]}")


def _text_json(text: str) -> str:
    return _HTML_PATTERN.sub(lambda found: _HTML[found.group()], json.dumps(text, ensure_ascii=False))


def _scalar_json(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Numeral():
            return value.text
        case float():
            if not math.isfinite(value):
                raise ExpressionError(f"json: unsupported value: {go_float(value)}")
            return _EXPONENT.sub("e-", go_float(value, smallest=1e-6, largest=1e21))
        case timedelta():
            return str(value // timedelta(microseconds=1) * 1000)
        case datetime():
            return _text_json(time_json(value))
        case _:
            raise ExpressionError(f"json: unsupported type: {type(value).__name__}")


def go_json(value: object, indent: str = "", _level: int = 0) -> str:
    """The value as JSON: keys sorted, `<`, `>` and `&` escaped; with `indent`, one element a line.

    Raises:
        ExpressionError: It has no JSON form.
    """
    if isinstance(value, str):
        return _text_json(value)

    def inner(part: object) -> str:
        return go_json(part, indent, _level + 1)

    if isinstance(value, list | tuple):
        return _wrap("[", "]", [inner(part) for part in value], indent, _level)
    if isinstance(value, Mapping):
        return _wrap("{", "}", _pairs(value, inner, ": " if indent else ":"), indent, _level)
    return _scalar_json(value)


def _pairs(value: Mapping[object, object], inner: Callable[[object], str], colon: str) -> list[str]:
    texts = {key if isinstance(key, str) else go_text(key): part for key, part in value.items()}
    return [_text_json(key) + colon + inner(texts[key]) for key in sorted(texts)]


def _wrap(start: str, end: str, parts: list[str], indent: str, level: int) -> str:
    if not parts or not indent:
        return start + ",".join(parts) + end
    line = "\n" + indent * (level + 1)
    return start + line + f",{line}".join(parts) + "\n" + indent * level + end
