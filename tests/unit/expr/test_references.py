"""Which names an expression reads."""

import pytest

from tiphys.expr.language import compile_expression


@pytest.mark.parametrize(
    ("expression", "names", "required"),
    [
        ("1 + 2", set(), set()),
        ("a.b['c-d'].e", {"a.b.c-d.e"}, {"a.b.c-d.e"}),
        ("a.b[i].c", {"a.b", "i"}, {"i"}),
        ("a?.b", {"a.b"}, set()),
        ("a.b ?? c", {"a.b", "c"}, {"c"}),
        ("map(data, {#.x + y})", {"data", "y"}, {"data", "y"}),
        ("let z = a; z.b", {"a"}, {"a"}),
        ("sprig.trim(asInt(x))", {"x"}, {"x"}),
        ("f(a) ? {k: b} : [c, d.e[0]]", {"f", "a", "b", "c", "d.e"}, {"f", "a", "b", "c", "d.e"}),
    ],
)
def test_names_are_told_without_evaluating(expression: str, names: set[str], required: set[str]) -> None:
    program = compile_expression(expression)
    assert (program.names, program.required) == (frozenset(names), frozenset(required))
