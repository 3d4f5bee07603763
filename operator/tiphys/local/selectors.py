"""Which objects a list or a watch is about.

Source: Kubernetes' API concepts (label selectors, field selectors).
"""

import re
from collections.abc import Callable, Mapping

from tiphys.model.base import Json

Matches = Callable[[Json], bool]
_SET = re.compile(r"^(?P<key>\S+)\s+(?P<sign>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=]+)\s*(?P<sign>==|!=|=)\s*(?P<value>\S*)$")
_PARTS = re.compile(r",(?![^(]*\))")


def by_labels(selector: str) -> Matches:
    """Objects whose labels match.

    Raises:
        ValueError: The selector cannot be read.
    """
    parts = [_label_part(part.strip()) for part in _PARTS.split(selector) if part.strip()]
    return lambda one: all(part(_labels(one)) for part in parts)


def _labels(one: Json) -> Mapping[str, str]:
    found = one["metadata"].get("labels")
    return found if isinstance(found, dict) else {}


def _label_part(text: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(text):
        key, values = found["key"], {value.strip() for value in found["values"].split(",")}
        wanted = found["sign"] == "in"
        return lambda labels: (labels[key] in values) is wanted if key in labels else not wanted
    if found := _EQUAL.match(text):
        key, value, is_not = found["key"], found["value"], found["sign"] == "!="
        return lambda labels: (labels.get(key) == value) is not is_not
    key = text.removeprefix("!").strip()
    if not key or re.search(r"[\s=,()!]", key):
        raise ValueError(f"unable to parse requirement: {text!r}")
    is_absent = text.startswith("!")
    return lambda labels: (key in labels) is not is_absent


def by_fields(selector: str) -> Matches:
    """Objects whose fields match, `path=value` or `path!=value`."""
    parts = [part.strip() for part in selector.split(",") if part.strip()]
    return lambda one: all(_field_matches(one, part) for part in parts)


def _field_matches(one: Json, part: str) -> bool:
    path, _, value = part.partition("=")
    is_not = path.endswith("!")
    found: object = one
    for step in path.rstrip("!").split("."):
        found = found.get(step, "") if isinstance(found, Mapping) else ""
    return (str(found) == value.lstrip("=")) is not is_not
