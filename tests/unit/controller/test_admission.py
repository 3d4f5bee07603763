import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tiphys.controller.admission import Admission, Limits
from tiphys.model.base import ObjectMeta
from tiphys.model.spec import WorkflowSpec
from tiphys.model.workflow import Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)


class Desk:
    """An admission and who was let in later."""

    def __init__(self, **limits):
        self.later = []
        self.admission = Admission(self.later.append)
        self.admission.set_limits(Limits(**limits))

    def ask(self, uid, namespace="a", *, priority=None, age=0):
        meta = ObjectMeta(name=uid, uid=uid, namespace=namespace, creation_timestamp=START - timedelta(seconds=age))
        return self.admission.ask(Workflow(metadata=meta, spec=WorkflowSpec(priority=priority)))


def test_without_limits_everybody_begins():
    desk = Desk()
    assert all(desk.ask(str(i)) for i in range(100))


def test_one_waits_until_another_ends():
    desk = Desk(total=1)
    assert desk.ask("first")
    assert not desk.ask("second")
    desk.admission.release("first")
    assert desk.later == ["second"]
    assert desk.ask("second")


def test_asking_twice_counts_once():
    desk = Desk(total=2)
    assert desk.ask("one")
    assert desk.ask("one")
    assert desk.ask("two")
    assert not desk.ask("three")
    assert not desk.ask("three")
    desk.admission.release("one")
    desk.admission.release("two")
    assert desk.later == ["three"]


def test_the_highest_priority_begins_first_then_the_oldest():
    desk = Desk(total=1)
    desk.ask("runs")
    desk.ask("young", age=1)
    desk.ask("old", age=9)
    desk.ask("important", priority=5, age=0)
    desk.ask("unimportant", priority=-1, age=99)
    for uid in ("runs", "important", "old", "young"):
        desk.admission.release(uid)
    assert desk.later == ["important", "old", "young", "unimportant"]


def test_a_newcomer_does_not_pass_those_who_wait():
    desk = Desk(total=1)
    desk.ask("runs")
    desk.ask("waits", age=5)
    desk.admission.count("forced", "a")
    desk.admission.release("runs")
    desk.admission.release("forced")
    assert desk.later == ["waits"]
    assert not desk.ask("late", age=1)


def test_a_full_namespace_does_not_hold_back_another():
    desk = Desk(total=10, each=1)
    assert desk.ask("a1", "a")
    assert not desk.ask("a2", "a", priority=9)
    assert desk.ask("b1", "b")
    desk.admission.release("b1")
    assert desk.later == []
    desk.admission.release("a1")
    assert desk.later == ["a2"]


def test_a_namespace_label_wins_over_the_default():
    desk = Desk(each=1, overrides={"b": 2, "c": 0})
    assert [desk.ask("a1", "a"), desk.ask("a2", "a")] == [True, False]
    assert [desk.ask("b1", "b"), desk.ask("b2", "b"), desk.ask("b3", "b")] == [True, True, False]
    assert all(desk.ask(f"c{i}", "c") for i in range(5))


def test_raising_a_limit_lets_those_in_who_wait():
    desk = Desk(total=1)
    desk.ask("one")
    for i in range(3):
        desk.ask(f"w{i}", age=10 - i)
    desk.admission.set_limits(Limits(total=3))
    assert desk.later == ["w0", "w1"]
    desk.admission.set_limits(Limits())
    assert desk.later == ["w0", "w1", "w2"]


def test_lowering_a_limit_stops_nobody_who_runs():
    desk = Desk(total=3)
    assert [desk.ask("1"), desk.ask("2"), desk.ask("3")] == [True] * 3
    desk.admission.set_limits(Limits(total=1))
    assert not desk.ask("4")
    desk.admission.release("1")
    desk.admission.release("2")
    assert desk.later == []
    desk.admission.release("3")
    assert desk.later == ["4"]


def test_one_that_is_deleted_while_it_waits_takes_no_place():
    desk = Desk(total=1)
    desk.ask("runs")
    desk.ask("gone", age=9)
    desk.ask("next", age=1)
    desk.admission.release("gone")
    desk.admission.release("runs")
    assert desk.later == ["next"]


@pytest.mark.parametrize("seed", range(20))
def test_limits_are_never_exceeded_and_nobody_is_forgotten(seed):
    dice = random.Random(seed)  # noqa: S311 a seeded test
    desk = Desk(total=4, each=2, overrides={"c": 3})
    places = {str(i): dice.choice("abc") for i in range(60)}
    running, ended = set(), set()
    for uid, namespace in places.items():
        if desk.ask(uid, namespace, priority=dice.randint(0, 3), age=dice.randint(0, 99)):
            running.add(uid)
        while running and dice.random() < 0.5:
            done = dice.choice(sorted(running))
            running.remove(done)
            ended.add(done)
            desk.admission.release(done)
            running |= set(desk.later) - ended
        assert len(running) <= 4
        crowd = Counter(map(places.get, running))
        assert crowd["a"] <= 2
        assert crowd["b"] <= 2
        assert crowd["c"] <= 3
    while running:
        done = running.pop()
        ended.add(done)
        desk.admission.release(done)
        running |= set(desk.later) - ended
    assert ended == set(places)
    assert desk.admission.waiting_count == 0
