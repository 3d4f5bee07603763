"""The functions of sprig that are safe in a controller: no environment, no files, no randomness, no network.

Source: sprig 3's documentation.
"""

import base64
import functools
import hashlib
import json
import math
import operator
import posixpath
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tiphys.errors import ExpressionError
from tiphys.expr import functions
from tiphys.expr.cost import check_size
from tiphys.expr.functions import array, join, mapping, repeat, replace, to_float, to_int, unique
from tiphys.expr.render import go_duration, go_json, go_text
from tiphys.expr.times import go_format, parse_date, parse_go_duration, zone
from tiphys.expr.values import compiled_pattern, equal, integer, modulo, type_name, wrapped


def text(value: object) -> str:
    """The value, which must be a text; sprig takes nil for an empty one."""
    return "" if value is None else functions.text(value)


def _empty(value: object) -> bool:
    return value is None or value == 0 or (isinstance(value, str | list | dict) and not value)


def _ternary(yes: object, no: object, condition: object) -> object:
    return yes if condition is True else no


def _trunc(length: object, value: object) -> str:
    count = integer(length)
    return text(value)[count:] if count < 0 else text(value)[:count]


def _abbrev(width: object, value: object) -> str:
    whole, most = text(value), integer(width)
    return whole if most < 4 or len(whole) <= most else whole[: most - 3] + "..."


def _words(value: object) -> list[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text(value))
    return [word for word in re.split(r"[\s_\-.]+", spaced) if word]


def _regex(pattern: object) -> Any:
    return compiled_pattern(text(pattern))


def _regex_replace(pattern: object, value: object, new: object) -> str:
    check_size(len(text(value)) * (1 + len(text(new))) // 4)
    by = re.sub(r"\\", r"\\\\", text(new))
    return str(_regex(pattern).sub(re.sub(r"\$(?:\{(\d+)\}|(\d+)|(\$))", _group, by), text(value)))


def _group(found: re.Match[str]) -> str:
    return "$" if found.group(3) else f"\\{found.group(1) or found.group(2)}"


def _indent(width: object, value: object) -> str:
    check_size((text(value).count("\n") + 1) * integer(width))
    return re.sub(r"(?m)^", " " * integer(width), text(value))


def _from_json(value: object) -> object:
    try:
        return json.loads(text(value))
    except (ValueError, RecursionError):
        return None


def _fold(name: str, apply: Callable[[int, int], Any]) -> Callable[..., int]:
    def run(first: object, *rest: object) -> int:
        result = to_int(_number(first))
        for value in rest:
            right = to_int(_number(value))
            if right == 0 and name in ("div", "mod"):
                raise ExpressionError("integer divide by zero")
            result = wrapped(apply(result, right))
        return result

    return run


def _number(value: object) -> object:
    """The integer that sprig takes a value for: 0 for what is none."""
    if isinstance(value, str | bool):
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return 0
    return value if isinstance(value, int | float) else 0


def _go_divide(left: int, right: int) -> int:
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _round(value: object, places: object, _on: object = 0.5) -> float:
    scale: float = 10.0 ** min(max(integer(places), -300), 300)
    return math.floor(to_float(value) * scale + 0.5) / scale


def _semver(value: object) -> tuple[int, ...]:
    found = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", text(value))
    if found is None:
        raise ExpressionError(f"Invalid Semantic Version: {value}")
    return tuple(int(part or 0) for part in found.groups())


_CONSTRAINT = re.compile(r"(>=|<=|!=|>|<|=|\^|~)?\s*(v?\d[\w.]*)")


def _semver_compare(constraint: object, version: object) -> bool:
    have = _semver(version)
    return all(_fits(sign, _semver(wanted), have) for sign, wanted in _CONSTRAINT.findall(text(constraint)))


def _fits(sign: str, wanted: tuple[int, ...], have: tuple[int, ...]) -> bool:
    match sign:
        case "^":
            return have >= wanted and have[0] == wanted[0]
        case "~":
            return have >= wanted and have[:2] == wanted[:2]
        case ">=" | "<=" | ">" | "<":
            return {">=": have >= wanted, "<=": have <= wanted, ">": have > wanted, "<": have < wanted}[sign]
        case "!=":
            return have != wanted
        case _:
            return have == wanted


def _pick(value: object, *keys: object) -> dict[str, Any]:
    return {key: part for key, part in mapping(value).items() if key in keys}


def _digest(name: str) -> Callable[[object], str]:
    return lambda value: hashlib.new(name, text(value).encode(), usedforsecurity=False).hexdigest()


def _dig(*values: object) -> object:
    *keys, fallback, where = values
    for key in keys:
        found = mapping(where).get(str(key))
        if found is None:
            return fallback
        where = found
    return where


@dataclass(frozen=True, slots=True)
class Clocked:
    """A function that is told the time as its first argument."""

    function: Callable[..., Any]

    def __call__(self, now: datetime, *arguments: Any) -> Any:
        """The function's answer at `now`."""
        return self.function(now, *arguments)


def _substr(start: object, end: object, value: object) -> str:
    first, last, whole = integer(start), integer(end), text(value)
    if first < 0:
        return whole[:last]
    return whole[first:] if last < 0 or last > len(whole) else whole[first:last]


def _base64(value: object) -> str:
    try:
        return base64.b64decode(text(value), validate=True).decode(errors="replace")
    except ValueError:
        place = re.match(r"[A-Za-z0-9+/]*", text(value))
        return f"illegal base64 data at input byte {place.end() if place else 0}"


_KINDS = {bool: "bool", int: "int", float: "float64", str: "string", list: "slice", dict: "map", type(None): "invalid"}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "struct")


def _wrap(width: object, glue: object, value: object) -> str:
    """Words in lines of at most so many characters; a longer word has its own line."""
    lines: list[str] = []
    for word in text(value).split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= integer(width):
            lines[-1] += " " + word
        else:
            lines.append(word)
    return text(glue).join(lines)


def _chunk(size: object, values: object) -> list[list[Any]]:
    width, items = integer(size), array(values)
    if width <= 0:
        raise ExpressionError("chunk needs a positive size")
    return [items[place : place + width] for place in range(0, len(items), width)]


def _steps(start: object, stop: object, step: object) -> list[int]:
    if integer(step) == 0:
        return []
    return _numbers(range(integer(start), integer(stop), integer(step)))


def _numbers(numbers: range) -> list[int]:
    check_size(len(numbers) * 10)
    return list(numbers)


def _sequence(*values: object) -> str:
    numbers = [integer(value) for value in values]
    start, stop = (1, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[-1])
    step = numbers[1] if len(numbers) == 3 else (1 if start <= stop else -1)
    if step == 0:
        return ""
    return " ".join(map(str, _numbers(range(start, stop + (1 if step > 0 else -1), step))))


def _floats(apply: Callable[[float, float], float]) -> Callable[..., float]:
    return lambda first, *rest: functools.reduce(apply, map(to_float, rest), to_float(first))


_URL = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?")


def _url(value: object) -> dict[str, Any]:
    found = _URL.fullmatch(text(value))
    scheme, authority, path, query, fragment = found.groups("") if found else ("",) * 5
    user, _, host = authority.rpartition("@")
    return {"scheme": scheme, "host": host, "hostname": re.sub(r":\d+$", "", host), "path": path, "query": query, "opaque": "",
            "fragment": fragment, "userinfo": user}  # fmt: skip


def _clean(value: object) -> str:
    return posixpath.normpath(text(value)).replace("//", "/") if value else "."


def _moment(value: object, now: datetime) -> datetime:
    """The time that sprig takes a value for: now for anything that is none."""
    if isinstance(value, datetime):
        return value
    return datetime.fromtimestamp(value, UTC) if type(value) is int else now


def _seconds(value: object) -> timedelta:
    try:
        return timedelta(seconds=int(value) if isinstance(value, str | int | float) else 0)
    except (ValueError, OverflowError):
        return timedelta(0)


def _rounded(value: object) -> str:
    """A duration as its largest unit only."""
    span = abs(parse_go_duration(value) if isinstance(value, str) else value if isinstance(value, timedelta) else timedelta(0))
    seconds = round(span.total_seconds())
    for unit, size in (("y", 31536000), ("mo", 2592000), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return "0s"


def _modified(now: datetime, span: object, value: object) -> datetime:
    try:
        return _moment(value, now) + parse_go_duration(text(span))
    except ExpressionError:
        return _moment(value, now)


_TIMES: dict[str, Callable[..., Any]] = {
    "now": Clocked(lambda now: now),
    "date": Clocked(lambda now, layout, value: go_format(_moment(value, now), text(layout))),
    "dateInZone": Clocked(lambda now, layout, value, place: go_format(_moment(value, now).astimezone(zone(place)), text(layout))),
    "dateModify": Clocked(_modified),
    "htmlDate": Clocked(lambda now, value: go_format(_moment(value, now), "2006-01-02")),
    "ago": Clocked(lambda now, value: go_duration(timedelta(seconds=round((now - _moment(value, now)).total_seconds())))),
    "unixEpoch": lambda value: str(int(value.timestamp())) if isinstance(value, datetime) else "",
    "toDate": lambda layout, value: parse_date(text(value), text(layout)),
    "duration": lambda value: go_duration(_seconds(value)),
    "durationRound": _rounded,
}

SPRIG: dict[str, Callable[..., Any]] = {
    "trim": lambda value: text(value).strip(), "trimAll": lambda cut, value: text(value).strip(text(cut)),
    "trimPrefix": lambda prefix, value: text(value).removeprefix(text(prefix)),
    "trimSuffix": lambda suffix, value: text(value).removesuffix(text(suffix)),
    "lower": lambda value: text(value).lower(), "upper": lambda value: text(value).upper(),
    "title": lambda value: re.sub(r"\b\w", lambda found: found.group().upper(), text(value)),
    "untitle": lambda value: re.sub(r"\b\w", lambda found: found.group().lower(), text(value)),
    "repeat": lambda count, value: repeat(value, count),
    "substr": _substr,
    "nospace": lambda value: re.sub(r"\s", "", text(value)), "trunc": _trunc,
    "abbrev": _abbrev,
    "initials": lambda value: "".join(word[0] for word in text(value).split()),
    "contains": lambda part, value: text(part) in text(value),
    "hasPrefix": lambda prefix, value: text(value).startswith(text(prefix)),
    "hasSuffix": lambda suffix, value: text(value).endswith(text(suffix)),
    "quote": lambda *values: " ".join(json.dumps(go_text(value)) for value in values if value is not None),
    "squote": lambda *values: " ".join(f"'{go_text(value)}'" for value in values if value is not None),
    "cat": lambda *values: " ".join(go_text(value) for value in values if value is not None),
    "indent": _indent, "nindent": lambda width, value: "\n" + _indent(width, value),
    "replace": lambda old, new, value: replace(value, old, new),
    "plural": lambda one, many, count: one if integer(count) == 1 else many,
    "snakecase": lambda value: "_".join(_words(value)).lower(), "kebabcase": lambda value: "-".join(_words(value)).lower(),
    "camelcase": lambda value: "".join(word[:1].upper() + word[1:] for word in _words(value)),
    "regexMatch": lambda pattern, value: _regex(pattern).search(text(value)) is not None,
    "regexFind": lambda pattern, value: ((found := _regex(pattern).search(text(value))) and found.group()) or "",
    "regexFindAll": lambda pattern, value, count: [found.group() for found in _regex(pattern).finditer(text(value))][
        : None if integer(count) < 0 else integer(count)
    ],
    "regexReplaceAll": _regex_replace,
    "regexSplit": lambda pattern, value, count: _regex(pattern).split(text(value), max(integer(count) - 1, 0)),
    "join": lambda glue, values: join([go_text(value) for value in array(values)], glue),
    "splitList": lambda separator, value: text(value).split(text(separator)),
    "split": lambda separator, value: {f"_{i}": part for i, part in enumerate(text(value).split(text(separator)))},
    "sortAlpha": lambda values: sorted(go_text(value) for value in array(values)),
    "toStrings": lambda values: [*map(go_text, array(values))],
    "add": _fold("add", lambda left, right: left + right), "sub": _fold("sub", lambda left, right: left - right),
    "mul": _fold("mul", lambda left, right: left * right), "div": _fold("div", _go_divide),
    "mod": _fold("mod", modulo), "max": _fold("max", max), "min": _fold("min", min),
    "add1": lambda value: to_int(_number(value)) + 1, "floor": lambda value: math.floor(to_float(value)) * 1.0,
    "ceil": lambda value: math.ceil(to_float(value)) * 1.0, "round": _round,
    "int": lambda value: to_int(_number(value)), "int64": lambda value: to_int(_number(value)), "float64": to_float,
    "atoi": lambda value: to_int(_number(value)), "toString": go_text,
    "default": lambda fallback, value=None: fallback if _empty(value) else value, "empty": _empty,
    "coalesce": lambda *values: next((value for value in values if not _empty(value)), None),
    "all": lambda *values: not any(map(_empty, values)), "any": lambda *values: not all(map(_empty, values)), "ternary": _ternary,
    "fromJson": _from_json, "mustFromJson": lambda value: json.loads(text(value)), "toJson": go_json, "mustToJson": go_json,
    "toPrettyJson": lambda value: go_json(value, "  "),
    "toRawJson": lambda value: json.dumps(value, separators=(",", ":"), sort_keys=True),
    "b64enc": lambda value: base64.b64encode(text(value).encode()).decode(),
    "b64dec": _base64,
    "sha1sum": _digest("sha1"), "sha256sum": _digest("sha256"), "sha512sum": _digest("sha512"),
    "adler32sum": lambda value: str(zlib.adler32(text(value).encode())),
    "list": lambda *values: list(values), "first": lambda values: array(values)[0] if values else None,
    "last": lambda values: array(values)[-1] if values else None, "rest": lambda values: array(values)[1:],
    "initial": lambda values: array(values)[:-1], "append": lambda values, value: [*array(values), value],
    "prepend": lambda values, value: [value, *array(values)],
    "concat": lambda *values: [part for value in values for part in array(value)],
    "reverse": lambda values: array(values)[::-1],
    "compact": lambda values: [value for value in array(values) if not _empty(value)],
    "uniq": unique,
    "without": lambda values, *out: [value for value in array(values) if value not in out],
    "has": lambda value, values: value in array(values),
    "until": lambda count: list(range(min(integer(count), 10_000))),
    "dict": lambda *values: dict(zip(map(go_text, values[::2]), values[1::2], strict=False)),
    "get": lambda value, key: mapping(value).get(key, ""), "hasKey": lambda value, key: key in mapping(value),
    "keys": lambda *values: [key for value in values for key in mapping(value)],
    "values": lambda value: list(mapping(value).values()),
    "pick": _pick, "omit": lambda value, *keys: {key: part for key, part in mapping(value).items() if key not in keys},
    "merge": lambda first, *rest: {key: part for value in (*reversed(rest), first) for key, part in mapping(value).items()},
    "dig": _dig, "semverCompare": _semver_compare, "kindOf": _kind,
    "base": lambda value: text(value).rstrip("/").rpartition("/")[2] or "/",
    "dir": lambda value: text(value).rpartition("/")[0] or ".",
    "clean": _clean, "isAbs": lambda value: text(value).startswith("/"), "urlParse": _url,
    "swapcase": lambda value: text(value).swapcase(),
    "wrap": lambda width, value: _wrap(width, "\n", value), "wrapWith": _wrap, "chunk": _chunk, "untilStep": _steps,
    "seq": _sequence,
    "regexReplaceAllLiteral": lambda pattern, value, new: _regex_replace(pattern, value, text(new).replace("$", "$$")),
    "regexQuoteMeta": lambda value: re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text(value)),
    "toDecimal": lambda value: int(text(value), 8), "b32enc": lambda value: base64.b32encode(text(value).encode()).decode(),
    "b32dec": lambda value: base64.b32decode(text(value)).decode(errors="replace"),
    "slice": lambda values, *ends: array(values)[slice(*map(integer, ends or (0,)), *(() if len(ends) > 1 else (None,)))],
    "mergeOverwrite": lambda *values: {key: part for value in values for key, part in mapping(value).items()},
    "pluck": lambda key, *values: [value[key] for value in map(mapping, values) if key in value],
    "deepEqual": equal, "kindIs": lambda kind, value: _kind(value) == kind, "typeOf": type_name,
    "typeIs": lambda kind, value: type_name(value) == kind, **_TIMES,
    "maxf": _floats(max), "minf": _floats(min), "addf": _floats(operator.add), "subf": _floats(operator.sub),
    "mulf": _floats(operator.mul), "divf": _floats(lambda left, right: left / right), "add1f": lambda value: to_float(value) + 1,
    "ext": lambda value: ((found := re.search(r"\.[^./]*$", text(value))) and found.group()) or "",
}  # fmt: skip
"""Functions by name, as in `sprig.trim(x)`."""
