"""The functions of sprig that are safe in a controller: no environment, no files, no randomness, no network.

Source: sprig 3's documentation.
"""

import base64
import hashlib
import json
import math
import re
import zlib
from collections.abc import Callable
from typing import Any

from tiphys.errors import ExpressionError
from tiphys.expr.cost import check_size
from tiphys.expr.functions import array, join, mapping, repeat, replace, text, to_float, to_int, unique
from tiphys.expr.render import go_json, go_text
from tiphys.expr.values import integer


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
    import re2

    try:
        return re2.compile(text(pattern))
    except re2.error as e:
        raise ExpressionError(f"error parsing regexp: {e}") from e


def _regex_replace(pattern: object, value: object, new: object) -> str:
    check_size(len(text(value)) * (1 + len(text(new))) // 4)
    by = re.sub(r"\\", r"\\\\", text(new))
    return str(_regex(pattern).sub(re.sub(r"\$\{?(\d+)\}?", r"\\\1", by), text(value)))


def _indent(width: object, value: object) -> str:
    check_size((text(value).count("\n") + 1) * integer(width))
    return re.sub(r"(?m)^", " " * integer(width), text(value))


def _from_json(value: object) -> object:
    try:
        return json.loads(text(value))
    except (ValueError, RecursionError):
        return None


def _fold(name: str, apply: Callable[[int, int], int]) -> Callable[..., int]:
    def run(first: object, *rest: object) -> int:
        result = to_int(_number(first))
        for value in rest:
            right = to_int(_number(value))
            if right == 0 and name in ("div", "mod"):
                raise ExpressionError("integer divide by zero")
            result = apply(result, right)
        return result

    return run


def _number(value: object) -> object:
    if isinstance(value, str):
        try:
            return int(float(value))
        except (ValueError, OverflowError):
            return 0
    return value


def _go_divide(left: int, right: int) -> int:
    return math.trunc(left / right) if abs(left) < 2**53 else left // right


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


SPRIG: dict[str, Callable[..., Any]] = {
    "trim": lambda value: text(value).strip(), "trimAll": lambda cut, value: text(value).strip(text(cut)),
    "trimPrefix": lambda prefix, value: text(value).removeprefix(text(prefix)),
    "trimSuffix": lambda suffix, value: text(value).removesuffix(text(suffix)),
    "lower": lambda value: text(value).lower(), "upper": lambda value: text(value).upper(),
    "title": lambda value: re.sub(r"\b\w", lambda found: found.group().upper(), text(value)),
    "untitle": lambda value: re.sub(r"\b\w", lambda found: found.group().lower(), text(value)),
    "repeat": lambda count, value: repeat(value, count),
    "substr": lambda start, end, value: text(value)[integer(start) : integer(end)],
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
    "mod": _fold("mod", lambda left, right: int(math.fmod(left, right))), "max": _fold("max", max), "min": _fold("min", min),
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
    "b64dec": lambda value: base64.b64decode(text(value)).decode(errors="replace"),
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
    "dig": _dig, "semverCompare": _semver_compare, "kindOf": lambda value: type(value).__name__,
    "base": lambda value: text(value).rstrip("/").rpartition("/")[2] or "/",
    "dir": lambda value: text(value).rpartition("/")[0] or ".",
    "ext": lambda value: ((found := re.search(r"\.[^./]*$", text(value))) and found.group()) or "",
}  # fmt: skip
"""Functions by name, as in `sprig.trim(x)`."""
