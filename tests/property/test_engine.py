"""Laws of the engine, for any workflow of the random maker and any order of what happens to it."""

import random
from collections import deque

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tiphys.engine.actions import CollectNode, StartNode
from tiphys.engine.dag import plan_of
from tiphys.engine.events import Event, NodeReported, Restored, Woke
from tiphys.engine.run import Run
from tiphys.expr.depends import Outcome, from_dependencies, parse_depends
from tiphys.model.parse import parse_as, parse_workflow, to_json
from tiphys.model.phases import FULFILLED, POD
from tiphys.model.report import NodeReport
from tiphys.model.template import DAGTemplate
from tiphys.testing.invariants import check_counters, check_end, end_of
from tiphys.testing.random_spec import SpecMaker
from tiphys.testing.simulation import fresh_locks, outcome
from tiphys.testing.world import START, merge

SEEDS = st.integers(0, 10**9)
ORDERS = st.integers(0, 10**9)
EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True)


class Life:
    """A run whose pods end in the order of a seed."""

    def __init__(self, seed: int, order: int) -> None:
        workflow = parse_workflow({"metadata": {"name": "w", "namespace": "ns", "uid": "u"}, "spec": SpecMaker(seed).make()})
        self.random = random.Random(order)  # noqa: S311 an order must be made again
        self.run = Run(workflow)
        self.stored = to_json(workflow)
        self.now = START
        self.waiting: dict[str, StartNode] = {}
        self.reports: dict[str, NodeReport] = {}
        self.answers: deque[Event] = deque()
        self.shared = fresh_locks(self.answers.append)
        self.take(Restored())

    def take(self, event: Event) -> None:
        self.handle(event)
        while self.answers:
            self.handle(self.answers.popleft())

    def handle(self, event: Event) -> None:
        for action in self.run.handle(event, self.now):
            if isinstance(action, StartNode) and action.order.node_id not in self.reports:
                self.waiting[action.order.node_id] = action
            elif isinstance(action, CollectNode):
                self.reports.pop(action.node_id, None)
            else:
                self.shared.answer(action, self.run.workflow, self.now)
        patch = self.run.take_patch() or {}
        merge(self.stored, patch)
        if "synchronization" in patch.get("status", {}):
            self.shared.stored(parse_workflow(self.stored))

    def step(self) -> bool:
        if self.waiting:
            action = self.waiting.pop(self.random.choice(list(self.waiting)))
            report = msgspec.structs.replace(outcome(action.order), finished_at=self.now)
            if action.order.template.daemon:
                report = NodeReport(node_id=action.order.node_id, phase="Running", ready=True)
            self.reports[report.node_id] = report
            self.take(NodeReported(report))
        elif not self.run.is_finished and self.run.next_wake is not None:
            self.now = max(self.now, self.run.next_wake)
            self.take(Woke())
        else:
            return False
        if not self.run.is_finished:
            check_counters(self.run)
        return True

    def restore(self) -> None:
        stored = parse_workflow(self.stored)
        self.run = Run(stored)
        self.shared = fresh_locks(self.answers.append)
        self.shared.stored(stored)
        self.take(Restored(tuple(self.reports.values())))

    def play(self) -> "Life":
        while self.step():
            pass
        check_end(self.stored["status"], [], collects=False)
        return self


@EXAMPLES
@given(SEEDS, ORDERS, ORDERS)
def test_any_order_of_the_same_reports_gives_the_same_end(seed, one, other):
    assert end_of(Life(seed, one).play().stored["status"]) == end_of(Life(seed, other).play().stored["status"])


@EXAMPLES
@given(SEEDS, ORDERS, st.floats(0.05, 1.0))
def test_restoring_after_any_prefix_of_events_equals_having_lived_through_it(seed, order, often):
    lived, restored = Life(seed, order).play(), Life(seed, order)
    dice = random.Random(order)  # noqa: S311 an order must be made again
    while restored.step():
        if dice.random() < often:
            restored.restore()
    assert end_of(restored.stored["status"]) == end_of(lived.stored["status"])


@EXAMPLES
@given(SEEDS, ORDERS)
def test_the_same_event_twice_changes_nothing(seed, order):
    life = Life(seed, order)
    while life.step():
        if life.reports:
            before, waiting = life.run.snapshot(), set(life.waiting)
            life.take(NodeReported(life.random.choice(list(life.reports.values()))))
            assert life.run.snapshot() == before
            assert set(life.waiting) == waiting


@EXAMPLES
@given(SEEDS, ORDERS)
def test_sums_equal_a_full_recount(seed, order):
    life = Life(seed, order)
    while life.step():
        pods = [node for node in life.run.tree if node.type in (POD, "Suspend")]
        done = sum(int(node.progress.partition("/")[0]) for node in pods)
        total = sum(int(node.progress.partition("/")[2]) for node in pods)
        assert life.run.status.progress in (f"{done}/{total}", "" if not total else None)


@EXAMPLES
@given(SEEDS, ORDERS)
def test_what_was_written_is_what_is_known_and_reads_back_as_it_was(seed, order):
    life = Life(seed, order).play()
    known = life.run.snapshot()
    assert parse_workflow(life.stored).status == known.status
    assert parse_workflow(to_json(known)) == known


PHASES = ["Succeeded", "Failed", "Error", "Skipped", "Omitted"]


def fine(phase: str, result: str) -> bool:
    wanted = {"": ("Succeeded", "Skipped"), "Errored": ("Error",)}.get(result, (result,))
    return phase in wanted


def brute_force(text: str, phases: dict[str, str]) -> bool:
    """The condition by Python's own evaluation of every name replaced by its truth."""
    for name, phase in phases.items():
        for result in ("Succeeded", "Failed", "Errored", "Skipped", "Omitted"):
            text = text.replace(f"{name}.{result}", str(fine(phase, result)))
        text = text.replace(name, str(fine(phase, "")))
    return bool(eval(text.replace("&&", " and ").replace("||", " or ").replace("!", " not "), {}))  # noqa: S307 its text is ours


NAMES = st.sampled_from(["ta", "tb", "tc"])
TERMS = st.builds(lambda name, result: name + result, NAMES, st.sampled_from(["", ".Succeeded", ".Failed", ".Errored", ".Skipped", ".Omitted"]))
CONDITIONS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner), st.builds("({} || {})".format, inner, inner), st.builds("!({})".format, inner)
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(CONDITIONS, st.tuples(*[st.sampled_from(PHASES)] * 3))
def test_readiness_equals_a_brute_force_reference(text, ends):
    phases = dict(zip(["ta", "tb", "tc"], ends, strict=True))
    outcomes = {
        name: Outcome(
            succeeded=phase == "Succeeded", failed=phase == "Failed", errored=phase == "Error", skipped=phase == "Skipped",
            omitted=phase == "Omitted",
        )
        for name, phase in phases.items()
    }  # fmt: skip
    assert parse_depends(text, list(phases)).evaluate(outcomes.__getitem__) == brute_force(text, phases)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 11), max_size=3), min_size=1, max_size=12))
def test_a_plan_orders_tasks_after_what_they_wait_for_and_knows_who_waits(edges):
    tasks = [
        {"name": f"t{i}", "template": "x", "dependencies": sorted({f"t{j}" for j in waits if j < i})} for i, waits in enumerate(edges)
    ]
    plan = plan_of(parse_as(DAGTemplate, {"tasks": tasks}))
    order = plan.needed(list(plan.tasks))
    assert sorted(order) == sorted(plan.tasks)
    for task in tasks:
        for other in task["dependencies"]:
            assert order.index(other) < order.index(task["name"])
            assert task["name"] in plan.dependants[other]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), st.tuples(*[st.sampled_from(PHASES)] * 3), st.booleans(), st.booleans())
def test_dependencies_mean_what_their_condition_says(names, ends, after_error, after_failure):
    phases = dict(zip(["ta", "tb", "tc"], ends, strict=True))
    text = from_dependencies(names, lambda _: (after_error, after_failure))
    covered = {"Succeeded", "Skipped"} | ({"Error"} if after_error else set()) | ({"Failed"} if after_failure else set())
    assert brute_force(text.replace(".Daemoned", ".Succeeded"), phases) == all(phases[name] in covered for name in names)


def test_phases_that_end_are_the_ones_that_the_laws_know():
    assert set(PHASES) == FULFILLED
