"""One schedule through its life: slots, policies, conditions, counting, history, what was missed. Pure: time is an argument."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tiphys.engine.cron import actions as act
from tiphys.engine.cron.cron_run import CronRun
from tiphys.model.names import ANNOTATION_CATCH_UP, ANNOTATION_CATCH_UP_LIMIT, ANNOTATION_LAST_SCHEDULE, LABEL_CRON_COMPLETED
from tiphys.model.parse import parse_as
from tiphys.model.workflow import CronWorkflow

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "i", "command": ["a"]}}]}


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def a_cron(status: dict[str, Any] | None = None, annotations: dict[str, str] | None = None, **spec: Any) -> CronWorkflow:
    return parse_as(
        CronWorkflow,
        {
            "metadata": {
                "name": "hello", "namespace": "argo", "uid": "cron-uid", "labels": {"workflows.argoproj.io/creator": "me", "other": "x"},
                "annotations": annotations or {},
            },
            "spec": {"schedules": ["* * * * *"], "workflowSpec": SPEC, **spec},
            "status": status or {},
        },
    )  # fmt: skip


def a_child(slot: datetime, phase: str = "Running", *, uid: str = "", finished_at: datetime | None = None) -> act.Child:
    done = phase in ("Succeeded", "Failed", "Error")
    name = f"hello-{int(slot.timestamp())}"
    return act.Child(
        name=name, uid=uid or name, phase=phase, is_completed=done, slot=slot, owner_uid="cron-uid", finished_at=finished_at or slot
    )


class World:
    """Drives one schedule and answers what it asks."""

    def __init__(self, cron: CronWorkflow, at: datetime = NOON, children: tuple[act.Child, ...] = ()) -> None:
        self.run = CronRun(UTC)
        self.submitted: list[datetime] = []
        self.terminated: list[str] = []
        self.deleted: list[str] = []
        self.fired: list[str] = []
        self.wake: datetime | None = None
        self.patches: list[dict[str, Any]] = []
        self.refusal = ""
        for child in children:
            self.send(act.ChildSeen(child), at)
        self.send(act.CronChanged(cron), at)

    def send(self, event: act.CronEvent, at: datetime) -> None:
        todo = self.run.handle(event, at)
        for action in todo:
            match action:
                case act.SubmitChild(slot):
                    self.submitted.append(slot)
                    answer: act.CronEvent = act.ChildSubmitted(slot, a_child(slot))
                    if self.refusal:
                        answer = act.SubmissionFailed(slot, self.refusal)
                    self.send(answer, at)
                case act.TerminateChild(name):
                    self.terminated.append(name)
                case act.DeleteChild(name):
                    self.deleted.append(name)
                case act.CronWakeAt(when):
                    self.wake = when
                case act.WriteCron(patch):
                    self.patches.append(patch)
                case act.Fired(what, policy):
                    self.fired.append(f"{what} {policy}".strip())

    def tick(self, at: datetime) -> None:
        self.send(act.CronWoke(), at)

    @property
    def status(self) -> Any:
        return self.run.cron.status

    def conditions(self) -> dict[str, str]:
        return {condition.type: condition.message for condition in self.status.conditions}


def test_a_slot_runs_once_when_it_comes() -> None:
    world = World(a_cron(), minutes(0.5))
    assert (world.submitted, world.wake) == ([], minutes(1))
    world.tick(minutes(1))
    world.tick(minutes(1.2))
    assert world.submitted == [minutes(1)]
    assert world.status.last_scheduled_time == minutes(1)
    assert world.status.phase == "Active"
    assert [reference["name"] for reference in world.status.active] == [f"hello-{int(minutes(1).timestamp())}"]
    assert world.fired == ["triggered"]


def test_the_child_is_named_after_its_slot_and_belongs_to_the_schedule() -> None:
    run = CronRun(UTC)
    cron = a_cron(workflowMetadata={"labels": {"team": "a"}, "annotations": {"note": "n"}, "finalizers": ["x/y"]})
    run.handle(act.CronChanged(cron), NOON)
    submit = next(action for action in run.handle(act.CronWoke(), minutes(1)) if isinstance(action, act.SubmitChild))
    meta = submit.workflow.metadata
    assert meta.name == f"hello-{int(minutes(1).timestamp())}"
    assert meta.labels == {
        "workflows.argoproj.io/cron-workflow": "hello", "workflows.argoproj.io/creator": "me", "team": "a",
    }  # fmt: skip
    assert meta.annotations == {"workflows.argoproj.io/scheduled-time": "2026-11-24T12:01:00Z", "note": "n"}
    assert meta.finalizers == ("x/y",)
    assert (meta.owner_references[0].uid, meta.owner_references[0].controller) == ("cron-uid", True)


def test_two_schedules_that_meet_make_one_child() -> None:
    world = World(a_cron(schedules=["0 * * * *", "*/30 * * * *"]))
    world.tick(minutes(30))
    world.tick(minutes(60))
    assert world.submitted == [minutes(30), minutes(60)]


def test_the_schedule_used_is_remembered_on_the_object() -> None:
    world = World(a_cron(schedules=["0 1 * * *", "0 2 * * *"], timezone="Europe/Paris"))
    assert world.patches[0]["metadata"]["annotations"] == {
        ANNOTATION_LAST_SCHEDULE: "CRON_TZ=Europe/Paris 0 1 * * *,CRON_TZ=Europe/Paris 0 2 * * *"
    }


def test_another_schedule_forgets_the_last_run() -> None:
    known = {ANNOTATION_LAST_SCHEDULE: "0 0 * * *"}
    world = World(a_cron({"lastScheduledTime": "2026-11-24T11:00:00Z"}, known, startingDeadlineSeconds=100_000))
    assert (world.submitted, world.status.last_scheduled_time) == ([], None)


@pytest.mark.parametrize("spec", [{"suspend": True}, {"when": "1 == 2"}])
def test_what_is_suspended_or_not_wanted_does_not_run(spec: dict[str, Any]) -> None:
    world = World(a_cron(**spec))
    world.tick(minutes(1))
    assert world.submitted == []


def test_a_stopped_schedule_does_not_run() -> None:
    world = World(a_cron({"phase": "Stopped"}))
    world.tick(minutes(1))
    assert world.submitted == []


def test_forbid_lets_nothing_run_beside_an_active_child() -> None:
    world = World(a_cron(concurrencyPolicy="Forbid"))
    world.tick(minutes(1))
    world.tick(minutes(2))
    assert world.submitted == [minutes(1)]
    world.send(act.ChildSeen(a_child(minutes(1), "Succeeded")), minutes(2.5))
    world.tick(minutes(3))
    assert world.submitted == [minutes(1), minutes(3)]
    assert "policy Forbid" in world.fired


def test_replace_terminates_what_is_active_and_goes_on() -> None:
    world = World(a_cron(concurrencyPolicy="Replace"))
    world.tick(minutes(1))
    world.tick(minutes(2))
    assert world.terminated == [f"hello-{int(minutes(1).timestamp())}"]
    assert world.submitted == [minutes(1), minutes(2)]


def test_when_sees_the_last_run() -> None:
    world = World(a_cron(when="{{= cronworkflow.lastScheduledTime == nil }}"))
    world.tick(minutes(1))
    world.tick(minutes(2))
    assert world.submitted == [minutes(1)]


def test_a_broken_when_is_told_in_a_condition() -> None:
    world = World(a_cron(when="1 +"))
    world.tick(minutes(1))
    assert world.submitted == []
    assert world.conditions()["SubmissionError"].startswith("run policy error: ")


def test_a_refused_submission_counts_as_a_failure_and_is_forgotten_by_the_next_good_one() -> None:
    world = World(a_cron())
    world.refusal = "no quota"
    world.tick(minutes(1))
    assert world.conditions() == {"SubmissionError": "Failed to submit Workflow: no quota"}
    assert world.status.failed == 1
    world.refusal = ""
    world.tick(minutes(2))
    assert world.conditions() == {}


def test_children_that_end_are_counted_once() -> None:
    world = World(a_cron())
    world.tick(minutes(1))
    done = act.ChildSeen(a_child(minutes(1), "Succeeded"))
    world.send(done, minutes(1.5))
    world.send(done, minutes(1.6))
    assert (world.status.succeeded, world.status.failed, world.status.active) == (1, None, ())


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_failed_and_errored_children_count_as_failed(phase: str) -> None:
    world = World(a_cron())
    world.tick(minutes(1))
    world.send(act.ChildSeen(a_child(minutes(1), phase)), minutes(1.5))
    assert world.status.failed == 1


def test_a_child_that_vanished_just_leaves() -> None:
    world = World(a_cron())
    world.tick(minutes(1))
    world.send(act.ChildGone(a_child(minutes(1)).uid), minutes(1.5))
    assert (world.status.active, world.status.succeeded, world.status.failed) == ((), None, None)


def test_a_child_that_ended_before_anybody_wrote_it_down_is_counted_once() -> None:
    known = {ANNOTATION_LAST_SCHEDULE: "* * * * *"}
    cron = a_cron({"lastScheduledTime": "2026-11-24T11:58:00Z"}, known)
    world = World(cron, NOON, (a_child(minutes(-1), "Succeeded"),))
    assert (world.status.succeeded, world.status.last_scheduled_time) == (1, minutes(-1))
    again = World(world.run.cron, NOON, (a_child(minutes(-1), "Succeeded"),))
    assert again.status.succeeded == 1


def test_a_running_child_that_nobody_wrote_down_is_noted() -> None:
    world = World(a_cron(), NOON, (a_child(minutes(-1)),))
    assert [reference["uid"] for reference in world.status.active] == [a_child(minutes(-1)).uid]


def test_the_stop_expression_ends_the_schedule() -> None:
    world = World(a_cron(stopStrategy={"expression": "cronworkflow.succeeded >= 1"}))
    world.tick(minutes(1))
    world.send(act.ChildSeen(a_child(minutes(1), "Succeeded")), minutes(1.5))
    assert world.status.phase == "Stopped"
    assert world.run.cron.metadata.labels[LABEL_CRON_COMPLETED] == "true"
    world.tick(minutes(2))
    assert world.submitted == [minutes(1)]


def test_a_broken_stop_expression_is_told_and_nothing_runs() -> None:
    world = World(a_cron(stopStrategy={"expression": "cronworkflow.name"}))
    world.tick(minutes(1))
    assert world.submitted == []
    assert world.conditions()["SpecError"].startswith("failed to check CronWorkflow 'hello' stopping condition: ")


def test_a_broken_schedule_is_told_and_mended_by_an_edit() -> None:
    world = World(a_cron(schedules=["* * *"]))
    world.tick(minutes(1))
    assert "cron schedule * * * is malformed" in world.conditions()["SpecError"]
    world.send(act.CronChanged(a_cron()), minutes(2))
    world.tick(minutes(3))
    assert world.conditions() == {}
    assert world.submitted == [minutes(3)]


@pytest.mark.parametrize(
    ("spec", "says"),
    [({"schedules": []}, "at least one"), ({"concurrencyPolicy": "Maybe"}, "not a valid"), ({"timezone": "Mars"}, "Mars"),
     ({"startingDeadlineSeconds": -1}, "positive"), ({"workflowSpec": {**SPEC, "entrypoint": "nope"}}, "cannot validate Workflow: "),
     ({"workflowSpec": {}}, "entrypoint is required")],
)  # fmt: skip
def test_a_spec_that_cannot_be_is_told_and_starts_nothing(spec: dict[str, Any], says: str) -> None:
    world = World(a_cron(**spec))
    world.tick(minutes(1))
    assert says in world.conditions()["SpecError"]
    assert (world.submitted, world.fired) == ([], ["spec-error"])


def test_a_name_that_is_too_long_for_children_is_told() -> None:
    long = msgspec.structs.replace(a_cron().metadata, name="n" * 53)
    world = World(msgspec.structs.replace(a_cron(), metadata=long))
    world.tick(minutes(1))
    assert "must not be more than 52 characters long (currently 53)" in world.conditions()["SpecError"]
    assert world.submitted == []


KNOWN = {ANNOTATION_LAST_SCHEDULE: "0 * * * *"}
LAST = {"lastScheduledTime": "2026-11-24T08:00:00Z"}


@pytest.mark.parametrize(
    ("annotations", "deadline", "want"),
    [
        ({}, None, []),
        ({}, 60, []),
        ({}, 7200, [11]),
        ({ANNOTATION_CATCH_UP: "none"}, 7200, []),
        ({ANNOTATION_CATCH_UP: "latest"}, None, [11]),
        ({ANNOTATION_CATCH_UP: "all"}, None, [9, 10, 11]),
        ({ANNOTATION_CATCH_UP: "all", ANNOTATION_CATCH_UP_LIMIT: "2"}, None, [10, 11]),
        ({ANNOTATION_CATCH_UP: "all"}, 9000, [10, 11]),
    ],
    ids=["Argo's rule without a deadline", "too late", "the latest in time", "none", "latest", "all", "all, two at most", "all in time"],
)
def test_missed_slots_run_as_the_schedule_says(annotations: dict[str, str], deadline: int | None, want: list[int]) -> None:
    cron = a_cron(LAST, {**KNOWN, **annotations}, schedules=["0 * * * *"], startingDeadlineSeconds=deadline)
    assert [slot.hour for slot in World(cron, minutes(-1)).submitted] == want


def test_a_schedule_that_never_ran_does_not_catch_up() -> None:
    assert World(a_cron(None, KNOWN, schedules=["0 * * * *"], startingDeadlineSeconds=7200), minutes(-1)).submitted == []


def test_only_the_newest_finished_children_are_kept() -> None:
    good = tuple(a_child(minutes(-10 + n), "Succeeded", finished_at=minutes(-10 + n)) for n in range(5))
    bad = tuple(a_child(minutes(-20 + n), "Error", finished_at=minutes(-20 + n)) for n in range(2))
    world = World(a_cron({"lastScheduledTime": "2026-11-24T11:59:00Z"}), NOON, good + bad)
    assert sorted(world.deleted) == sorted(child.name for child in (*good[:2], bad[0]))


def test_history_limits_of_zero_keep_nothing() -> None:
    child = a_child(minutes(-2), "Succeeded")
    assert World(a_cron(successfulJobsHistoryLimit=0), NOON, (child,)).deleted == [child.name]


def test_a_child_that_the_archive_has_not_got_is_kept() -> None:
    child = act.Child(name="x", uid="x", phase="Succeeded", is_completed=True, is_archiving=True, owner_uid="cron-uid")
    assert World(a_cron(successfulJobsHistoryLimit=0), NOON, (child,)).deleted == []


def test_what_others_made_is_neither_counted_nor_deleted() -> None:
    stranger = act.Child(name="s", uid="s", phase="Succeeded", is_completed=True, slot=minutes(-1), owner_uid="somebody")
    world = World(a_cron(successfulJobsHistoryLimit=0), NOON, (stranger,))
    assert (world.deleted, world.status.succeeded) == ([], None)


def test_reading_back_what_was_written_writes_nothing_again() -> None:
    world = World(a_cron())
    world.tick(minutes(1))
    world.patches.clear()
    world.send(act.CronChanged(world.run.cron), minutes(1.1))
    assert world.patches == []
    assert world.submitted == [minutes(1)]


def test_of_slots_that_a_sleeping_controller_missed_the_last_one_of_each_schedule_runs() -> None:
    world = World(a_cron(schedules=["* * * * *", "30 * * * *"]))
    world.tick(minutes(24 * 60 + 15.5))
    assert world.submitted == [minutes(24 * 60 - 30), minutes(24 * 60 + 15)]
    assert world.wake == minutes(24 * 60 + 16)


def test_as_many_slots_are_caught_up_with_after_a_sleep_as_the_schedule_says() -> None:
    world = World(a_cron(annotations={"tiphys.io/catch-up": "all", "tiphys.io/catch-up-limit": "3"}))
    world.tick(minutes(100_000.5))
    assert world.submitted == [minutes(99_998), minutes(99_999), minutes(100_000)]


def test_no_slot_runs_again_when_the_clock_is_set_back() -> None:
    world = World(a_cron())
    world.tick(minutes(1))
    for at in (-59, -30, 0, 1):
        world.tick(minutes(at))
    assert (world.submitted, world.wake) == ([minutes(1)], minutes(2))
    world.tick(minutes(2))
    assert world.submitted == [minutes(1), minutes(2)]


def test_slots_that_went_by_while_a_schedule_was_suspended_do_not_run_when_it_goes_on() -> None:
    world = World(a_cron())
    world.send(act.CronChanged(a_cron(suspend=True)), minutes(0.5))
    world.send(act.CronChanged(a_cron()), minutes(5.5))
    assert (world.submitted, world.wake) == ([], minutes(6))
    world.send(act.CronChanged(a_cron({"phase": "Stopped"})), minutes(5.6))
    world.send(act.CronChanged(a_cron()), minutes(9.5))
    assert (world.submitted, world.wake) == ([], minutes(10))


def test_what_happens_to_children_and_to_other_schedules_does_not_put_off_a_constant_distance() -> None:
    world = World(a_cron(schedules=["@every 90m", "*/20 * * * *"]))
    for at in range(10, 180, 10):
        world.send(act.ChildSeen(a_child(minutes(0), phase="Running" if at % 20 else "Pending")), minutes(at))
    assert world.submitted == [minutes(at) for at in (20, 40, 60, 80, 90, 100, 120, 140, 160)]
    assert world.wake == minutes(180)


def test_a_hundred_schedules_are_one_schedule() -> None:
    world = World(a_cron(schedules=[f"{at % 60} {at // 60} * * *" for at in range(720, 820)]))
    for at in range(1, 100):
        world.tick(minutes(at))
    assert world.submitted == [minutes(at) for at in range(1, 100)]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"when": "{{cronworkflow.nope}} == 1"}, "run policy error: "),
        ({"when": "nope == 1"}, "run policy error: "),
        ({"when": "{{= 1 / 0}} == 1"}, "run policy error: "),
    ],
)
def test_a_when_that_cannot_be_decided_is_told_and_lets_nothing_run(spec: dict[str, Any], says: str) -> None:
    world = World(a_cron(**spec))
    world.tick(minutes(1))
    assert (world.submitted, list(world.conditions())) == ([], ["SubmissionError"])
    assert world.conditions()["SubmissionError"].startswith(says)
    world.send(act.CronChanged(a_cron()), minutes(1.5))
    world.tick(minutes(2))
    assert (world.submitted, world.conditions()) == ([minutes(2)], {})


@pytest.mark.parametrize("expression", ["nope > 1", "cronworkflow.failed", "cronworkflow.nope.deeper == 1", "(("])
def test_a_stop_expression_that_cannot_be_decided_is_told_and_lets_nothing_run(expression: str) -> None:
    world = World(a_cron(stopStrategy={"expression": expression}))
    world.tick(minutes(1))
    assert (world.submitted, list(world.conditions())) == ([], ["SpecError"])
    assert "stopping condition" in world.conditions()["SpecError"]
    world.send(act.CronChanged(a_cron()), minutes(1.5))
    world.tick(minutes(2))
    assert (world.submitted, world.conditions()) == ([minutes(2)], {})
