"""Expressions answer as expr-lang and sprig do; the corpus' answers are theirs (see tests/oracle/expr)."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.errors import ExpressionError
from tiphys.expr.language import compile_expression, evaluate, evaluate_bool
from tiphys.expr.render import go_json, go_text

CORPUS = Path(__file__).parent / "corpus"
ENVIRONMENT: dict[str, Any] = json.loads((CORPUS / "environment.json").read_text(), parse_int=float)
CASES: list[dict[str, Any]] = json.loads((CORPUS / "expressions.json").read_text())
DOCUMENTS: list[dict[str, Any]] = json.loads((CORPUS / "documents.json").read_text())
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)

UNTYPED = "names of the environment have no types before the expression runs"
NAMED = "months and weekdays are plain numbers"
MICROSECONDS = "times have microseconds, not nanoseconds"
DIFFERENT = {
    "i ** f": "the last digit of a power is the C library's",
    "first(nil)": UNTYPED,
    "last(nil)": UNTYPED,
    "first(nothing)": UNTYPED,
    "get(nothing, 'a')": UNTYPED,
    "'a' in nothing": UNTYPED,
    "nothing?.foo": UNTYPED,
    "nothing?.foo.bar": UNTYPED,
    "nothing?.foo?.bar ?? 'd'": UNTYPED,
    "groupBy(people, .age)": "a map whose keys are no texts has a JSON form",
    "fromPairs([['a', 1], ['b', 2]])": "a map of any keys has a JSON form",
    "fromPairs([[1, 2]])": "a map of any keys has a JSON form",
    "date('2026-03-01').Weekday()": NAMED,
    "date('2026-03-01').Weekday() == 0": NAMED,
    "date('2026-03-01').Month() == 3": NAMED,
    "date('01/02/2026', '01/02/2006').Month()": NAMED,
    "date('2026-03-01T10:00:00.123456789Z')": MICROSECONDS,
    "duration('1ns')": MICROSECONDS,
    "date('Mon, 02 Jan 2006 15:04:05 MST')": "abbreviations of zones other than UTC and GMT are not understood",
    "timezone('Europe/Berlin')": "a zone has no JSON form",
}
"""Expression -> why the answer is not Go's."""


def answer(expression: str) -> tuple[str, ...]:
    try:
        value = evaluate(expression, ENVIRONMENT, now=NOW)
    except ExpressionError:
        return ("error",)
    try:
        return (go_text(value), go_json(value))
    except ExpressionError:
        return (go_text(value),)


def wanted(case: dict[str, Any]) -> tuple[str, ...]:
    if "error" in case:
        return ("error",)
    return (case["text"], case["json"]) if "json" in case else (case["text"],)


@pytest.mark.parametrize("case", CASES, ids=[case["expression"] for case in CASES])
def test_an_expression_answers_as_go_does(case: dict[str, Any]) -> None:
    is_same = answer(case["expression"]) == wanted(case)
    assert is_same is (case["expression"] not in DIFFERENT), (answer(case["expression"]), wanted(case))


@pytest.mark.parametrize("case", DOCUMENTS, ids=[case["expr"] for case in DOCUMENTS])
def test_the_expressions_of_argos_documents_answer_as_they_say(case: dict[str, Any]) -> None:
    kind, want = case["want"]
    if kind == "err":
        with pytest.raises(ExpressionError):
            evaluate(case["expr"], ENVIRONMENT, now=NOW)
    else:
        assert evaluate(case["expr"], ENVIRONMENT, now=NOW) == want


def test_now_is_what_the_caller_says() -> None:
    assert evaluate("now()", {}, now=NOW) == NOW
    assert evaluate("sprig.date('2006-01-02', 'no time')", {}, now=NOW) == "2026-03-01"
    assert evaluate("(now() - t).Seconds()", {"t": NOW - timedelta(seconds=90)}, now=NOW) == 90
    with pytest.raises(ExpressionError, match="now"):
        evaluate("now()", {})


def test_an_error_says_where_it_is() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("1 + (2 * ]")
    assert (caught.value.source, caught.value.position) == ("1 + (2 * ]", 9)


def test_a_condition_that_is_no_boolean_is_an_error() -> None:
    assert evaluate_bool("1 < 2", {})
    with pytest.raises(ExpressionError, match="unable to cast expression result '3' to bool"):
        evaluate_bool("1 + 2", {})


def test_a_program_tells_the_names_that_it_reads_and_those_that_it_must_have() -> None:
    program = compile_expression(
        "(tasks['a-b'].outputs.result ?? item.x) + asInt(inputs.parameters[name].y) + sprig.max(steps?.z)"
    )
    assert program.names == {"tasks.a-b.outputs.result", "item.x", "inputs.parameters", "name", "steps.z"}
    assert program.required == {"item.x", "name"}


@given(st.text(max_size=60) | st.text("(){}[].,?:#'\"+-*/%!=<>&|aN1 ", max_size=60))
def test_any_text_is_an_expression_or_an_expression_error(text: str) -> None:
    assert len(answer(text)) in (1, 2)
