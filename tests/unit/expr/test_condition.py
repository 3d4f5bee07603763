"""Conditions answer as govaluate does, in Argo's words; the corpus' answers are govaluate's (see tests/oracle/expr)."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.errors import ExpressionError
from tiphys.expr.condition import when

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "corpus" / "conditions.json").read_text())
DIFFERENT = {
    "'abc' =~ '('": "RE2 of C++ words its errors itself, and patterns are compiled when they are used",
    "a.b == 1": "a small letter after a dot is refused when parsing, as in the original govaluate",
}
"""Condition -> why the answer is not that of govaluate's fork."""


def answer(text: str) -> str:
    try:
        return "true" if when(text) else "false"
    except ExpressionError as e:
        return e.message


def wanted(case: dict[str, Any]) -> str:
    if "error" in case:
        return str(case["error"])
    expected = f"Expected boolean evaluation for '{case['expression']}'. Got {case['text']}"
    return str(case["text"]) if case["type"] == "bool" else expected


@pytest.mark.parametrize("case", CASES, ids=[case["expression"] for case in CASES])
def test_a_condition_answers_as_govaluate_does(case: dict[str, Any]) -> None:
    is_same = answer(case["expression"]) == wanted(case)
    assert is_same is (case["expression"] not in DIFFERENT), (answer(case["expression"]), wanted(case))


def test_an_empty_condition_holds() -> None:
    assert when("")


def test_an_invalid_token_has_a_hint() -> None:
    want = "Invalid token: '{{' (hint: try wrapping the affected expression in quotes (\"))"
    assert answer("{{x}} == 1") == "Invalid 'when' expression '{{x}} == 1': " + want


def test_a_bare_word_is_a_text_unless_words_name_parameters() -> None:
    assert when("heads == heads")
    with pytest.raises(ExpressionError, match="No parameter 'heads' found"):
        when("heads == 'heads'", bare_words=False)
    assert when("'heads' == 'heads'", bare_words=False)



@given(st.text(max_size=60) | st.text("()[].,?:'\"+-*/%!=<>&|~\\aN1 ", max_size=60))
def test_any_text_is_a_condition_or_an_expression_error(text: str) -> None:
    assert answer(text)
