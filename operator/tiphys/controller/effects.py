"""One function for each action: what a run asks for is done, and answered by an event."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tiphys.controller.backoff import Backoff
from tiphys.controller.claims import Claimer
from tiphys.controller.config_maps import ConfigMapReader
from tiphys.controller.live import Live
from tiphys.controller.starter import Starter
from tiphys.controller.telling import Teller
from tiphys.engine.actions import (
    Action,
    AskLocks,
    CollectNode,
    CreateClaims,
    DeleteWorkflowAt,
    LookUpMemo,
    NodeChanged,
    ReadConfigMap,
    SaveMemo,
    StartNode,
    StopNode,
    WakeAt,
    WithdrawLocks,
    WorkflowChanged,
)
from tiphys.engine.events import Woke
from tiphys.errors import OutsideError, TiphysError

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)


class Effects:
    """Does what runs ask for; answers come back as events."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.Task[None]] = set()
        self.starter = Starter(controller)
        teller = Teller(controller.announcements, controller.metrics)
        self._do: dict[type[Action], Callable[[Live, Any], None]] = {
            StartNode: self.starter.start,
            StopNode: self.starter.stop,
            CreateClaims: Claimer(controller).create,
            ReadConfigMap: ConfigMapReader(controller).read,
            CollectNode: self._collect_later,
            WakeAt: self._wake,
            NodeChanged: teller.node_changed,
            WorkflowChanged: teller.workflow_changed,
            DeleteWorkflowAt: self._delete_at,
            AskLocks: controller.locking.ask,
            WithdrawLocks: controller.locking.withdraw,
            LookUpMemo: controller.memos.look_up,
            SaveMemo: controller.memos.save,
        }

    def apply(self, live: Live, actions: list[Action]) -> None:
        """Do all of them; none waits for another."""
        for action in actions:
            self._do[type(action)](live, action)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do this beside everything else; a fault in it is logged and ends nothing else."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def later(self, at: datetime, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        """Do this when its time has come, unless the controller ends before."""
        task = asyncio.get_running_loop().create_task(self._later(at, work, *arguments))
        self._timers.add(task)
        task.add_done_callback(self._done)

    async def _later(self, at: datetime, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        await self._controller.clock.sleep_until(at)
        self.spawn(work(*arguments))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._timers.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._controller.metrics.errors.labels("OperationPanic").inc()
            log.error("an effect broke: %s: %s", type(error).__name__, error, exc_info=error)

    async def close(self, seconds: float = 5.0) -> None:
        """Wait for requests that are under way, not for what waits for a time to come."""
        for task in self._timers:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = [*self._tasks, *self._timers]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def abandon(self) -> None:
        """End everything at once, as a crash does."""
        for task in (*self._tasks, *self._timers):
            task.cancel()

    # --- pods that are no longer needed

    def _collect_later(self, live: Live, action: CollectNode) -> None:
        live.to_collect.append(action)

    def collect(self, live: Live) -> None:
        """The status is written: pods whose end it records may go."""
        actions, live.to_collect = live.to_collect, []
        for action in actions:
            at = self._controller.clock.now() + timedelta(seconds=action.delay_seconds)
            self.later(at, self.starter.delete_pod, live.namespace, action.pod_name)

    # --- time

    def _wake(self, live: Live, action: WakeAt) -> None:
        if live.wake is not None:
            live.wake.cancel()
        seconds = max(0.0, (action.at - self._controller.clock.now()).total_seconds())
        live.wake = asyncio.get_running_loop().call_later(seconds + 0.001, self._controller.send, live, Woke())

    def _delete_at(self, live: Live, action: DeleteWorkflowAt) -> None:
        self.later(action.at, self._delete_workflow, live)

    async def _delete_workflow(self, live: Live) -> None:
        backoff = Backoff(longest=60.0)
        # not before its end is written, nor before it is archived
        await live.closed.wait()
        await self._controller.keeping.settled(live.uid)
        while not self._controller.is_stopping:
            try:
                await self._controller.objects.delete("Workflow", live.namespace, live.name, uid=live.uid)
            except OutsideError as e:
                await backoff.wait(e)
            except TiphysError as e:
                log.warning("workflow %s cannot be deleted: %s", live.key, e.message)
                return
            else:
                return
