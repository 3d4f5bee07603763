"""When a schedule is due: five fields, descriptors, `@every`, time zones. Arithmetic only; the time is an argument.

Source: argo-semantics 24.1. The fields are those of the standard cron parser that Argo uses: minute, hour, day of month, month,
day of week (0 to 6, Sunday first); `*`, `?`, lists, ranges, steps, English names.
A time that a change to summer time leaves out is skipped, one that a change back repeats is due twice, as there.
Differs from Argo: where a clock changes by half an hour, its library misses the day's due time; this does not.
"""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec
from cronsim import CronSim, CronSimError

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
_DAY = timedelta(days=1)
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
        fields: Five fields of numbers with commas between them; a day is `*` where it leaves the other one to decide, and where
            both are numbers, one of them is enough.
        place: None for the zone of the time that is asked about.
    """

    fields: str
    place: tzinfo | None = None

    def after(self, at: datetime) -> datetime | None:
        """The first time after `at`, in the zone of `at`; None when there is none within five years."""
        place = self.place or at.tzinfo or UTC
        wall = at.astimezone(place).replace(tzinfo=None, fold=0)
        # a clock that is set back within a day shows times again that went by already
        again = (at.astimezone(UTC) + _DAY).astimezone(place).replace(tzinfo=None, fold=0) - _DAY
        found: list[datetime] = []
        for shown in _walls(self.fields, min(wall, again)):
            found += (moment for moment in _moments(shown, place) if moment > at)
            if found and shown > wall:
                break
        return min(found).astimezone(at.tzinfo) if found else None


def _walls(fields: str, start: datetime) -> Iterator[datetime]:
    """What a clock on the wall shows when it is due, as if it were never changed."""
    try:
        steps = CronSim(fields, start)
    except CronSimError:  # no month of these has such a day
        return
    yield from itertools.takewhile(lambda shown: shown.year <= start.year + _YEARS, steps)


def _moments(shown: datetime, place: tzinfo) -> Iterator[datetime]:
    """When a clock shows that: never where it is put forward over it, twice where it is set back over it."""
    for fold in (0, 1):
        moment = shown.replace(tzinfo=place, fold=fold).astimezone(UTC)
        if moment.astimezone(place).replace(tzinfo=None, fold=0) == shown:
            yield moment


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
    return Calendar(" ".join(_field(text, field) for text, field in zip(parts, _FIELDS, strict=True)), place)


def _field(text: str, field: _Field) -> str:
    """The numbers of one field; `*` where one of its parts is open (`*` without a step)."""
    # empty parts are passed over, as in the parser that Argo uses
    ranges = [_range(part, field) for part in filter(None, text.split(","))]
    if any(is_star and step == 1 for *_, step, is_star in ranges):
        return "*"
    values = {value for first, last, step, _ in ranges for value in range(first, last + 1, step)}
    return ",".join(map(str, sorted(values)))


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
