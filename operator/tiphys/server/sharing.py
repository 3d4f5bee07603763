"""Costly answers that several wait for at once are made once for all of them.

Nobody is given what was begun before he asked: who comes while one is being made waits for the next, and shares it with all who
came meanwhile. So a list shows what its reader has just made, however many read it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Sharing(Generic[T]):
    """Makes answers.

    Args:
        at_once: So many are made at the same time; of equal ones, one.
    """

    def __init__(self, at_once: int) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._turns: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._next: dict[Hashable, asyncio.Future[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` makes, or what it made for another who asked with the same key; its errors are shared, too."""
        while (waiting := self._next.get(key)) is not None:
            await asyncio.wait({waiting})
            # who was to make it may have gone away
            if not waiting.cancelled():
                return waiting.result()
        return await self._made(key, make)

    async def _made(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        promised: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._next[key] = promised
        turn = self._turns.setdefault(key, asyncio.Lock())
        try:
            async with turn, self._places:
                del self._next[key]
                promised.set_result(await make())
        except Exception as e:
            promised.set_exception(e)
        finally:
            if self._next.get(key) is promised:
                del self._next[key]
            # does nothing to one that is kept or broken
            promised.cancel()
        return promised.result()
