"""Retries by rule: where attempts run, how long all of them may take, what they may read."""

import itertools

import pytest

from tiphys.engine.premises import Premises
from tiphys.testing.world import World

FAILS = {"phase": "Failed", "message": "main: Error (exit code 3)", "exit_code": 3}


def retried(strategy: str, more: str = "") -> str:
    return f"""
entrypoint: main
templates:
- name: main
  {more}
  steps: [[{{name: s, template: a}}]]
- name: a
  retryStrategy: {strategy}
  podSpecPatch: '{{"containers": [{{"name": "main", "env": [{{"name": "N", "value": "{{{{retries}}}}/{{{{lastRetry.exitCode}}}}/{{{{lastRetry.status}}}}"}}]}}]}}'
  container: {{image: i, command: [a], args: ["{{{{retries}}}}", "{{{{lastRetry.message}}}}"]}}
"""


def failing(host: bool = True):
    count = iter(range(100))
    return lambda _order: {**FAILS, "host_node_name": f"h{next(count)}"} if host else FAILS


def test_attempts_keep_off_the_hosts_where_others_failed():
    world = World(retried("{limit: 2, affinity: {nodeAntiAffinity: {}}}"), failing()).play()
    assert [order.avoid_hosts for order in world.orders] == [(), ("h0",), ("h0", "h1")]
    assert [order.avoid_hosts for order in World(retried("{limit: 2}"), failing()).play().orders] == [(), (), ()]


def test_pods_inside_retried_steps_keep_off_the_hosts_where_pods_of_attempts_failed():
    spec = """
entrypoint: main
templates:
- {name: main, retryStrategy: {limit: 1, affinity: {nodeAntiAffinity: {}}}, steps: [[{name: s, template: a}]]}
- {name: a, container: {image: i}}
"""
    world = World(spec, failing()).play()
    assert [(order.node_name, order.avoid_hosts) for order in world.orders] == [("hello(0)[0].s", ()), ("hello(1)[0].s", ("h0",))]


def test_max_duration_is_the_deadline_of_attempts_after_the_first():
    world = World(retried("{limit: 3, backoff: {duration: 1s, maxDuration: 60s}}"), lambda _: {**FAILS, "seconds": 25}).play()
    start = world.node("hello[0].s(0)").started_at
    assert world.orders[0].deadline is None
    assert {(order.deadline - start).total_seconds() for order in world.orders[1:]} == {60}
    assert world.node("hello[0].s").message == "Max duration limit exceeded"


def test_a_patch_and_arguments_may_read_what_came_before():
    world = World(retried("{limit: 1}"), lambda _: FAILS).play()
    assert [order.template.container["args"] for order in world.orders] == [["0", ""], ["1", "main: Error (exit code 3)"]]
    assert '"1/3/Failed"' in world.orders[1].template.pod_spec_patch


@pytest.mark.parametrize(
    ("strategy", "behaviour", "attempts", "message"),
    [
        ("{limit: 0}", FAILS, 1, "No more retries left"),
        ("{limit: '2'}", FAILS, 3, "No more retries left"),
        ("{limit: 5, retryPolicy: OnError}", FAILS, 1, "main: Error (exit code 3)"),
        ("{limit: 1, retryPolicy: OnError}", {"phase": "Error", "message": "lost"}, 2, "No more retries left"),
        ("{limit: 5, retryPolicy: OnFailure}", {"phase": "Error", "message": "lost"}, 1, "lost"),
        ("{limit: 5, retryPolicy: OnTransientError}", FAILS, 1, "main: Error (exit code 3)"),
        ("{limit: 1, retryPolicy: OnTransientError}", {"phase": "Error", "message": "dial tcp: i/o timeout"}, 2, "No more retries left"),
        ("{limit: 5, expression: 'asInt(lastRetry.exitCode) != 3'}", FAILS, 1, "retryStrategy.expression evaluated to false"),
        ("{limit: 5, expression: 'asInt(retries) < 2'}", FAILS, 3, "retryStrategy.expression evaluated to false"),
        ("{limit: 5, backoff: {duration: 10s, maxDuration: 15s}}", FAILS, 2, "Backoff would exceed max duration limit"),
    ],
)
def test_when_there_is_another_attempt(strategy, behaviour, attempts, message):
    world = World(retried(strategy), lambda _: behaviour).play()
    assert (len(world.orders), world.node("hello[0].s").message) == (attempts, message)


def test_the_administrator_says_what_else_is_transient():
    strategy, quota = retried("{limit: 1, retryPolicy: OnTransientError}"), {"phase": "Failed", "message": "the licence server is busy (7)"}
    assert len(World(strategy, lambda _: quota).play().orders) == 1
    premises = Premises(transient_error_pattern=r"busy \(\d+\)|out of licences")
    assert len(World(strategy, lambda _: quota, premises=premises).play().orders) == 2


def test_back_off_grows_by_its_factor_up_to_its_cap():
    world = World(retried("{limit: 4, backoff: {duration: 10s, factor: 2, cap: 30s}}"), lambda _: FAILS).play()
    starts = [world.node(f"hello[0].s({i})").started_at for i in range(5)]
    assert [(b - a).total_seconds() for a, b in itertools.pairwise(starts)] == [10, 20, 30, 30]


def test_without_a_limit_nothing_waits():
    count = iter(range(10))
    world = World(retried("{backoff: {duration: 10s}}"), lambda _: FAILS if next(count) < 3 else {}).play()
    assert world.phase == "Succeeded"
    assert world.node("hello[0].s").finished_at == world.node("hello[0].s").started_at


def test_the_workflows_strategy_counts_for_every_template_that_has_none():
    spec = "entrypoint: main\nretryStrategy: {limit: 1}\ntemplates:\n- {name: main, steps: [[{name: s, template: a}]]}\n- {name: a, container: {image: i}}"
    world = World(spec, lambda _: FAILS).play()
    assert set(world.phases()) == {"hello", *(f"hello({i}){part}" for i in (0, 1) for part in ("", "[0]", "[0].s", "[0].s(0)", "[0].s(1)"))}


def test_a_pending_timeout_is_the_groups_message_too():
    spec = "entrypoint: main\ntemplates:\n- {name: main, steps: [[{name: s, template: a}]]}\n- {name: a, pendingTimeout: 5s, container: {image: i}}"
    world = World(spec)
    world._events.clear()
    world.play()
    assert (world.node("hello[0].s").message, world.node("hello[0]").message, world.message) == ("timeout", "timeout", "timeout")
