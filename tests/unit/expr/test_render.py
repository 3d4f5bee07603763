"""Values print as Go prints them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tiphys.errors import ExpressionError
from tiphys.expr.render import go_json, go_text


@pytest.mark.parametrize(
    ("value", "text", "json"),
    [
        (None, "<nil>", "null"),
        (True, "true", "true"),
        (5, "5", "5"),
        (5.0, "5", "5"),
        (1e6, "1e+06", "1000000"),
        (1e21, "1e+21", "1e+21"),
        (1e-7, "1e-07", "1e-7"),
        (-0.25, "-0.25", "-0.25"),
        ("<a>&", "<a>&", '"\\u003ca\\u003e\\u0026"'),
        ([1, "a", None], "[1 a <nil>]", '[1,"a",null]'),
        ({"b": [1], "a": {}}, "map[a:map[] b:[1]]", '{"a":{},"b":[1]}'),
        (timedelta(hours=1, seconds=2.5), "1h0m2.5s", "3602500000000"),
        (datetime(2026, 3, 1, 10, 0, 0, 500000, UTC), "2026-03-01 10:00:00.5 +0000 UTC", '"2026-03-01T10:00:00.5Z"'),
        (
            datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=2))),
            "2026-03-01 00:00:00 +0200 +0200",
            '"2026-03-01T00:00:00+02:00"',
        ),
    ],
)
def test_a_value_has_a_text_and_a_json_form(value: object, text: str, json: str) -> None:
    assert (go_text(value), go_json(value)) == (text, json)


def test_json_may_stand_on_several_lines() -> None:
    assert go_json({"a": [1, {}], "b": []}, "  ") == '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), print])
def test_what_has_no_json_form_is_an_error(value: object) -> None:
    with pytest.raises(ExpressionError, match="json: unsupported"):
        go_json(value)
