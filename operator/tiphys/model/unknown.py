"""Fields that a type does not have: found in a decoded JSON object before it is read, which would pass over them."""

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

import msgspec

from tiphys.model.parse import nearest


class UnknownField(NamedTuple):
    """A field that nobody reads.

    Attributes:
        path: Of the field, as users write it (`templates[0].contaner`).
        message: Says so, with the nearest known name.
    """

    path: str
    message: str


def unknown_fields(kind: type[msgspec.Struct], value: object, path: str = "") -> Iterator[UnknownField]:
    """Every field of `value`, at any depth, that `kind` does not have; values of the wrong type are passed over."""
    if not isinstance(value, Mapping):
        return
    known = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, part in value.items():
        below = f"{path}.{key}" if path else str(key)
        if key in known:
            yield from _within(known[key], part, below)
        else:
            yield UnknownField(below, f"unknown field {str(key)!r}{nearest(str(key), known)}")


def _within(kind: Any, value: object, path: str) -> Iterator[UnknownField]:
    origin = get_origin(kind)
    if origin in (UnionType, Union):
        chosen = [option for option in get_args(kind) if option is not NoneType]
        if len(chosen) == 1:
            yield from _within(chosen[0], value, path)
    elif origin is tuple and isinstance(value, list):
        for index, part in enumerate(value):
            yield from _within(get_args(kind)[0], part, f"{path}[{index}]")
    elif origin is dict and isinstance(value, Mapping):
        for key, part in value.items():
            yield from _within(get_args(kind)[1], part, f"{path}.{key}")
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from unknown_fields(kind, value, path)
