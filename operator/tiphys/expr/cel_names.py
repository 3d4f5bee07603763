"""The dotted names that a CEL expression reads, told from its text, and their values as the maps that CEL walks.

Nothing of CEL is imported here, since that takes long.
"""

import re
from functools import lru_cache
from typing import Any

from tiphys.expr.scope import MISSING, Scope

_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_PATH = re.compile(r"(?<![\w.\]])[a-zA-Z_]\w*(?:\s*\.\s*[a-zA-Z_]\w*+(?!\s*\()|\[(?:'[^'\\]*'|\"[^\"\\]*\")\])+")
_STEP = re.compile(r"\.\s*(\w+)|\[['\"]([^'\"]*)['\"]\]|^(\w+)")
_ROOTS = frozenset({"workflow", "inputs", "outputs", "steps", "tasks", "item", "pod", "node", "retries", "lastRetry"})


@lru_cache(maxsize=4096)
def names_in(text: str) -> tuple[str, ...]:
    """The names below Argo's roots (`inputs.parameters.x`), each once, as far as they are written out."""
    found: dict[str, None] = {}
    quoted = [match.span() for match in _TEXT.finditer(text)]
    for match in _PATH.finditer(text):
        if any(start < match.start() < end for start, end in quoted):
            continue
        parts = [next(filter(None, step.groups())) for step in _STEP.finditer(match.group())]
        if parts[0] in _ROOTS:
            found[".".join(parts)] = None
    return tuple(found)


def nested(names: tuple[str, ...], scope: Scope) -> dict[str, Any]:
    """The values of names as nested maps; of a name that goes on below a value, the value."""
    made: dict[str, Any] = {}
    for name in names:
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            value = scope.get(".".join(parts[:length]))
            if value is not MISSING:
                _put(made, parts[:length], value)
                break
    return made


def _put(target: dict[str, Any], parts: list[str], value: object) -> None:
    for part in parts[:-1]:
        inner = target.setdefault(part, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target.setdefault(parts[-1], value)
