"""Which slots went by while nobody looked, and which of them still run.

Source: argo-semantics 24.5. The annotation `tiphys.io/catch-up` is an addition of our own: `none`, `latest`, or `all`
(the newest `tiphys.io/catch-up-limit` of them, 10 unless said, 100 at most).
"""

import itertools
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tiphys.engine.cron.times import Every, Schedule
from tiphys.model.names import ANNOTATION_CATCH_UP, ANNOTATION_CATCH_UP_LIMIT
from tiphys.model.workflow import CronWorkflow

_MOST, _USUAL = 100, 10
_SPAN = timedelta(hours=1)
_LOOKED_AT = 100_000
"""So many slots of a schedule are counted through at most."""


def slots_between(schedules: Sequence[Schedule], after: datetime, until: datetime) -> list[datetime]:
    """All slots later than `after`, up to `until`, in order; one that two schedules share comes once."""
    found = {slot for schedule in schedules for slot in itertools.islice(_slots(schedule, after, until), _LOOKED_AT)}
    return sorted(found)


def _slots(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    slot = schedule.after(after)
    while slot is not None and slot <= until:
        yield slot
        slot = schedule.after(slot)


def newest_slots(schedule: Schedule, after: datetime, until: datetime, count: int) -> list[datetime]:
    """The last `count` slots later than `after`, up to `until`, in order; what lies long ago is not counted through."""
    if isinstance(schedule, Every):
        passed = max(0, (until - after) // schedule.distance - count)
        return list(_slots(schedule, after + passed * schedule.distance, until))[-count:]
    span = _SPAN
    while True:
        start = max(after, until - span)
        found = list(_slots(schedule, start, until))
        if len(found) >= count or start == after:
            return found[-count:]
        span *= 4


def _newest(schedules: Sequence[Schedule], after: datetime, until: datetime, count: int) -> list[datetime]:
    return sorted({slot for schedule in schedules for slot in newest_slots(schedule, after, until, count)})[-count:]


def due_slots(cron: CronWorkflow, schedule: Schedule, after: datetime, until: datetime) -> list[datetime]:
    """The slots of a schedule since the last look: the last one, or as many as are to be caught up with.

    There are more than one only where the controller slept, or its clock was set forward.
    """
    return newest_slots(schedule, after, until, _limit(cron) if _catches_up(cron) else 1)


def newest_of(cron: CronWorkflow, due: Sequence[Sequence[datetime]]) -> list[datetime]:
    """Those slots of several schedules that are to run now; one that two share comes once."""
    together = sorted({slot for slots in due for slot in slots})
    return together[-_limit(cron) :] if _catches_up(cron) else together


def _catches_up(cron: CronWorkflow) -> bool:
    return cron.metadata.annotations.get(ANNOTATION_CATCH_UP, "") == "all"


def missed_slots(cron: CronWorkflow, schedules: Sequence[Schedule], now: datetime) -> list[datetime]:
    """The slots since the last run that are to run now.

    Without the annotation: the latest one of the first schedule that missed any, only within `startingDeadlineSeconds`.
    """
    last = cron.status.last_scheduled_time
    if last is None:
        return []
    last = last.astimezone(now.tzinfo)
    deadline = cron.spec.starting_deadline_seconds
    policy = cron.metadata.annotations.get(ANNOTATION_CATCH_UP, "")
    if policy in ("latest", "all"):
        missed = _newest(schedules, last, now, 1 if policy == "latest" else _limit(cron))
        return [slot for slot in missed if not deadline or slot + timedelta(seconds=deadline) > now]
    if policy == "none" or not deadline:
        return []
    for schedule in schedules:
        missed = newest_slots(schedule, last, now, 1)
        if missed:
            return missed if missed[-1] + timedelta(seconds=deadline) > now else []
    return []


def _limit(cron: CronWorkflow) -> int:
    text = cron.metadata.annotations.get(ANNOTATION_CATCH_UP_LIMIT, "")
    return min(_MOST, max(1, int(text))) if text.isascii() and text.isdigit() and len(text) < 6 else _USUAL
