"""The real time. The only place that reads it."""

import asyncio
import os
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, zone UTC."""
        return datetime.now(UTC)  # noqa: TID251 this is where the time comes from

    async def sleep_until(self, at: datetime) -> None:
        """Return when `at` has come; at once for the past."""
        await asyncio.sleep(max(0.0, (at - self.now()).total_seconds()))


def local_zone() -> tzinfo:
    """Where the machine's clock hangs: `TZ`, else UTC as in containers."""
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
