"""Scopes answer by exact name, from the inside out, and as nested maps to expressions."""

from collections.abc import Iterable

from tiphys.expr.language import evaluate
from tiphys.expr.render import go_json
from tiphys.expr.scope import MISSING, Scope


def flip(name: str) -> object:
    return {"steps.flip-coin.outputs.result": "heads", "steps.skipped.outputs.result": None}.get(name, MISSING)


def below_steps(prefix: str) -> Iterable[str]:
    return ("flip-coin", "skipped") if prefix == "steps." else ()


def test_the_inner_scope_answers_first() -> None:
    outer = Scope({"a": "outer", "b": "outer"})
    inner = outer.child({"a": "inner"}, resolve=flip)
    assert [inner.get(name) for name in ("a", "b", "steps.flip-coin.outputs.result", "c")] == ["inner", "outer", "heads", MISSING]


def test_an_absent_value_is_not_a_missing_name() -> None:
    assert Scope(resolve=flip).get("steps.skipped.outputs.result") is None


def test_expressions_walk_dotted_names_that_only_a_resolver_knows() -> None:
    environment = Scope(resolve=flip).environment()
    assert evaluate("steps['flip-coin'].outputs.result == 'heads'", environment) is True
    assert evaluate("steps['flip-coin']['outputs'].result", environment) == "heads"


def test_what_stands_for_nothing_is_nil_at_the_end_of_its_way() -> None:
    environment = Scope({"workflow.name": "w"}, resolve=flip).environment()
    assert evaluate("tasks.a.outputs.result ?? 'none'", environment) == "none"
    assert evaluate("steps.skipped.outputs.result ?? 'skipped'", environment) == "skipped"
    assert evaluate("workflow.nope", environment) is None
    assert evaluate("tasks?.a == nil", environment) is True


def test_a_name_that_is_a_value_and_a_prefix_is_the_prefix_in_expressions_and_the_value_in_tags() -> None:
    scope = Scope({"inputs.parameters": "[]", "inputs.parameters.x": "1", "inputs.parameters.my-x": "2"})
    assert scope.get("inputs.parameters") == "[]"
    assert evaluate("inputs.parameters['my-x']", scope.environment()) == "2"
    assert go_json(evaluate("inputs.parameters", scope.environment())) == '{"my-x":"2","x":"1"}'


def test_names_with_dots_are_found_by_index() -> None:
    scope = Scope({"workflow.labels.app.kubernetes.io/name": "x"})
    assert evaluate("workflow.labels['app.kubernetes.io/name']", scope.environment()) == "x"


def test_members_of_a_structured_value_are_its_own() -> None:
    environment = Scope({"item": {"key": "v", "list": [1, 2]}, "items": ["a", "b"]}).environment()
    assert evaluate("[item.key, item.list[1], items[0], len(item)]", environment) == ["v", 2, "a", 2]


def test_what_can_be_listed_is_a_map() -> None:
    environment = Scope({"steps.c": "x"}, resolve=flip, prefixes=below_steps).environment()
    assert evaluate("keys(steps) | sort()", environment) == ["c", "flip-coin", "skipped"]
    assert evaluate("'flip-coin' in steps and 'nope' not in steps", environment) is True
    assert len(environment["steps"]) == 3


def test_a_resolver_is_asked_only_for_the_names_on_the_way() -> None:
    asked: list[str] = []

    def resolve(name: str) -> object:
        asked.append(name)
        return MISSING

    evaluate("steps.a.id", Scope({f"x.{i}": "1" for i in range(100)}, resolve=resolve).environment())
    assert asked == ["steps", "steps.a", "steps.a.id"]
