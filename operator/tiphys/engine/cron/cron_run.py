"""One schedule: events in, actions out. What is counted is counted once, whatever crashes in between.

Source: argo-semantics 24.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo

import msgspec

from tiphys.engine.cron import actions as act
from tiphys.engine.cron.child import child_of
from tiphys.engine.cron.conditions import is_to_stop, is_wanted
from tiphys.engine.cron.missed import due_slots, missed_slots, newest_of
from tiphys.engine.cron.times import Schedule, parse_schedule, parse_zone
from tiphys.engine.cron.validate import workflow_faults
from tiphys.engine.patch import as_json, difference
from tiphys.errors import ExpressionError, SpecError
from tiphys.model.base import Json
from tiphys.model.names import ANNOTATION_LAST_SCHEDULE, LABEL_CRON_COMPLETED
from tiphys.model.phases import SUCCEEDED
from tiphys.model.status import Condition
from tiphys.model.workflow import CronWorkflow

SPEC_ERROR, SUBMISSION_ERROR = "SpecError", "SubmissionError"
STOPPED, ACTIVE = "Stopped", "Active"
_POLICIES = ("", "Allow", "Forbid", "Replace")


class CronRun:
    """The state of one schedule. The first event must be `CronChanged`; children are told before it as far as they exist.

    Attributes:
        cron: The object with what was decided since it was read.
    """

    cron: CronWorkflow

    def __init__(self, place: tzinfo) -> None:
        """A schedule whose clock hangs at `place` unless it names a zone."""
        self._place = place
        self._stored: CronWorkflow | None = None
        self._children: dict[str, act.Child] = {}
        self._schedules: tuple[Schedule, ...] = ()
        self._submitting: set[datetime] = set()
        self._looked: tuple[datetime, ...] = ()
        self._actions: list[act.CronAction] = []

    def handle(self, event: act.CronEvent, now: datetime) -> list[act.CronAction]:
        """What to do after an event."""
        now = now.replace(microsecond=0).astimezone(self._place)
        match event:
            case act.CronChanged():
                self._changed(event.cron, now)
            case act.ChildSeen():
                self._children[event.child.uid] = event.child
            case act.ChildGone():
                self._children.pop(event.uid, None)
            case act.ChildSubmitted():
                self._submitted(event)
            case act.SubmissionFailed():
                self._failed(event)
        if self._stored is not None:
            self._settle(now)
        made, self._actions = self._actions, []
        return made

    # --- the object

    def _changed(self, cron: CronWorkflow, now: datetime) -> None:
        was_idle = self._stored is None or self._is_idle
        before, self._stored, self.cron = self._stored, cron, cron
        is_new_spec = before is None or before.spec != cron.spec
        if was_idle:
            # what went by meanwhile was not to run
            self._look(now)
        if not is_new_spec:
            return
        was_valid = bool(self._schedules)
        try:
            self._schedules = self._read(cron)
        except SpecError as e:
            self._schedules = ()
            self._condition(SPEC_ERROR, str(e))
            self._actions.append(act.Fired("spec-error"))
            return
        self._condition(SPEC_ERROR, "")
        has_new_schedule = self._note_schedule()
        if before is None or not was_valid or has_new_schedule or len(self._looked) != len(self._schedules):
            self._look(now)
        if not has_new_schedule:
            self._fire(missed_slots(cron, self._schedules, now), now)

    def _read(self, cron: CronWorkflow) -> tuple[Schedule, ...]:
        spec = cron.spec
        if not spec.schedules:
            raise SpecError("a CronWorkflow must have at least one schedule", path="spec.schedules")
        if spec.concurrency_policy not in _POLICIES:
            raise SpecError(f"'{spec.concurrency_policy}' is not a valid concurrencyPolicy", path="spec.concurrencyPolicy")
        if spec.starting_deadline_seconds is not None and spec.starting_deadline_seconds < 0:
            raise SpecError("startingDeadlineSeconds must be positive", path="spec.startingDeadlineSeconds")
        place = parse_zone(spec.timezone) if spec.timezone else None
        read = []
        for index, text in enumerate(spec.schedules):
            try:
                read.append(parse_schedule(text, place))
            except SpecError as e:
                raise SpecError(f"cron schedule {text} is malformed: {e.message}", path=f"spec.schedules[{index}]") from e
        fault = next(workflow_faults(cron), None)
        if fault is not None:
            raise SpecError(f"cannot validate Workflow: {fault}")
        return tuple(read)

    def _note_schedule(self) -> bool:
        """Remember the schedule on the object; whether it is another one than remembered before."""
        spec = self.cron.spec
        prefix = f"CRON_TZ={spec.timezone} " if spec.timezone else ""
        text = ",".join(prefix + schedule for schedule in spec.schedules)
        known = self.cron.metadata.annotations.get(ANNOTATION_LAST_SCHEDULE)
        if known == text:
            return False
        self._annotate(text)
        if known is not None:
            self._set(last_scheduled_time=None)
        return known is not None

    # --- slots

    def _look(self, at: datetime) -> None:
        """No slot before `at` is due any more."""
        self._looked = (at,) * len(self._schedules)

    def _settle(self, now: datetime) -> None:
        self._reconcile()
        if self._schedules:
            self._check_stop(now)
            self._fire(self._due(now), now)
            upcoming = [slot for schedule, at in self._watched if (slot := schedule.after(at)) is not None]
            if upcoming and not self._is_idle:
                self._actions.append(act.CronWakeAt(min(upcoming)))
        self._trim()
        self._write()

    @property
    def _watched(self) -> tuple[tuple[Schedule, datetime], ...]:
        """Each schedule with the time until which its slots have been seen: its last slot, or when it began to count."""
        return tuple(zip(self._schedules, self._looked, strict=True))

    def _due(self, now: datetime) -> list[datetime]:
        due = [due_slots(self.cron, schedule, at, now) for schedule, at in self._watched]
        self._looked = tuple(slots[-1] if slots else at for slots, at in zip(due, self._looked, strict=True))
        return newest_of(self.cron, due)

    @property
    def _is_idle(self) -> bool:
        return bool(self.cron.spec.suspend) or self.cron.status.phase == STOPPED

    def _fire(self, slots: Iterable[datetime], now: datetime) -> None:
        for slot in slots:
            if slot not in self._submitting and not self._is_idle:
                self._trigger(slot, now)

    def _trigger(self, slot: datetime, now: datetime) -> None:
        if not self._check_stop(now):
            return
        try:
            if not is_wanted(self.cron, now):
                return
        except ExpressionError as e:
            self._condition(SUBMISSION_ERROR, f"run policy error: {e.message}")
            self._actions.append(act.Fired("submission-error"))
            return
        policy = self.cron.spec.concurrency_policy or "Allow"
        active = self.cron.status.active
        if policy == "Forbid" and (active or self._submitting):
            self._actions.append(act.Fired("policy", policy))
            return
        if policy == "Replace" and active:
            self._actions.append(act.Fired("policy", policy))
            self._actions.extend(act.TerminateChild(reference["name"]) for reference in active)
        self._submitting.add(slot)
        self._actions.append(act.SubmitChild(slot, child_of(self.cron, slot)))

    def _check_stop(self, now: datetime) -> bool:
        """Whether the schedule goes on."""
        if self.cron.status.phase == STOPPED:
            return False
        try:
            is_over = is_to_stop(self.cron, now)
        except ExpressionError as e:
            self._condition(SPEC_ERROR, e.message)
            return False
        if is_over:
            self._set(phase=STOPPED)
            meta = self.cron.metadata
            labels = {**meta.labels, LABEL_CRON_COMPLETED: "true"}
            self.cron = msgspec.structs.replace(self.cron, metadata=msgspec.structs.replace(meta, labels=labels))
        return not is_over

    def _submitted(self, event: act.ChildSubmitted) -> None:
        self._submitting.discard(event.slot)
        self._condition(SUBMISSION_ERROR, "")
        last = self.cron.status.last_scheduled_time
        self._set(phase=ACTIVE, last_scheduled_time=event.slot if last is None else max(last, event.slot))
        if event.child is not None:
            self._children.setdefault(event.child.uid, event.child)
            self._actions.append(act.Fired("triggered"))

    def _failed(self, event: act.SubmissionFailed) -> None:
        self._submitting.discard(event.slot)
        self._condition(SUBMISSION_ERROR, f"Failed to submit Workflow: {event.message}")
        self._set(failed=(self.cron.status.failed or 0) + 1)
        self._actions.append(act.Fired("submission-error"))

    # --- children

    def _reconcile(self) -> None:
        """Children that ended leave `active` and are counted; running ones that nobody noted are noted."""
        kept = []
        noted = set()
        for reference in self.cron.status.active:
            child = self._children.get(str(reference.get("uid", "")))
            if child is None:
                continue
            noted.add(child.uid)
            if child.is_completed:
                self._count(child)
            else:
                kept.append(reference)
        for child in self._children.values():
            if child.uid not in noted and child.owner_uid == self.cron.metadata.uid:
                kept += self._unnoted(child)
        if tuple(kept) != self.cron.status.active:
            self._set(active=tuple(kept))

    def _unnoted(self, child: act.Child) -> list[Json]:
        """What `active` gains by a child that nobody wrote down; one that began and ended meanwhile is counted."""
        last = self.cron.status.last_scheduled_time
        is_newer = child.slot is not None and (last is None or child.slot > last)
        if is_newer:
            self._set(last_scheduled_time=child.slot)
        if not child.is_completed:
            return [_reference(self.cron, child)]
        if is_newer:
            self._count(child)
        return []

    def _count(self, child: act.Child) -> None:
        status = self.cron.status
        if child.phase == SUCCEEDED:
            self._set(succeeded=(status.succeeded or 0) + 1)
        else:
            self._set(failed=(status.failed or 0) + 1)

    def _trim(self) -> None:
        """Finished children beyond the history limits go, the oldest first."""
        spec, uid = self.cron.spec, self.cron.metadata.uid
        done = [child for child in self._children.values() if child.is_completed and child.owner_uid == uid]
        limits = {True: spec.successful_jobs_history_limit, False: spec.failed_jobs_history_limit}
        for is_good, usual in ((True, 3), (False, 1)):
            mine = [child for child in done if (child.phase == SUCCEEDED) is is_good]
            mine.sort(key=lambda child: (child.finished_at is not None, child.finished_at, child.name), reverse=True)
            limit = limits[is_good]
            for child in mine[usual if limit is None else max(0, limit) :]:
                if not child.is_archiving:
                    self._children.pop(child.uid)
                    self._actions.append(act.DeleteChild(child.name, child.uid))

    # --- writing

    def _set(self, **changes: object) -> None:
        status = msgspec.structs.replace(self.cron.status, **changes)
        self.cron = msgspec.structs.replace(self.cron, status=status)

    def _annotate(self, schedule: str) -> None:
        meta = self.cron.metadata
        annotations = {**meta.annotations, ANNOTATION_LAST_SCHEDULE: schedule}
        self.cron = msgspec.structs.replace(self.cron, metadata=msgspec.structs.replace(meta, annotations=annotations))

    def _condition(self, type_: str, message: str) -> None:
        """Set a condition; an empty message removes it."""
        others = tuple(condition for condition in self.cron.status.conditions if condition.type != type_)
        mine = (Condition(type=type_, status="True", message=message),) if message else ()
        self._set(conditions=(*others, *mine))

    def _write(self) -> None:
        stored = self._stored
        if stored is None or stored == self.cron:
            return
        patch: Json = {}
        status = difference(as_json(stored.status), as_json(self.cron.status))
        if status:
            patch["status"] = status
        old, new = stored.metadata, self.cron.metadata
        meta = {
            name: change
            for name, before, after in (("labels", old.labels, new.labels), ("annotations", old.annotations, new.annotations))
            if (change := difference(before, after))
        }
        if meta:
            patch["metadata"] = meta
        if patch:
            self._actions.append(act.WriteCron(patch))
            self._stored = self.cron


def _reference(cron: CronWorkflow, child: act.Child) -> Json:
    return {
        "apiVersion": cron.api_version,
        "kind": "Workflow",
        "name": child.name,
        "namespace": cron.metadata.namespace,
        "resourceVersion": child.resource_version,
        "uid": child.uid,
    }
