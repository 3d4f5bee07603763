"""When a schedule is due: five fields, descriptors, `@every`, time zones. Arithmetic only; the time is an argument.

Source: argo-semantics 24.1. The fields are those of the standard cron parser that Argo uses: minute, hour, day of month, month,
day of week (0 to 6, Sunday first); `*`, `?`, lists, ranges, steps, English names.
A time that a change to summer time leaves out is skipped, one that a change back repeats is due twice, as there.
Differs from Argo: where a clock changes by half an hour, its library misses the day's due time; this does not.
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo

import msgspec

from tiphys.errors import ExpressionError, SpecError
from tiphys.expr.times import parse_go_duration, zone

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: at for at, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: at for at, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = "@every "
_ZONE = re.compile(r"^(?:CRON_)?TZ=(\S*)\s+(.*)$", re.DOTALL)
_YEARS = 5
"""A schedule that is not due within so many years is never due."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    least: int
    most: int
    names: dict[str, int] = {}


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


class Every(msgspec.Struct, frozen=True):
    """Due at a constant distance from the last time; whole seconds, one at least."""

    distance: timedelta

    def after(self, at: datetime) -> datetime | None:
        """The first time after `at`; whole seconds."""
        return (at.astimezone(UTC).replace(microsecond=0) + self.distance).astimezone(at.tzinfo)


class Calendar(msgspec.Struct, frozen=True):
    """Due where the fields fit the clock on the wall of a place.

    Attributes:
        is_any_day: Neither kind of day is restricted on its own: a day must fit both; else one of the two is enough.
        place: None for the zone of the time that is asked about.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_any_day: bool
    place: tzinfo | None = None

    def after(self, at: datetime) -> datetime | None:
        """The first time after `at`, in the zone of `at`; None when there is none within five years."""
        place = self.place or at.tzinfo or UTC
        start = at.astimezone(place).date() - timedelta(days=1)
        for day in self._days_from(start):
            found = next((moment for moment in self._moments(day, place) if moment > at), None)
            if found is not None:
                return found.astimezone(at.tzinfo)
        return None

    def _days_from(self, start: date) -> Iterator[date]:
        day, last = start, start.replace(year=start.year + _YEARS, day=min(start.day, 28))
        while day <= last:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self._fits(day):
                yield day
            day += timedelta(days=1)

    def _fits(self, day: date) -> bool:
        fits_month, fits_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (fits_month and fits_week) if self.is_any_day else (fits_month or fits_week)

    def _moments(self, day: date, place: tzinfo) -> Iterable[datetime]:
        """All times of a day that exist there, in order; a repeated hour's twice."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=place)
        if midnight.utcoffset() == (midnight + timedelta(days=1)).utcoffset():
            return (midnight.replace(hour=hour, minute=minute) for hour in self.hours for minute in self.minutes)
        found = set()
        for hour, minute, fold in itertools.product(self.hours, self.minutes, (0, 1)):
            moment = midnight.replace(hour=hour, minute=minute, fold=fold).astimezone(UTC)
            back = moment.astimezone(place)
            if (back.hour, back.minute, back.day) == (hour, minute, day.day):
                found.add(moment)
        return sorted(found)


Schedule = Calendar | Every


def parse_schedule(text: str, place: tzinfo | None = None) -> Schedule:
    """The schedule that a text says.

    Args:
        text: Five fields, a descriptor such as `@daily`, or `@every 1h30m`; `CRON_TZ=Europe/Paris` may stand before it.
        place: Where its clock hangs; a zone in the text wins; None for the zone of the times that are asked about.

    Raises:
        SpecError: It says none.
    """
    zoned = _ZONE.match(text)
    if zoned is not None:
        place, text = parse_zone(zoned.group(1)), zoned.group(2)
    text = text.strip()
    if not text:
        raise SpecError("a schedule is empty")
    if text.startswith("@"):
        return _described(text, place)
    parts = text.split()
    if len(parts) != len(_FIELDS):
        hint = "" if len(parts) != len(_FIELDS) + 1 else ": seconds are not supported"
        raise SpecError(f"expected exactly {len(_FIELDS)} fields, found {len(parts)}: [{text}]{hint}")
    return _calendar(parts, place)


def parse_zone(name: str) -> tzinfo:
    """The time zone called `name` (IANA).

    Raises:
        SpecError: There is none.
    """
    try:
        return zone(name)
    except ExpressionError as e:
        raise SpecError(f"provided bad location {name}: {e.message}", hint="use an IANA name such as Europe/Paris") from e


def _described(text: str, place: tzinfo | None) -> Schedule:
    if text.startswith(_EVERY):
        try:
            distance = parse_go_duration(text.removeprefix(_EVERY).strip())
        except ExpressionError as e:
            raise SpecError(f"failed to parse duration {text}: {e.message}") from e
        return Every(timedelta(seconds=max(1, int(distance.total_seconds()))))
    fields = _DESCRIPTORS.get(text)
    if fields is None:
        raise SpecError(f"unrecognized descriptor: {text}", hint=f"one of {', '.join(sorted(_DESCRIPTORS))}, @every <duration>")
    return _calendar(fields.split(), place)


def _calendar(parts: list[str], place: tzinfo | None) -> Calendar:
    read = [_field(text, field) for text, field in zip(parts, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = (values for values, _ in read)
    return Calendar(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=days,
        months=months,
        weekdays=weekdays,
        is_any_day=read[2][1] or read[4][1],
        place=place,
    )


def _field(text: str, field: _Field) -> tuple[frozenset[int], bool]:
    """The values of one field, and whether it is open (`*` without a step)."""
    values: set[int] = set()
    is_open = False
    # empty parts are passed over, as in the parser that Argo uses
    for part in filter(None, text.split(",")):
        first, last, step, is_star = _range(part, field)
        values.update(range(first, last + 1, step))
        is_open = is_open or (is_star and step == 1)
    return frozenset(values), is_open


def _range(part: str, field: _Field) -> tuple[int, int, int, bool]:
    body, _, step_text = part.partition("/")
    start, _, end = body.partition("-")
    is_star = start in ("*", "?") and not end
    if is_star:
        first, last = field.least, field.most
    else:
        first = _number(start, field, part)
        last = _number(end, field, part) if "-" in body else (field.most if "/" in part else first)
    step = _number(step_text, None, part) if "/" in part else 1
    if first < field.least or last > field.most:
        worst = first if first < field.least else last
        raise SpecError(f"{field.name}: {worst} is not between {field.least} and {field.most}: {part}")
    if first > last:
        raise SpecError(f"{field.name}: beginning of range ({first}) is beyond its end ({last}): {part}")
    if step == 0:
        raise SpecError(f"{field.name}: step of range must be a positive number: {part}")
    return first, last, step, is_star


def _number(text: str, field: _Field | None, part: str) -> int:
    if field is not None and text.lower() in field.names:
        return field.names[text.lower()]
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise SpecError(f"failed to parse {text!r} as a number: {part}")
    return int(text)
