"""How many requests are under way at once: as many as the API server takes gladly, no fixed rate.

The limit grows by one with each round of answers, and is halved when the server says that it is too much; its Retry-After holds
for all. After an outage it starts from one again, so that nobody is overrun who has just come back.

Differs from Argo: it keeps to a fixed rate, `--qps`.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Self

_FIRST = 16
_SLOW_FACTOR, _SLOW_SECONDS = 4.0, 0.5


class AdaptiveLimit:
    """A limit of concurrency that adapts itself; those who wait are served in the order in which they came.

    Args:
        cap: The limit never exceeds it.

    Attributes:
        limit: Requests that may be under way now.
    """

    def __init__(self, cap: int = 64) -> None:
        self.limit = float(min(_FIRST, cap))
        self._cap = cap
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._not_before = 0.0
        self._best_seconds = 1.0

    async def __aenter__(self) -> Self:
        if self._waiting or self._under_way >= int(self.limit):
            await self._wait()
        else:
            self._under_way += 1
        try:
            await self._pause()
        except asyncio.CancelledError:
            self._end()
            raise
        return self

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._end()
            raise

    async def _pause(self) -> None:
        """Return when the server may be asked again."""
        now = asyncio.get_running_loop().time()
        while now < self._not_before:
            await asyncio.sleep(self._not_before - now)
            now = asyncio.get_running_loop().time()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._under_way -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._under_way < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)

    def answered(self, seconds: float) -> None:
        """The server answered in time; a slow answer lets nothing grow."""
        self._best_seconds = min(self._best_seconds * 1.01, max(seconds, 0.001))
        if seconds > max(_SLOW_SECONDS, self._best_seconds * _SLOW_FACTOR):
            return
        self.limit = min(float(self._cap), self.limit + 1 / self.limit)
        self._wake()

    def throttled(self, retry_after: float) -> None:
        """The server said that it is too much."""
        now = asyncio.get_running_loop().time()
        if now >= self._not_before:
            self.limit = max(1.0, self.limit / 2)
        self._not_before = max(self._not_before, now + retry_after)

    def lost(self) -> None:
        """The server did not answer."""
        self.limit = 1.0
