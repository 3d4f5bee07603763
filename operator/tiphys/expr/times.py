"""Times and durations of expressions: Go's layouts, methods, and parsing.

Source: expr-lang 1.17, Go's package time.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tiphys.errors import ExpressionError
from tiphys.expr.cost import check_size
from tiphys.expr.render import go_duration, go_time

_LAYOUT = {
    "January": "%B", "Monday": "%A", "2006": "%Y", "MST": "%Z", "Jan": "%b", "Mon": "%a", "-07:00": "%:z", "Z07:00": "Z%:z",
    "-0700": "%z", ".000": ".%L", "01": "%m", "02": "%d", "03": "%I", "04": "%M", "05": "%S", "06": "%y", "15": "%H", "PM": "%p",
    "_2": "%e", "1": "%-m", "2": "%-d", "3": "%-I", "4": "%-M", "5": "%-S",
}  # fmt: skip
_PIECE = re.compile("|".join(map(re.escape, _LAYOUT)))
_KNOWN_LAYOUTS = (
    "2006-01-02", "15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.000Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 MST",
)  # fmt: skip
_NANOSECONDS = re.compile(r"(\.\d{6})\d+")
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def go_format(at: datetime, layout: str) -> str:
    """The time in Go's layout."""
    check_size(len(layout) * 100)

    def piece(found: re.Match[str]) -> str:
        match _LAYOUT[found.group()]:
            case ".%L":
                return f".{at.microsecond // 1000:03d}"
            case "%:z":
                return _zone(at)
            case "Z%:z":
                return "Z" if _zone(at) == "+00:00" else _zone(at)
            case directive:
                return at.strftime(directive)

    return _PIECE.sub(piece, layout)


def _zone(at: datetime) -> str:
    zone = at.strftime("%z") or "+0000"
    return f"{zone[:3]}:{zone[3:5]}"


def _parse(text: str, layout: str) -> datetime:
    directives = {"%:z": "%z", "Z%:z": "%z", "%e": "%d", ".%L": ".%f"}
    pattern = _PIECE.sub(lambda found: directives.get(_LAYOUT[found.group()], _LAYOUT[found.group()].replace("-", "")), layout)
    at = datetime.strptime(text, pattern)  # noqa: DTZ007 the zone is set below where the layout has none
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def zone(name: object) -> tzinfo:
    """The time zone called `name`.

    Raises:
        ExpressionError: There is none.
    """
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as e:
        raise ExpressionError(f"unknown time zone {name}") from e


def parse_date(*arguments: Any) -> datetime:
    """`date(text)`, `date(text, layout)`, `date(text, layout, zone)`; or a zone first.

    Raises:
        ExpressionError: The text fits no layout.
    """
    place: tzinfo | None = None
    if arguments and isinstance(arguments[0], tzinfo):
        place, *rest = arguments
        arguments = tuple(rest)
    if not arguments or not all(isinstance(argument, str) for argument in arguments):
        raise ExpressionError("date takes texts")
    if len(arguments) > 2:
        place = zone(arguments[2])
    given = _NANOSECONDS.sub(r"\1", arguments[0])
    for layout in arguments[1:2] or _KNOWN_LAYOUTS:
        try:
            at = _parse(given, layout)
        except ValueError:
            continue
        return at.replace(tzinfo=place) if place else at
    raise ExpressionError(f"invalid date {arguments[0]}")


def parse_go_duration(text: str) -> timedelta:
    """The duration that Go's `1h2m3s` says.

    Raises:
        ExpressionError: It says none.
    """
    sign, body = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    parts = _DURATION.findall(body)
    if body != "0" and (not parts or "".join(number + unit for number, unit in parts) != body):
        raise ExpressionError(f'time: invalid duration "{text}"')
    try:
        return sign * timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))
    except OverflowError as e:
        raise ExpressionError(f'time: invalid duration "{text}"') from e


_ZERO = datetime(1, 1, 1, tzinfo=UTC)


def _add_date(at: datetime, years: Any, months: Any, days: Any) -> datetime:
    year, month = divmod(at.year * 12 + at.month - 1 + int(years) * 12 + int(months), 12)
    return at.replace(year=year, month=month + 1, day=1) + timedelta(days=at.day - 1 + int(days))


METHODS: dict[tuple[type, str], Callable[..., object]] = {
    (timedelta, "Seconds"): lambda span: span.total_seconds(),
    (timedelta, "Minutes"): lambda span: span.total_seconds() / 60,
    (timedelta, "Hours"): lambda span: span.total_seconds() / 3600,
    (timedelta, "Milliseconds"): lambda span: span // timedelta(milliseconds=1),
    (timedelta, "Nanoseconds"): lambda span: span // timedelta(microseconds=1) * 1000,
    (timedelta, "String"): go_duration,
    (datetime, "Unix"): lambda at: int(at.timestamp()),
    (datetime, "UnixMilli"): lambda at: int(at.timestamp() * 1000),
    (datetime, "Year"): lambda at: at.year,
    (datetime, "Month"): lambda at: at.month,
    (datetime, "Day"): lambda at: at.day,
    (datetime, "Hour"): lambda at: at.hour,
    (datetime, "Minute"): lambda at: at.minute,
    (datetime, "Second"): lambda at: at.second,
    (datetime, "Weekday"): lambda at: (at.weekday() + 1) % 7,
    (datetime, "YearDay"): lambda at: at.timetuple().tm_yday,
    (datetime, "UTC"): lambda at: at.astimezone(UTC),
    (datetime, "Sub"): lambda at, other: at - other,
    (datetime, "Add"): lambda at, span: at + span,
    (datetime, "Before"): lambda at, other: at < other,
    (datetime, "After"): lambda at, other: at > other,
    (datetime, "Equal"): lambda at, other: at == other,
    (datetime, "AddDate"): _add_date,
    (datetime, "In"): lambda at, place: at.astimezone(place),
    (datetime, "Truncate"): lambda at, span: at - (at - _ZERO) % span if span > timedelta(0) else at,
    (datetime, "String"): go_time,
    (timedelta, "Round"): lambda span, unit: (span + unit / 2) // unit * unit if unit > timedelta(0) else span,
    (timedelta, "Truncate"): lambda span, unit: span // unit * unit if unit > timedelta(0) else span,
    (datetime, "Format"): go_format,
    (datetime, "IsZero"): lambda at: at.year == 1,
}
