"""CEL answers in plain values, and apart from the rest: it is slow to import."""

import subprocess
import sys

import pytest

from tiphys.errors import ExpressionError
from tiphys.expr.cel import compile_cel


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("self.a.b + 1 == 2", True),
        ("self.list.map(x, x * 2)", [2, 4]),
        ("7 / 2", 3),
        ("has(self.nope)", False),
        ("self.list.all(x, x > 0) && self.name.matches('^w-')", True),
        ("{'a': 1.5, 'b': [null]}", {"a": 1.5, "b": [None]}),
        ("self.name", "w-1"),
    ],
)
def test_a_rule_answers_in_plain_values(text: str, want: object) -> None:
    answer = compile_cel(text).evaluate({"self": {"a": {"b": 1}, "list": [1, 2], "name": "w-1"}})
    assert (type(answer), answer) == (type(want), want)


def test_a_rule_that_fails_or_does_not_parse_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="cel: undeclared reference to 'nope'"):
        compile_cel("nope").evaluate({})
    with pytest.raises(ExpressionError, match="cel"):
        compile_cel("1 +")


def test_templates_do_not_import_what_is_slow_to_import() -> None:
    program = (
        "import sys, tiphys.expr.template, tiphys.expr.condition, tiphys.expr.depends, tiphys.expr.selector; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"celpy", "jq", "re2", "jsonpath"} & set(loaded)
