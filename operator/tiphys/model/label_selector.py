"""Kubernetes' label selectors as objects hold them (`matchLabels`, `matchExpressions`).

Source: Kubernetes' API, LabelSelector.
"""

from collections.abc import Mapping
from typing import Any

from tiphys.errors import SpecError


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether the labels fulfil all of it; an empty or absent selector is fulfilled by any.

    Raises:
        SpecError: It cannot be read.
    """
    if not selector:
        return True
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()
    if not isinstance(wanted, Mapping) or isinstance(expressions, str | Mapping):
        raise SpecError("matchLabels is a map, matchExpressions a list", path="labelSelector")
    return all(labels.get(key) == value for key, value in wanted.items()) and all(_holds(one, labels) for one in expressions)


def check_selector(selector: Mapping[str, Any] | None) -> None:
    """Read all of it, whatever the labels.

    Raises:
        SpecError: It cannot be read.
    """
    matches({"matchLabels": (selector or {}).get("matchLabels")}, {})
    for one in (selector or {}).get("matchExpressions") or ():
        matches({"matchExpressions": [one]}, {})


def _holds(expression: object, labels: Mapping[str, str]) -> bool:
    if not isinstance(expression, Mapping):
        raise SpecError("an expression has a key and an operator", path="labelSelector.matchExpressions")
    key, values = expression.get("key"), expression.get("values") or ()
    found = labels.get(str(key))
    match expression.get("operator"):
        case "In":
            return found in values
        case "NotIn":
            return found is None or found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case operator:
            message = f"unknown operator {operator!r}"
            raise SpecError(message, path="labelSelector.matchExpressions", hint="In, NotIn, Exists or DoesNotExist")
