"""Paths into JSON documents: kubectl's JSONPath, the JSONPath of expressions, jq, and gjson's dotted paths.

Source: argo-semantics 9.3 (jsonpath), 10.5, 18.2.
"""

import json
import re
from typing import Any

from tiphys.errors import ExpressionError

_BRACES = re.compile(r"\{([^{}]*)\}")
_QUOTED = re.compile(r"""^(['"])(.*)\1$""", re.DOTALL)
_GJSON_PIECE = re.compile(r"(?:[^.\\]|\\.)+")


def query(document: object, path: str) -> list[Any]:
    """All values that a JSONPath finds in a document.

    Raises:
        ExpressionError: It is no JSONPath.
    """
    import jsonpath

    try:
        return list(jsonpath.findall(path, document))  # type: ignore[arg-type]
    except (jsonpath.JSONPathError, TypeError, RecursionError) as e:
        raise ExpressionError(f"jsonpath {path!r}: {e}", source=path) from e


def json_path(document: object, template: str) -> str:
    """What kubectl prints for `-o jsonpath=<template>`: text outside braces as it is, values of several matches by a space.

    Raises:
        ExpressionError: The template does not parse, or finds nothing.
    """
    if "{" not in template:
        template = "{" + template + "}"
    pieces = _BRACES.split(template)
    return _render(document, [(bool(i % 2), piece.strip() if i % 2 else piece) for i, piece in enumerate(pieces)], template)


def _render(document: object, pieces: list[tuple[bool, str]], source: str) -> str:
    made, place = [], 0
    while place < len(pieces):
        is_path, piece = pieces[place]
        if is_path and piece.startswith("range "):
            end = _end_of_range(pieces, place, source)
            inner = pieces[place + 1 : end]
            made += [_render(item, inner, source) for item in _find(document, piece.removeprefix("range "), source)]
            place = end
        elif is_path and (quoted := _QUOTED.match(piece)):
            made.append(quoted.group(2).encode().decode("unicode_escape"))
        elif is_path:
            made.append(" ".join(_printed(value) for value in _find(document, piece, source)))
        else:
            made.append(piece)
        place += 1
    return "".join(made)


def _end_of_range(pieces: list[tuple[bool, str]], start: int, source: str) -> int:
    depth = 0
    for place in range(start, len(pieces)):
        is_path, piece = pieces[place]
        if is_path and piece.startswith("range "):
            depth += 1
        elif is_path and piece == "end":
            depth -= 1
            if depth == 0:
                return place
    raise ExpressionError("unclosed range, missing {end}", source=source)


def _find(document: object, path: str, source: str) -> list[Any]:
    full = path if path.startswith("$") else "$" + (path if path.startswith((".", "[")) else "." + path if path != "@" else "")
    found = query(document, full.removeprefix("$@") if full.startswith("$@") else full)
    if not found and "*" not in full and "?" not in full and ".." not in full:
        raise ExpressionError(f"{path.lstrip('.').split('.')[-1]} is not found", source=source)
    return found


def _printed(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def jq_filter(document: object, program: str) -> str:
    """What `jq -r <program>` prints, without spaces around.

    Raises:
        ExpressionError: The program does not compile or fails.
    """
    import jq

    try:
        return "\n".join(_printed(value) for value in jq.compile(program).input_value(document).all()).strip()
    except ValueError as e:
        raise ExpressionError(f"jq {program!r}: {e}", source=program) from e


def dotted(document: object, path: str) -> object | None:
    """The value at a gjson-like path: `status.succeeded`, `items.0.name`, `items.#`; None where there is none."""
    value: Any = document
    for piece in _GJSON_PIECE.findall(path):
        key = piece.replace("\\.", ".")
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key == "#":
            value = len(value)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value  # type: ignore[no-any-return]
