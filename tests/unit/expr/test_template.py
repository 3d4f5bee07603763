"""Tags are replaced in structure, once, and what is inserted is data."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.errors import ExpressionError
from tiphys.expr.scope import MISSING, Scope
from tiphys.expr.template import Tag, UnresolvedTag, evaluate_in, is_templated, substitute, substitute_text, tags

SCOPE = Scope(
    {
        "workflow.name": "w",
        "inputs.parameters": '[{"name":"x","value":"5"}]',
        "inputs.parameters.x": "5",
        "inputs.parameters.my-x": "dash",
        "inputs.parameters.evil": "{{=1+1}} {{workflow.name}}",
        "inputs.parameters.key": "x",
        "inputs.parameters.control": 'a"b\\c\x07\n',
        "steps.skipped.outputs.result": None,
        "item": {"k": "<v>", "n": 1.5},
        "artifact": object(),
    },
)


class Inner(msgspec.Struct, frozen=True):
    """A part of a template."""

    value: str
    count: int = 0


class Outer(msgspec.Struct, frozen=True):
    """What a template is made of."""

    name: str
    inner: Inner
    args: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    free: Any = None


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("plain", "plain"),
        ("{{workflow.name}}", "w"),
        ("a {{ workflow.name }} b {{inputs.parameters.my-x}}", "a w b dash"),
        ("{{inputs.parameters}}", '[{"name":"x","value":"5"}]'),
        ("{{inputs.parameters.{{inputs.parameters.key}}}}", "5"),
        ("{{item}}", '{"k":"\\u003cv\\u003e","n":1.5}'),
        ("{{=inputs.parameters['my-x']}}", "dash"),
        ("{{=asInt(inputs.parameters.x) + 1}}", "6"),
        ('{"a": {{=asInt(inputs.parameters.x)}}}', '{"a": 5}'),
        ("{{={'a': {'b': 1}}}}", '{"a":{"b":1}}'),
        ("{{=[1, 'a', nil, true]}}", '[1,"a",null,true]'),
        ("{{=item.n}}", "1.5"),
        ("{{=sprig.upper(workflow.name)}}", "W"),
        ("{{=steps.skipped.outputs.result ?? 'd'}}", "d"),
        ("{{=now().Year()}}", "2026"),
        ("}} not a tag", "}} not a tag"),
    ],
)
def test_a_tag_becomes_what_it_stands_for(text: str, want: str) -> None:
    assert substitute_text(text, SCOPE, now=datetime(2026, 1, 1, tzinfo=UTC)) == want


@pytest.mark.parametrize("text", ["{{nope}}", "{{ nope }}", "{{=nope}}", "{{=nope.x + 1}}", "{{=1 +}}", "{{=steps.a.id}}"])
def test_a_tag_that_stands_for_nothing_stays_as_written_or_is_an_error(text: str) -> None:
    assert substitute_text(text, SCOPE, strict=False) == text
    with pytest.raises(ExpressionError):
        substitute_text(text, SCOPE, strict=True)


def test_an_unresolved_tag_names_itself() -> None:
    with pytest.raises(UnresolvedTag, match=r"failed to resolve \{\{nope\}\}") as caught:
        substitute_text("{{ nope }}", SCOPE)
    assert (caught.value.tag, caught.value.code) == ("nope", "unresolved-tag")


def test_strictness_by_prefix_leaves_other_names_and_artifacts_alone() -> None:
    strict = ("steps.", "tasks.")
    kept = "{{nope}} {{steps.a.outputs.artifacts.x}} {{=nope}} {{stepsize}}"
    assert substitute_text(kept, SCOPE, strict=strict) == kept
    for text in ("{{steps.a.id}}", "{{=tasks.b.id}}", "{{=upper(steps.a.id)}}"):
        with pytest.raises(UnresolvedTag):
            substitute_text(text, SCOPE, strict=strict)
    assert substitute_text("{{=steps.a.id ?? 'none'}}", SCOPE, strict=strict) == "none"


def test_names_that_come_later_are_kept_for_later() -> None:
    scope = Scope({"workflow.name": "w"})
    for text in ("{{=asInt(retries) + 1}}", "{{=item.x}}", "{{=lastRetry.exitCode == '1'}}"):
        assert substitute_text(text, scope, strict=("steps.",)) == text


def test_an_absent_optional_is_an_error_whatever_the_strictness() -> None:
    for strict in (True, False):
        with pytest.raises(ExpressionError, match="absent optional") as caught:
            substitute_text("{{steps.skipped.outputs.result}}", SCOPE, strict=strict)
        assert not isinstance(caught.value, UnresolvedTag)


def test_what_is_no_text_cannot_be_inserted() -> None:
    with pytest.raises(ExpressionError, match=r"failed to resolve \{\{artifact\}\} to string"):
        substitute_text("{{artifact}}", SCOPE, strict=False)


def test_a_tag_without_end_is_an_error() -> None:
    for text in ("{{workflow.name", "{{a {{workflow.name}}", "x {{=1"):
        with pytest.raises(ExpressionError, match="Cannot find end tag"):
            substitute_text(text, SCOPE, strict=False)


def test_values_are_data() -> None:
    evil = "{{=1+1}} {{workflow.name}}"
    assert substitute_text("{{inputs.parameters.evil}}", SCOPE) == evil
    assert substitute_text("{{=inputs.parameters.evil}}", SCOPE) == evil
    assert substitute({"{{inputs.parameters.evil}}": ["{{inputs.parameters.control}}"]}, SCOPE) == {evil: ['a"b\\c\x07\n']}


def test_structs_tuples_and_maps_are_read_to_the_bottom() -> None:
    value = Outer("{{workflow.name}}", Inner("{{inputs.parameters.x}}", 3), ("a", "{{workflow.name}}"), {"{{workflow.name}}": "1"},
                  {"list": ["{{=1 + 1}}", 7, None]})  # fmt: skip
    want = Outer("w", Inner("5", 3), ("a", "w"), {"w": "1"}, {"list": ["2", 7, None]})
    assert substitute(value, SCOPE) == want
    assert substitute(value, SCOPE) == want, "the plan that was remembered does the same"
    assert substitute(value, Scope({"workflow.name": "v", "inputs.parameters.x": "6"})).inner == Inner("6", 3)


def test_what_has_no_tags_is_the_same_object() -> None:
    value = Outer("a", Inner("b"), ("c",), {"d": "e"}, [1, {"f": None}])
    assert substitute(value, SCOPE) is value
    kept = Outer("{{nope}}", Inner("{{nope}}"), ("{{nope}}",), {"{{nope}}": "{{nope}}"}, ["{{nope}}"])
    assert substitute(kept, SCOPE, strict=False) is kept


def test_tags_tell_their_kind_and_names() -> None:
    found = tags(Outer("{{ a.b }}", Inner("{{=x.y + z}}"), (), {"{{k}}": "{{p.{{q}}}}"}))
    assert [(tag.kind, tag.names) for tag in found] == [
        ("simple", ("a.b",)),
        ("expression", ("x.y", "z")),
        ("simple", ("k",)),
        ("simple", ("q",)),
        ("simple", ()),
    ]
    assert found[1].raw == "{{=x.y + z}}"
    with pytest.raises(ExpressionError):
        _ = Tag("expression", "1 +").names


def test_a_text_without_braces_has_no_tags() -> None:
    assert (is_templated("{{x}}"), is_templated("{x}")) == (True, False)


def test_an_expression_is_evaluated_in_a_scope() -> None:
    assert evaluate_in("inputs.parameters.x + '!'", SCOPE) == "5!"
    assert SCOPE.get("nope") is MISSING


PLAIN = st.text(st.characters(exclude_characters="{"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | PLAIN, lambda inner: st.lists(inner) | st.dictionaries(PLAIN, inner)
)


@given(JSON)
def test_a_value_without_tags_is_itself(value: Any) -> None:
    assert substitute(value, SCOPE) is value


@given(st.text())
def test_any_value_of_a_parameter_arrives_as_it_is(value: str) -> None:
    scope = Scope({"p": value})
    assert substitute({"a": ["{{p}}", "{{=p}}", "x{{p}}y"]}, scope) == {"a": [value, value, f"x{value}y"]}


@given(st.text() | st.text("{}= .ab|?'\"", max_size=40), st.booleans())
def test_any_text_is_substituted_or_is_an_expression_error(text: str, strict: bool) -> None:
    try:
        result = substitute_text(text, SCOPE, strict=strict)
    except ExpressionError:
        result = ""
    assert isinstance(result, str)
