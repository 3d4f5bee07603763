"""What is written at the same time goes into one transaction: one flush to the disk for all of them, as databases themselves do.

When the transaction fails each is written alone, so that what cannot be written keeps no other from it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
_MOST = 16
_TICKS = 3


class Group(Generic[T]):
    """Writes what comes together.

    Args:
        write: Writes some, all or none.
    """

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[str, T, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, key: str, one: T) -> None:
        """Return when it is written; raises what writing it alone raised. Of one key there is one in a transaction."""
        loop = asyncio.get_running_loop()
        written = loop.create_future()
        self._waiting.append((key, one, written))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        await written

    async def _run(self) -> None:
        try:
            while self._waiting:
                for _ in range(_TICKS):
                    # those whose writing has just ended may come again, and join
                    await asyncio.sleep(0)
                await self._write_some(self._take())
        finally:
            for _, _, written in self._waiting:
                written.cancel()
            self._waiting.clear()

    def _take(self) -> list[tuple[T, "asyncio.Future[None]"]]:
        taken: dict[str, tuple[T, asyncio.Future[None]]] = {}
        left: list[tuple[str, T, asyncio.Future[None]]] = []
        for key, one, written in self._waiting:
            if written.done():
                continue
            if key in taken or len(taken) == _MOST:
                left.append((key, one, written))
            else:
                taken[key] = (one, written)
        self._waiting = left
        return list(taken.values())

    async def _write_some(self, some: Sequence[tuple[T, "asyncio.Future[None]"]]) -> None:
        if not some:
            return
        try:
            await self._write([one for one, _ in some])
        except Exception as e:
            if len(some) > 1:
                await asyncio.gather(*(self._write_some([one]) for one in some))
            elif not some[0][1].done():
                some[0][1].set_exception(e)
        except BaseException:
            for _, written in some:
                written.cancel()
            raise
        else:
            for _, written in some:
                if not written.done():
                    written.set_result(None)
