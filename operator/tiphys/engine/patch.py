"""The smallest merge patch that brings the stored object to where the run is: only what changed.

Source: argo-semantics 2.8; RFC 7386.
"""

from typing import Any

import msgspec

from tiphys.model.base import Json


def as_json(value: object) -> Any:
    """The value as plain JSON values, absent fields left out."""
    return msgspec.to_builtins(value)


def difference(old: Any, new: Any) -> Json:
    """The merge patch from one JSON object to another; empty when they are the same."""
    patch: Json = {}
    for key, value in new.items():
        if key not in old:
            patch[key] = value
        elif old[key] != value:
            both = isinstance(value, dict) and isinstance(old[key], dict)
            patch[key] = difference(old[key], value) if both else value
    patch.update({key: None for key in old if key not in new})
    return patch


class Replaced(dict[str, Any]):
    """In joined patches: an object that was removed and made anew. What is stored of the old one must go, key by key."""


def join(target: Json, patch: Json) -> None:
    """Lay a later merge patch over an earlier one, in place; nulls are kept, since they remove what is stored.

    A merge patch cannot say that an object is replaced, so the result is to be `resolved` with what is stored.
    """
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            join(target[key], value)
        elif isinstance(value, dict) and key in target:
            target[key] = Replaced(value)
        else:
            target[key] = value


def resolved(patch: Json, stored: Json) -> Json:
    """A joined patch as a merge patch of what is stored."""
    made: Json = {}
    for key, value in patch.items():
        below = stored.get(key)
        if isinstance(value, Replaced):
            new: Json = {}
            merge(new, value)
            made[key] = difference(below, new) if isinstance(below, dict) else new
        elif isinstance(value, dict):
            made[key] = resolved(value, below if isinstance(below, dict) else {})
        else:
            made[key] = value
    return made


def has_replaced(patch: Json) -> bool:
    """Whether something in a joined patch was removed and made anew."""
    return any(isinstance(value, dict) and (isinstance(value, Replaced) or has_replaced(value)) for value in patch.values())


def merged(stored: Json, patch: Json) -> Json:
    """What a JSON merge patch makes of an object; the parts that it does not touch are shared with it. Source: RFC 7386."""
    made = dict(stored)
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict):
            below = made.get(key)
            made[key] = merged(below if isinstance(below, dict) else {}, value)
        else:
            made[key] = value
    return made


def merge(target: Json, patch: Json) -> None:
    """Apply a JSON merge patch in place. Source: RFC 7386."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            inner = target.setdefault(key, {})
            if not isinstance(inner, dict):
                inner = target[key] = {}
            merge(inner, value)
        else:
            target[key] = value
