"""The real time. The only place that reads it."""

import asyncio
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, zone UTC."""
        return datetime.now(UTC)  # noqa: TID251 this is where the time comes from

    async def sleep_until(self, at: datetime) -> None:
        """Return when `at` has come; at once for the past."""
        await asyncio.sleep(max(0.0, (at - self.now()).total_seconds()))
