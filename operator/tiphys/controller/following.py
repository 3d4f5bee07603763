"""A controller with what it hears: the watch of pods, the feed of workflows; begun, watched over, ended."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from tiphys.cluster.announcements import EventQueue
from tiphys.cluster.api import Api
from tiphys.cluster.informer import Informer
from tiphys.controller.controller import Controller
from tiphys.controller.sharding import Replica
from tiphys.controller.sweep import Sweep
from tiphys.model.names import LABEL_INSTANCE_ID, LABEL_WORKFLOW
from tiphys.pods.view import PodView

log = logging.getLogger(__name__)


Work = Callable[[], Coroutine[Any, Any, None]]


class Feed(Protocol):
    """Tells the controller of workflows."""

    def start(self) -> None:
        """Begin to listen."""

    async def stop(self) -> None:
        """End listening."""


class Following:
    """A controller at work.

    Args:
        api: Where pods are watched.
        namespace: Only pods of this namespace; empty for all.
    """

    def __init__(
        self, api: Api, controller: Controller, announcements: EventQueue, feeds: Sequence[Feed], namespace: str = ""
    ) -> None:
        self._controller = controller
        self._feeds = feeds
        instance = controller.pod_settings.instance_id
        labels = f"{LABEL_WORKFLOW},{LABEL_INSTANCE_ID}={instance}" if instance else LABEL_WORKFLOW
        self.pods: Informer[PodView] = Informer(api, "Pod", parse=controller.parse_pod, namespace=namespace, labels=labels)
        self.pods.on_change, self.pods.on_delete = controller.pod_changed, controller.pod_deleted
        self.sweep = Sweep(api, controller, namespace)
        self._work: list[Work] = [self.pods.run, controller.run, announcements.run, self._when_known, self.sweep.run]
        self._first: list[Work] = []
        self._replica: Replica | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def beside(self, work: Work) -> None:
        """Do this, too, as long as the controller works."""
        self._work.append(work)

    def join(self, replica: Replica) -> None:
        """Do the part of one replica among others."""
        self._replica = replica
        self.sweep.is_own = replica.is_own
        self._controller.locking.is_shared = True
        for work in replica.works():
            self.beside(work)

    def first(self, done: Work) -> None:
        """Restore no run before this has returned."""
        self._first.append(done)

    async def _when_known(self) -> None:
        began = self._controller.clock.now()
        await self.pods.synced.wait()
        for done in self._first:
            await done()
        self._controller.ready()
        self._controller.calls.ready(began)
        log.info("pods are known: runs are restored")
        await asyncio.Event().wait()

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.get_running_loop().create_task(work()) for work in self._work]
        for feed in self._feeds:
            feed.start()

    async def until(self, stop: asyncio.Event) -> None:
        """Return when asked to stop.

        Raises:
            Exception: What ended before, though nothing of it should.
        """
        waiting = asyncio.get_running_loop().create_task(stop.wait())
        done, _ = await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for task in done - {waiting}:
            await task

    @property
    def has_ended(self) -> bool:
        """Whether something has ended that never should."""
        return any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        """Write what is known, and end."""
        await self._controller.stop()
        if self._replica is not None:
            await self._replica.leave()
        await asyncio.gather(*(feed.stop() for feed in self._feeds))
        await self.kill()

    async def kill(self) -> None:
        """End at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
