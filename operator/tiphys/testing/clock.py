"""A clock that stands still until it is moved."""

import asyncio
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Time as tests want it; who sleeps wakes when the clock is moved past it."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The time, zone UTC."""
        return self._now

    async def sleep_until(self, at: datetime) -> None:
        """Return when `at` has come; at once for the past."""
        while self._now < at:
            await self._moved.wait()

    def move(self, distance: timedelta) -> None:
        """Let time pass."""
        self._now += distance
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
