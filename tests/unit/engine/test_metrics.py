import pytest

from tiphys.engine.actions import EmitMetric
from tiphys.engine.events import MetricRefused
from tiphys.testing.world import World


def step(metrics, body="container: {image: i}", more=""):
    return f"entrypoint: a\n{more}templates:\n- {{name: a, {body}, metrics: {{prometheus: {metrics}}}}}\n"


def emitted(spec, behave=lambda _: {}, **options):
    world = World(spec, behave, **options).play()
    return world, [action for action in world.actions if isinstance(action, EmitMetric)]


def conditions(world):
    return {one["type"]: one for one in world.stored["status"].get("conditions", ())}


COUNTER = "[{name: done, help: h, labels: [{key: phase, value: '{{status}}'}], counter: {value: '1'}}]"


@pytest.mark.parametrize("restores", [False, True])
def test_a_counter_is_emitted_once_when_its_node_ends(restores):
    _, found = emitted(step(COUNTER), restores=restores)
    assert found == [EmitMetric(name="done", help="h", kind="counter", labels=(("phase", "Succeeded"),), value=1.0)]


def test_values_know_duration_outputs_inputs_and_the_workflow():
    metrics = ("[{name: took, help: 'of {{workflow.name}}', gauge: {value: '{{duration}}'}},"
               " {name: said, help: h, labels: [{key: p, value: '{{inputs.parameters.p}}'}], gauge: {value: '{{outputs.result}}', operation: Add}},"
               " {name: code, help: h, histogram: {value: '{{exitCode}}', buckets: [1, 2.5]}}]")  # fmt: skip
    spec = ("entrypoint: a\narguments: {parameters: [{name: p, value: x}]}\ntemplates:\n"
            "- {name: a, steps: [[{name: s, template: t, arguments: {parameters: [{name: p, value: x}]}}],"
            " [{name: u, template: read, arguments: {parameters: [{name: r, value: '{{steps.s.outputs.result}}'}]}}]]}\n"
            f"- {{name: t, inputs: {{parameters: [{{name: p}}]}}, container: {{image: i}}, metrics: {{prometheus: {metrics}}}}}\n"
            "- {name: read, inputs: {parameters: [{name: r}]}, container: {image: i}}\n")  # fmt: skip
    _, found = emitted(spec, lambda order: {"seconds": 3, "result": "42" if order.wants_result else None})
    took, said, code = found
    assert (took.help, took.value) == ("of hello", 3.0)
    assert (said.labels, said.value, said.operation) == ((("p", "x"),), 42.0, "Add")
    assert (code.kind, code.value, code.buckets) == ("histogram", 0.0, (1.0, 2.5))


def test_a_condition_chooses_when():
    metrics = "[{name: bad, help: h, when: '{{status}} == Failed', counter: {value: '1'}}]"
    assert emitted(step(metrics))[1] == []
    assert len(emitted(step(metrics), lambda _: {"phase": "Failed", "exit_code": 1})[1]) == 1


def test_attempts_and_their_retry_node_are_counted():
    spec = step(COUNTER, "container: {image: i}, retryStrategy: {limit: '1'}")
    _, found = emitted(spec, lambda _: {"phase": "Failed", "exit_code": 1})
    assert [dict(one.labels)["phase"] for one in found] == ["Failed", "Failed", "Failed"]


def test_a_node_that_was_skipped_ran_no_template():
    spec = ("entrypoint: a\ntemplates:\n- {name: a, steps: [[{name: s, template: t, when: '1 == 2'}]]}\n"
            f"- {{name: t, container: {{image: i}}, metrics: {{prometheus: {COUNTER}}}}}\n")  # fmt: skip
    assert emitted(spec)[1] == []


REALTIME = "[{name: live, help: h, gauge: {realtime: true, value: '{{duration}}'}}]"


@pytest.mark.parametrize("restores", [False, True])
def test_a_realtime_gauge_begins_with_the_node_and_stops_with_it(restores):
    _, found = emitted(step(REALTIME), lambda _: {"seconds": 5}, restores=restores)
    assert found[0].since is not None
    assert found[0].until is None
    assert found[-1].until is not None
    assert (found[-1].until - found[-1].since).total_seconds() == 5


def test_workflow_metrics_come_at_the_end_and_know_its_status():
    metrics = ("[{name: w, help: h, labels: [{key: s, value: '{{workflow.status}}'}], gauge: {value: '{{workflow.duration}}'}},"
               " {name: cpu, help: h, counter: {value: '{{workflow.resourcesDuration.cpu}}'}},"
               " {name: live, help: h, gauge: {realtime: true, value: '{{workflow.duration}}'}}]")  # fmt: skip
    spec = f"entrypoint: a\nmetrics: {{prometheus: {metrics}}}\ntemplates: [{{name: a, container: {{image: i}}}}]\n"
    _, found = emitted(spec, lambda _: {"seconds": 4, "resources_duration": {"cpu": 7}})
    by_name = {one.name: one for one in found}
    assert (by_name["w"].value, by_name["w"].labels) == (4.0, (("s", "Succeeded"),))
    assert by_name["cpu"].value == 7.0
    assert [one.until is None for one in found if one.name == "live"] == [True, False]


WRONG = {
    "an unknown variable": ("[{name: m, help: h, gauge: {value: '{{nope}}'}}]", "unable to emit metric 'm': "),
    "no number": ("[{name: m, help: h, gauge: {value: many}}]", "unable to emit metric 'm': value 'many' is no number"),
    "a computed name that is none": ("[{name: 'a{{workflow.name}}:', help: h, gauge: {value: '1'}}]", "is invalid"),
    "a realtime value of another kind": (
        "[{name: m, help: h, gauge: {realtime: true, value: '{{workflow.duration}}'}}]",
        "unable to emit metric 'm': 'workflow.duration' is not available as a real time metric"),
    "a realtime value that is no variable": (
        "[{name: m, help: h, gauge: {realtime: true, value: '5'}}]", "real time metrics can only be used with metric variables"),
}  # fmt: skip


@pytest.mark.parametrize(("metrics", "message"), WRONG.values(), ids=WRONG)
def test_a_metric_that_cannot_be_emitted_fails_nothing_and_is_told(metrics, message):
    from tiphys.errors import SpecError

    try:
        world, found = emitted(step(metrics))
    except SpecError:
        pytest.fail("a metric must not raise")
    if world.phase == "Failed":
        assert "metric name" in world.message
        return
    assert world.phase == "Succeeded"
    assert found == []
    assert message in conditions(world)["MetricsError"]["message"]
    assert conditions(world)["MetricsError"]["status"] == "True"


def test_several_faults_are_joined_also_after_the_end():
    world, _ = emitted(step("[{name: m, help: h, gauge: {value: many}}, {name: n, help: h, gauge: {value: few}}]"))
    world.send(MetricRefused("and one more"))
    world.send(MetricRefused("and one more"))
    parts = conditions(world)["MetricsError"]["message"].split(", ")
    assert len(parts) == 3
    assert parts[-1] == "and one more"
