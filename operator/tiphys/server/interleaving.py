"""Lines of several logs as one, in the order in which they were printed.

What is read of each log is no more than its next line, and a log is opened when its turn may have come: a pod prints nothing
before it begins. No more than so many are open at once; of more that print at the same time, some come after the others.
"""

import asyncio
import heapq
import re
from collections import deque
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

import msgspec

_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
AT_ONCE = 64

Moment = tuple[str, str]
"""Second and nanosecond in UTC, as texts that sort; empty before all others."""
START: Moment = ("", "")


def moment_of(stamp: str) -> Moment | None:
    """When something was, as Kubernetes writes it; None for what is no time."""
    found = _STAMP.fullmatch(stamp)
    if found is None:
        return None
    second, part, zone = found[1], (found[2] or "").ljust(9, "0"), found[3]
    if zone != "Z":
        sign = -1 if zone[0] == "+" else 1
        away = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        try:
            second = (datetime.fromisoformat(second) + sign * away).isoformat()
        except (ValueError, OverflowError):
            return None
    return second, part


def beginning(at: datetime | None) -> Moment:
    """The moment of a time; before all others where there is none."""
    return (at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "") if at is not None else START


class Log(msgspec.Struct, frozen=True):
    """One of the logs.

    Attributes:
        name: Whose it is.
        begins: Nothing in it was printed before.
        lines: Its lines with their times; one without was printed when the one before it was.
    """

    name: str
    begins: Moment
    lines: AsyncIterator[tuple[Moment | None, str]]


class _Next(msgspec.Struct, frozen=True, order=True):
    """The next line of an open log; `order` keeps equal times as the logs began."""

    moment: Moment
    order: int


async def interleaved(logs: Iterable[Log], at_once: int = AT_ONCE) -> AsyncIterator[tuple[str, str]]:
    """Names and lines."""
    waiting = deque(enumerate(sorted(logs, key=lambda log: log.begins)))
    opened: dict[int, tuple[Log, str]] = {}
    ahead: list[_Next] = []

    async def read(order: int, log: Log, last: Moment) -> None:
        found = await anext(log.lines, None)
        if found is not None:
            moment, line = found
            opened[order] = log, line
            heapq.heappush(ahead, _Next(moment or last, order))

    while waiting or ahead:
        while waiting and len(ahead) < at_once and (not ahead or waiting[0][1].begins <= ahead[0].moment):
            due = [waiting.popleft()]
            until = ahead[0].moment if ahead else due[0][1].begins
            while waiting and len(due) + len(ahead) < at_once and waiting[0][1].begins <= until:
                due.append(waiting.popleft())
            await asyncio.gather(*(read(order, log, log.begins) for order, log in due))
        if ahead:
            first = heapq.heappop(ahead)
            log, line = opened.pop(first.order)
            yield log.name, line
            await read(first.order, log, first.moment)
