"""What was accepted and is done after the answer, by workers of a bounded queue.

Source: features, "Server tuning flags".
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from tiphys.errors import TiphysError, Unavailable

log = logging.getLogger(__name__)
_GRACE_S = 8.0
Work = Callable[[], Awaitable[None]]


class Dispatching(msgspec.Struct, frozen=True, kw_only=True):
    """How events are dispatched.

    Attributes:
        is_later: After the answer.
        queue_size: So many wait for that at most; further ones are refused.
        workers: So many are dispatched at once.
    """

    is_later: bool = False
    queue_size: int = 16
    workers: int = 4


class Dispatcher:
    """Dispatches what was accepted."""

    def __init__(self, said: Dispatching) -> None:
        self.said = said
        self._queue: asyncio.Queue[Work] = asyncio.Queue(said.queue_size)

    def take(self, work: Work) -> None:
        """Have it done soon.

        Raises:
            Unavailable: Too much waits.
        """
        try:
            self._queue.put_nowait(work)
        except asyncio.QueueFull:
            raise Unavailable("operation queue full") from None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work; at the end what was accepted is done first, for a while."""
        tasks = [asyncio.create_task(self._work()) for _ in range(self.said.workers)]
        try:
            yield
        finally:
            try:
                await asyncio.wait_for(self._queue.join(), _GRACE_S)
            except TimeoutError:
                log.warning("%d events and more are lost: the server ends", self._queue.qsize())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            work = await self._queue.get()
            try:
                await work()
            except TiphysError as e:
                log.warning("an event that was accepted: %s", e.message)
            except Exception:
                log.exception("an event that was accepted broke its dispatching")
            finally:
                self._queue.task_done()
