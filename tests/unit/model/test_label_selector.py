"""Label selectors as objects hold them."""

from typing import Any

import pytest

from tiphys.errors import SpecError
from tiphys.model.label_selector import matches

LABELS = {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("selector", "want"),
    [
        (None, True),
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "1", "b": "1"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "9"]}]}, True),
        ({"matchExpressions": [{"key": "c", "operator": "In", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["1"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}, False),
    ],
)
def test_a_selector_holds_or_not(selector: dict[str, Any] | None, want: bool) -> None:
    assert matches(selector, LABELS) is want


@pytest.mark.parametrize("selector", [{"matchLabels": ["a"]}, {"matchExpressions": "a"}, {"matchExpressions": ["a"]}, {"matchExpressions": [{"key": "a"}]}])
def test_what_is_no_selector_is_refused(selector: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="labelSelector"):
        matches(selector, LABELS)
