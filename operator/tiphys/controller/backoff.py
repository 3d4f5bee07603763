"""How long to wait before what the API server refused is tried again."""

import asyncio
import random

from tiphys.errors import OutsideError, TiphysError


class Backoff:
    """Growing, jittered waits; never shorter than the server asked for.

    Args:
        first: Seconds of the first wait.
        longest: Seconds that no wait exceeds, unless the server asks for more; what it refuses for good waits as long.
        factor: What each wait is longer than the one before by.
    """

    def __init__(self, first: float = 0.2, longest: float = 10.0, factor: float = 2.0) -> None:
        self._factor = factor
        self._next = first
        self._longest = longest

    async def wait(self, error: TiphysError) -> None:
        """Return when it is time to try again."""
        await asyncio.sleep(self.seconds(error))

    def seconds(self, error: TiphysError) -> float:
        """How long to wait after one more failure."""
        if not isinstance(error, OutsideError):
            return self._longest
        delay, self._next = self._next, min(self._next * self._factor, self._longest)
        return max(delay * random.uniform(0.75, 1.0), error.retry_after)  # noqa: S311 jitter
