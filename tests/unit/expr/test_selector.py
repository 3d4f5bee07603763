"""Conditions of resource templates on live objects."""

import pytest

from tiphys.errors import ExpressionError
from tiphys.expr.selector import parse_condition
from tiphys.model.base import Json

DOCUMENT: Json = {"status": {"succeeded": 1, "phase": "Ready", "ok": True, "none": None, "ratio": 1.5, "list": [{"type": "x"}]}}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("status.succeeded > 0", True),
        ("status.succeeded > 1", False),
        ("status.succeeded < 2", True),
        ("status.failed > 3", False),
        ("status.phase == Ready", True),
        ("status.phase=Ready", True),
        ("status.phase != Ready", False),
        ("status.missing != Ready", True),
        ("status.phase in (Ready, Done)", True),
        ("status.phase notin (Ready,Done)", False),
        ("status.missing notin (Ready)", True),
        ("status.phase", True),
        ("status.missing", False),
        ("!status.missing", True),
        ("!status.phase", False),
        ("status.none", True),
        ("status.none=", True),
        ("status.ok == true", True),
        ("status.ratio == 1.5", True),
        ("status.ratio > 1", False),
        ("status.list.0.type == x", True),
        ("status.phase in (Ready,Done),status.succeeded > 0", True),
        ("status.phase == Ready, status.succeeded > 5", False),
    ],
)
def test_a_condition_holds_when_all_its_requirements_do(text: str, want: bool) -> None:
    assert parse_condition(text).matches(DOCUMENT) is want


def test_one_requirement_is_enough_for_a_failure() -> None:
    found = parse_condition("status.succeeded > 5, status.phase == Ready").first_match(DOCUMENT)
    assert found is not None
    assert found.text == "status.phase == Ready"
    assert parse_condition("status.succeeded > 5").first_match(DOCUMENT) is None


@pytest.mark.parametrize("text", ["", "a b", "a in", "a in (b", "a > b", "a ~ b", ","])
def test_what_is_no_condition_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_condition(text)
