"""Whose turn it is: each workflow at most once in the queue, a busy one behind those that came meanwhile."""

import asyncio
from collections import deque

SLICE_SECONDS = 0.02
"""How long one workflow's turn may take while others wait."""


class TurnQueue:
    """Workflows by uid, in the order in which they asked.

    Attributes:
        waited: Seconds for which the last one that was taken had waited.
    """

    def __init__(self) -> None:
        self._queue: deque[str] = deque()
        self._queued: dict[str, float] = {}
        self.waited = 0.0
        self._has_work = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, uid: str) -> None:
        """Ask for a turn; asking twice gives one."""
        if uid not in self._queued:
            self._queued[uid] = asyncio.get_running_loop().time()
            self._queue.append(uid)
            self._has_work.set()

    async def take(self) -> str:
        """The next one; waits until there is one."""
        while not self._queue:
            self._has_work.clear()
            await self._has_work.wait()
        uid = self._queue.popleft()
        self.waited = asyncio.get_running_loop().time() - self._queued.pop(uid)
        return uid
