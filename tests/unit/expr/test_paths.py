"""Paths into documents: kubectl's, those of expressions, and jq."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.errors import ExpressionError
from tiphys.expr.paths import dotted, jq_filter, json_path, query
from tiphys.expr.scope import MISSING

DOCUMENT: dict[str, Any] = {
    "metadata": {"name": "job", "labels": {"app.kubernetes.io/name": "x", "a": "b"}},
    "status": {
        "phase": "Ready",
        "succeeded": 1,
        "ratio": 0.5,
        "ok": True,
        "none": None,
        "conditions": [{"type": "Ready", "status": "True", "n": 1}, {"type": "Other", "status": "False", "n": 3}],
    },
}


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("{.status.phase}", "Ready"),
        (".status.phase", "Ready"),
        ("status.phase", "Ready"),
        ("{$.status.succeeded}", "1"),
        ("{@.status.ok}", "true"),
        ("{.status.ratio}", "0.5"),
        ("{.status.missing.deeper}", ""),
        ("{.metadata.labels}", '{"app.kubernetes.io/name":"x","a":"b"}'),
        ("{.metadata.labels['app.kubernetes.io/name']}", "x"),
        (r"{.metadata.labels.app\.kubernetes\.io/name}", "x"),
        ("{.metadata['name','labels'].a}", "b"),
        ("{.status.conditions[0].type}", "Ready"),
        ("{.status.conditions[-1].type}", "Other"),
        ("{.status.conditions[0,1].n}", "1 3"),
        ("{.status.conditions[*].type}", "Ready Other"),
        ("{.status.conditions[0:1].type}", "Ready"),
        ("{.status.conditions[1:].type}", "Other"),
        ('{.status.conditions[?(@.type=="Ready")].status}', "True"),
        ("{.status.conditions[?(@.n > 1)].type}", "Other"),
        ("{.status.conditions[?(@.n >= 1 && @.type != 'Ready')].type}", "Other"),
        ("{.status.conditions[?(@.none)].type}", ""),
        ("{..type}", "Ready Other"),
        ("{.metadata.labels.*}", "x b"),
        ("phase={.status.phase}, n={.status.succeeded}", "phase=Ready, n=1"),
        ('{range .status.conditions[*]}{.type}={.status}{"\\n"}{end}', "Ready=True\nOther=False\n"),
        ('{range .status.conditions[*]}[{range @.type}{@}{end}]{end}{"}"}', "[Ready][Other]}"),
    ],
)
def test_a_template_prints_what_kubectl_prints(path: str, want: str) -> None:
    assert json_path(DOCUMENT, path) == want


@pytest.mark.parametrize(
    "path",
    [
        "{.a",
        "{range .a}",
        "{end}",
        "{.a[}",
        "{.status.conditions[5]}",
        "{.status.conditions[?(!)]}",
        "{.status.conditions[?(@.n == x y)]}",
    ],
)
def test_what_is_no_template_is_an_error(path: str) -> None:
    with pytest.raises(ExpressionError):
        json_path(DOCUMENT, path)


def test_a_plain_path_of_an_expression_gives_one_value_any_other_a_list() -> None:
    assert query(DOCUMENT, "$.status.phase") == "Ready"
    assert query(DOCUMENT, "$.status.conditions[?(@.type=='Ready')].n") == [1]
    assert query(DOCUMENT, "$.nope[*]") == []
    for path in ("$.nope", "$["):
        with pytest.raises(ExpressionError):
            query(DOCUMENT, path)


def test_jq_gives_one_result_a_line_and_texts_as_they_are() -> None:
    assert (
        jq_filter(DOCUMENT, ".status.phase, .status.succeeded, .metadata.labels")
        == 'Ready\n1\n{"app.kubernetes.io/name":"x","a":"b"}'
    )
    assert jq_filter(DOCUMENT, "empty") == ""
    for program in (".[", ".status.phase.x"):
        with pytest.raises(ExpressionError):
            jq_filter(DOCUMENT, program)


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("status.phase", "Ready"),
        ("status.conditions.1.type", "Other"),
        ("status.conditions.#", 2),
        ("status.conditions.7", MISSING),
        ("status.none", None),
        ("status.phase.x", MISSING),
        (r"metadata.labels.app\.kubernetes\.io/name", "x"),
    ],
)
def test_a_dotted_path_names_one_value(path: str, want: object) -> None:
    assert dotted(DOCUMENT, path) == want


@given(st.text("{}[]().@$*?:'\"status,=<>&|01 \\range end", max_size=40))
def test_any_text_is_a_template_or_an_expression_error(path: str) -> None:
    try:
        printed = json_path(DOCUMENT, path)
    except ExpressionError as e:
        printed = e.message
    assert isinstance(printed, str)
