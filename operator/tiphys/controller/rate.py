"""How many pods may be created a second, where the configuration says so (`resourceRateLimit`).

Source: argo-semantics 4.7.
"""

import asyncio
from collections.abc import Callable

from tiphys.settings.configuration import ResourceRateLimit


class TokenBucket:
    """Tokens come at a steady rate and are kept up to a burst; who comes when there is none waits in line."""

    def __init__(self) -> None:
        self._limit = ResourceRateLimit()
        self._tokens = 0.0
        self._at = 0.0

    def configure(self, limit: ResourceRateLimit | None) -> None:
        """Take a limit; None or a rate of 0 for none."""
        self._limit = limit or ResourceRateLimit()
        self._tokens = float(max(1, self._limit.burst))

    async def take(self, waits: Callable[[], None]) -> None:
        """Return when one more may be created.

        Args:
            waits: Called once when that is not at once.
        """
        seconds = self.reserve(asyncio.get_running_loop().time())
        if seconds > 0:
            waits()
            await asyncio.sleep(seconds)

    def reserve(self, now: float) -> float:
        """Take a token; after how many seconds it may be used.

        Args:
            now: Seconds on any clock that never goes back.
        """
        rate = self._limit.limit
        if rate <= 0:
            return 0.0
        self._tokens = min(float(max(1, self._limit.burst)), self._tokens + (now - self._at) * rate)
        self._at = now
        # what is not there yet is borrowed: later comers wait longer
        self._tokens -= 1.0
        return max(0.0, -self._tokens / rate)
