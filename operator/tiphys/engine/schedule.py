"""What a run does next: a worklist, so that nothing recurses however deep a graph is; what waits for rest; and timers."""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol


class Sleeper(Protocol):
    """Who can be woken."""

    def woke(self) -> None:
        """A time that was asked for has come."""


class Schedule:
    """Work that is due now, work for when nothing else is, and who is to be woken when.

    What a piece of work asks for is done before what was asked for earlier, and in its own order, as if it had called it: so what
    stands first in the text is the first to begin, with all that is inside of it, which matters where room is short.
    """

    def __init__(self) -> None:
        self._asked: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._stack: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._rest: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[datetime, int, Sleeper | None]] = []
        self._order = itertools.count()

    def soon(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do this after what is being done."""
        self._asked.append((work, arguments))

    def at_rest(self, work: Callable[[], None]) -> None:
        """Do this when nothing else can be done."""
        self._rest.append(work)

    def drain(self) -> None:
        """Do all that is due now."""
        stack = self._stack
        while True:
            if self._asked:
                stack += reversed(self._asked)
                self._asked.clear()
            if not stack:
                return
            work, arguments = stack.pop()
            work(*arguments)

    def rest(self) -> bool:
        """Do one thing that waited for rest; False when nothing did."""
        if not self._rest:
            return False
        self._rest.popleft()()
        return True

    def wake_at(self, at: datetime, sleeper: Sleeper | None) -> None:
        """Wake somebody then; None only makes time be looked at."""
        heapq.heappush(self._timers, (at, next(self._order), sleeper))

    @property
    def next_wake(self) -> datetime | None:
        """When somebody is to be woken next."""
        return self._timers[0][0] if self._timers else None

    def take_due(self, now: datetime) -> list[Sleeper]:
        """Who is to be woken by now; each is given once."""
        due = []
        while self._timers and self._timers[0][0] <= now:
            sleeper = heapq.heappop(self._timers)[2]
            if sleeper is not None:
                due.append(sleeper)
        return due
