"""What will run, as far as that can be known, what it needs and how long it takes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tiphys.engine.forecast import Call, forecast, timing
from tiphys.engine.library import Library
from tiphys.engine.needs import needs_of
from tiphys.errors import SpecError
from tiphys.model.parse import parse_workflow
from tiphys.model.workflow import Workflow

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def leaf(name: str, *words: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "container": {"image": "alpine", "command": ["echo", *words]}, **more}


def steps(*groups: list[dict[str, Any]], name: str = "main") -> dict[str, Any]:
    return {"name": name, "steps": list(groups)}


def step(name: str, template: str = "", parameters: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    given = [{"name": key, "value": value} for key, value in (parameters or {}).items()]
    return {"name": name, "template": template or name, "arguments": {"parameters": given}, **more}


def workflow(*templates: dict[str, Any], **spec: Any) -> Workflow:
    return parse_workflow({"metadata": {"name": "w"}, "spec": {"entrypoint": "main", "templates": list(templates), **spec}})


def calls(*templates: dict[str, Any], **spec: Any) -> dict[str, Call]:
    found: dict[str, Call] = {}

    def note(call: Call) -> None:
        found[call.id] = call
        for inner in call.calls:
            note(inner)

    for call in forecast(workflow(*templates, **spec), Library(), NOW):
        note(call)
    return found


def test_steps_wait_for_the_group_before_them() -> None:
    made = calls(steps([step("a"), step("b")], [step("c")]), leaf("a"), leaf("b"), leaf("c"))
    assert (made["main.a"].after, made["main.c"].after) == ((), ("main.a", "main.b"))


def test_tasks_wait_for_those_they_depend_on_and_only_the_target_s_are_called() -> None:
    tasks = [step("a"), step("b", "a", depends="a"), step("c", "a", depends="b.Failed")]
    dag = {"name": "main", "dag": {"target": "b", "tasks": tasks}}
    made = calls(dag, leaf("a"))
    assert made["main.b"].after == ("main.a",)
    assert "main.c" not in made


def test_values_are_resolved_as_far_as_they_are_known() -> None:
    spec = {"arguments": {"parameters": [{"name": "who", "value": "you"}]}}
    say = leaf("say", "{{inputs.parameters.x}} {{workflow.parameters.who}}", inputs={"parameters": [{"name": "x"}]})
    made = calls(steps([step("a")], [step("say", parameters={"x": "{{steps.a.outputs.result}}"})]), leaf("a"), say, **spec)
    container = made["main.say"].template.container
    assert container is not None
    assert container["command"] == ["echo", "{{steps.a.outputs.result}} you"]
    assert made["main.say"].unknown == ("steps.a.outputs.result",)


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [("1 == 1", True), ("{{workflow.parameters.on}} == yes", False), ("{{steps.a.outputs.result}} == 1", None), ("", True)],
)
def test_conditions_are_decided_where_that_is_possible(condition: str, verdict: bool | None) -> None:
    spec = {"arguments": {"parameters": [{"name": "on", "value": "no"}]}}
    made = calls(steps([step("a")], [step("b", "a", when=condition)]), leaf("a"), **spec)
    assert made["main.b"].verdict is verdict


@pytest.mark.parametrize(
    ("loop", "count"),
    [
        ({"withItems": [1, 2, 3]}, 3),
        ({"withSequence": {"count": "4"}}, 4),
        ({"withParam": "{{workflow.parameters.list}}"}, 2),
        ({"withParam": "{{steps.a.outputs.result}}"}, None),
        ({}, 1),
    ],
)
def test_loops_are_counted_where_that_is_possible(loop: dict[str, Any], count: int | None) -> None:
    spec = {"arguments": {"parameters": [{"name": "list", "value": "[1,2]"}]}}
    made = calls(steps([step("a")], [step("b", "a", **loop)]), leaf("a"), **spec)
    assert made["main.b"].count == count


def test_recursion_is_not_followed_for_ever() -> None:
    made = calls(steps([step("again", "main", when="{{workflow.name}} == w")]))
    assert made["main.again"].is_recursive


def test_the_exit_handler_is_planned_too() -> None:
    assert calls(leaf("main"), leaf("bye"), onExit="bye")["onExit"].template_name == "bye"


def test_too_much_is_refused() -> None:
    fan = [leaf("leaf"), *({"name": f"t{n}", "steps": [[step(f"s{i}", f"t{n - 1}" if n else "leaf") for i in range(10)]]} for n in range(5))]
    with pytest.raises(SpecError, match="too much to plan"):
        calls(*fan, entrypoint="t4")


def test_what_it_needs_is_listed_for_what_may_run() -> None:
    env = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s1", "key": "k"}}},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "k"}}},
    ]
    work = {"name": "work", "container": {"image": "i1", "command": ["x"], "env": env, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}}
    job = {"name": "job", "resource": {"action": "create", "manifest": "kind: Job"}}
    never = {"name": "never", "container": {"image": "i2", "command": ["x"]}}
    main = steps([step("work"), step("job"), step("never", when="1 == 2")])
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "p1"}}, {"name": "unused", "secret": {"secretName": "s3"}}]
    whole = workflow(main, work, job, never, volumes=volumes, imagePullSecrets=[{"name": "s2"}], serviceAccountName="me")
    needs = needs_of(whole.spec, forecast(whole, Library(), NOW))
    assert (needs.images, needs.secrets, needs.config_maps, needs.claims) == (("i1",), ("s1", "s2"), ("c1",), ("p1",))
    assert (needs.accounts, [str(right) for right in needs.rights]) == (("me",), ["me: create Job"])


def test_time_and_peaks_follow_what_waits_for_what() -> None:
    def big(name: str) -> dict[str, Any]:
        resources = {"requests": {"cpu": "500m", "memory": "1Gi"}}
        return {"name": name, "container": {"image": "x", "command": ["x"], "resources": resources}}

    whole = workflow(steps([step("a"), step("b", withItems=[1, 2, 3])], [step("c")]), big("a"), big("b"), big("c"))
    made = timing(forecast(whole, Library(), NOW), {"a": 10, "b": 2, "c": 5})
    assert (made.seconds, made.critical, made.pods, made.cpu, made.memory) == (15, ("main.a", "main.c"), 4, 2.0, 4 * 2**30)
    assert not made.is_least
    limited = timing(forecast(whole, Library(), NOW), {"a": 10, "b": 2, "c": 5}, parallelism=1)
    assert (limited.pods, limited.seconds) == (1, 21)


def test_steps_of_which_it_is_known_that_they_took_no_whole_second_are_counted_and_end_the_way() -> None:
    whole = workflow(steps([step("a")], [step("b", withItems=[1, 2, 3])]), leaf("a"), leaf("b"))
    made = timing(forecast(whole, Library(), NOW), {"a": 2, "b": 0})
    assert (round(made.seconds), made.critical, made.pods) == (2, ("main.a", "main.b"), 3)


def test_items_that_are_written_out_are_no_tags_that_only_a_run_can_resolve() -> None:
    made = calls(
        steps([step("a", parameters={"image": "{{item.image}}", "x": "{{item.tag}}"}, withItems=[
            {"image": "debian", "tag": 9}, {"image": "alpine", "tag": "3.6"}, {"image": "debian", "tag": 9},
        ])]),
        {"name": "a", "inputs": {"parameters": [{"name": "image"}, {"name": "x"}]},
         "container": {"image": "{{inputs.parameters.image}}:{{inputs.parameters.x}}", "command": ["{{workflow.uid}}"]}},
    )["main.a"]  # fmt: skip
    assert (made.count, made.unknown) == (3, ("workflow.uid",))
    images = [(one.container or {})["image"] for one in (made.template, *made.others)]
    assert images == ["debian:9", "alpine:3.6"]


def test_what_is_not_known_makes_figures_the_least() -> None:
    whole = workflow(steps([step("a")], [step("b", "a", withParam="{{steps.a.outputs.result}}")]), leaf("a"))
    assert timing(forecast(whole, Library(), NOW), {}).is_least
