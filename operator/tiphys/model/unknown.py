"""Fields that no type knows: misspelt ones above all, since the API server leaves them out without a word."""

import types
import typing
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from tiphys.errors import SpecError
from tiphys.model.parse import nearest

_METADATA = frozenset({"creationTimestamp", "managedFields", "selfLink", "generation", "deletionGracePeriodSeconds"})
"""What the API server writes into metadata and our types do not know."""


def unknown_fields(kind: type[msgspec.Struct], value: object, path: str = "") -> Iterator[SpecError]:
    """One error for each field of a decoded object that its type does not know, with the nearest name that it does.

    What pods own (containers, volumes and the like) is not looked into.
    """
    if not isinstance(value, dict):
        return
    known = _fields(kind)
    for key, part in value.items():
        where = f"{path}.{key}".lstrip(".")
        if key in known:
            yield from _inside(known[key], part, where)
        elif not (path == "metadata" and key in _METADATA):
            yield SpecError(f"unknown field {key!r}{nearest(str(key), list(known))}", path=where)


def _inside(shape: Any, value: object, path: str) -> Iterator[SpecError]:
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        yield from unknown_fields(shape, value, path)
    elif isinstance(shape, types.UnionType) or typing.get_origin(shape) is typing.Union:
        for option in typing.get_args(shape):
            yield from _inside(option, value, path)
    elif typing.get_origin(shape) is tuple and isinstance(value, list):
        for index, element in enumerate(value):
            yield from _inside(typing.get_args(shape)[0], element, f"{path}[{index}]")
    elif typing.get_origin(shape) is dict and isinstance(value, dict):
        for key, part in value.items():
            yield from _inside(typing.get_args(shape)[1], part, f"{path}.{key}")


@lru_cache(maxsize=512)
def _fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON name -> type."""
    hints = typing.get_type_hints(kind)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}
