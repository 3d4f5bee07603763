"""`depends` lets a task run by how others ended."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.errors import ExpressionError
from tiphys.expr.depends import Outcome, from_dependencies, parse_depends

SUCCEEDED, FAILED, ERRORED = Outcome(succeeded=True), Outcome(failed=True), Outcome(errored=True)
SKIPPED, OMITTED, DAEMONED = Outcome(skipped=True), Outcome(omitted=True), Outcome(daemoned=True)
TASKS = ("A", "b-c", "and", "not", "B")


def holds(text: str, **outcomes: Outcome) -> bool:
    known = {name.replace("_", "-"): outcome for name, outcome in outcomes.items()}
    return parse_depends(text, TASKS).evaluate(known.__getitem__)


@pytest.mark.parametrize(
    ("outcome", "want"),
    [
        (SUCCEEDED, True),
        (SKIPPED, True),
        (DAEMONED, True),
        (FAILED, False),
        (ERRORED, False),
        (OMITTED, False),
        (Outcome(), False),
    ],
)
def test_a_task_alone_must_have_succeeded_been_skipped_or_be_a_daemon(outcome: Outcome, want: bool) -> None:
    assert holds("A", A=outcome) is want


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("Succeeded", SUCCEEDED),
        ("Failed", FAILED),
        ("Errored", ERRORED),
        ("Skipped", SKIPPED),
        ("Omitted", OMITTED),
        ("Daemoned", DAEMONED),
        ("AnySucceeded", Outcome(any_succeeded=True)),
        ("AllFailed", Outcome(all_failed=True)),
    ],
)
def test_each_result_asks_for_just_that(result: str, outcome: Outcome) -> None:
    assert holds(f"A.{result}", A=outcome)
    assert not holds(f"A.{result}", A=Outcome())


def test_signs_bind_as_usual() -> None:
    for a, b, c in itertools.product((SUCCEEDED, FAILED), repeat=3):
        values = {"A": a, "b_c": b, "B": c}
        one, two, three = (outcome.succeeded for outcome in (a, b, c))
        assert holds("A || b-c && !B", **values) is (one or (two and not three))
        assert holds("(A || b-c) && !(B)", **values) is ((one or two) and not three)
        assert holds("!A && !!B", **values) is (not one and three)


def test_tasks_may_be_called_like_words_of_other_languages() -> None:
    assert parse_depends("and && not.Failed", TASKS).tasks == ("and", "not")


def test_each_task_is_named_once_in_order() -> None:
    assert parse_depends("b-c.Failed || (A && b-c)", TASKS).tasks == ("b-c", "A")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b-d", "there is no task 'b-d', did you mean 'b-c'?"),
        ("A.Suceeded", "a task has no result 'Suceeded', did you mean 'Succeeded'?"),
        ("A &&", "it ends where a task is expected"),
        ("", "it ends where a task is expected"),
        ("A B", "unexpected 'B'"),
        ("(A", "a '\\)' is missing"),
        ("A & B", "unexpected '&'"),
        ("A)", "unexpected '\\)'"),
        ("!" * 100 + "A", "nested too deeply"),
    ],
)
def test_what_does_not_parse_says_why(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message.replace("?", "\\?")):
        parse_depends(text, TASKS)


def test_dependencies_become_the_text_that_argo_makes_of_them() -> None:
    text = from_dependencies(["A", "b-c"], lambda name: (name == "A", True))
    want = "(A.Succeeded || A.Skipped || A.Daemoned || A.Errored || A.Failed) && (b-c.Succeeded || b-c.Skipped || b-c.Daemoned || b-c.Failed)"
    assert text == want
    assert holds(text, A=ERRORED, b_c=FAILED)
    assert not holds(text, A=ERRORED, b_c=ERRORED)


@given(st.text("ABbc-.&|!() ", max_size=30))
def test_any_text_is_parsed_or_is_an_expression_error(text: str) -> None:
    try:
        found = parse_depends(text, TASKS).tasks
    except ExpressionError as e:
        found = () if e.source == text else ("?",)
    assert set(found) <= set(TASKS)
