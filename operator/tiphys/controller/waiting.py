"""What waits for the archive: the oldest end first, what failed by itself later, and who waits until it is settled."""

import asyncio
import heapq

import msgspec

from tiphys.controller.backoff import Backoff


class Waiting(msgspec.Struct, order=True):
    """A workflow that waits, sorted by its end.

    Attributes:
        told: The conditions by which it says that it waits.
        backoff: How it is tried again by itself; none was needed yet.
    """

    finished_at: str
    uid: str
    namespace: str = ""
    name: str = ""
    told: frozenset[str] = frozenset()
    backoff: Backoff | None = None


class Backlog:
    """Workflows that wait, each once; it alone knows which of them may be deleted."""

    def __init__(self) -> None:
        self._due: list[Waiting] = []
        self._later: list[tuple[float, str]] = []
        self._put_off: dict[str, tuple[float, Waiting]] = {}
        self._tried: set[str] = set()
        self._changed: set[str] = set()
        self._settled: dict[str, asyncio.Event] = {}
        self._is_due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._settled)

    def __contains__(self, uid: str) -> bool:
        return uid in self._settled

    def add(self, waiting: Waiting) -> bool:
        """One more waits; False for one that does already, which is then tried at once."""
        if waiting.uid in self._settled:
            self.hurry(waiting.uid)
            return False
        self._settled[waiting.uid] = asyncio.Event()
        self.again(waiting)
        return True

    def again(self, waiting: Waiting) -> None:
        """It is to be tried in its turn."""
        self._rest(waiting.uid)
        heapq.heappush(self._due, waiting)
        self._is_due.set()

    def later(self, waiting: Waiting, seconds: float) -> None:
        """It is to be tried after a while, or at once if it changed while it was tried; others need not wait for it."""
        if waiting.uid in self._changed:
            self.again(waiting)
            return
        self._rest(waiting.uid)
        at = asyncio.get_running_loop().time() + seconds
        self._put_off[waiting.uid] = (at, waiting)
        heapq.heappush(self._later, (at, waiting.uid))
        self._set_timer()

    def hurry(self, uid: str) -> None:
        """Something has changed: what was put off is tried at once."""
        entry = self._put_off.pop(uid, None)
        if entry is not None:
            self.again(entry[1])
        elif uid in self._tried:
            self._changed.add(uid)

    async def take(self, most: int) -> list[Waiting]:
        """The oldest that are due; waits until there is one."""
        while not self._due:
            self._is_due.clear()
            await self._is_due.wait()
        taken = [heapq.heappop(self._due) for _ in range(min(most, len(self._due)))]
        self._tried.update(one.uid for one in taken)
        return taken

    def _rest(self, uid: str) -> None:
        self._tried.discard(uid)
        self._changed.discard(uid)

    def settle(self, uid: str) -> None:
        """It does not wait any more."""
        self._rest(uid)
        event = self._settled.pop(uid, None)
        if event is not None:
            event.set()

    async def settled(self, uid: str) -> None:
        """Return when it does not wait any more; at once for what never did."""
        while (event := self._settled.get(uid)) is not None:
            await event.wait()

    def close(self) -> None:
        """Nothing more is to happen."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        self.close()
        if self._later:
            self._timer = asyncio.get_running_loop().call_at(self._later[0][0], self._fall_due)

    def _fall_due(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now:
            at, uid = heapq.heappop(self._later)
            # one that was hurried meanwhile may have been put off anew
            if uid in self._put_off and self._put_off[uid][0] == at:
                self.hurry(uid)
        self._set_timer()
