"""One function for each action: what a run asks for is done, and answered by an event."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tiphys.controller.claims import Claimer
from tiphys.controller.companions import Companions
from tiphys.controller.config_maps import ConfigMapReader
from tiphys.controller.housekeeping import is_chosen
from tiphys.controller.live import Live
from tiphys.controller.pod_labels import PodLabels
from tiphys.controller.starter import Starter
from tiphys.controller.telling import Teller
from tiphys.engine.actions import (
    Action,
    AskLocks,
    CollectNode,
    CreateBudget,
    CreateClaims,
    DeleteOwned,
    EmitMetric,
    LookUpMemo,
    NodeChanged,
    ReadConfigMap,
    RestartCounted,
    SaveMemo,
    StartNode,
    StopNode,
    WakeAt,
    WithdrawLocks,
    WorkflowChanged,
)
from tiphys.engine.events import MetricRefused, Woke
from tiphys.errors import SpecError

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)


class Effects:
    """Does what runs ask for; answers come back as events."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.Task[None]] = set()
        self._endless: set[asyncio.Task[None]] = set()
        self.starter = Starter(controller)
        self.companions = Companions(controller)
        self.labels = PodLabels(controller)
        self.teller = Teller(controller)
        self._do: dict[type[Action], Callable[[Live, Any], None]] = {
            StartNode: self._start,
            StopNode: Live.delete_later,
            CreateClaims: Claimer(controller).create,
            ReadConfigMap: ConfigMapReader(controller).read,
            CollectNode: Live.delete_later,
            WakeAt: self._wake,
            NodeChanged: self._node_changed,
            EmitMetric: self._emit,
            RestartCounted: self._count_restart,
            WorkflowChanged: self.teller.workflow_changed,
            AskLocks: self._ask_locks,
            WithdrawLocks: self._withdraw_locks,
            LookUpMemo: controller.memos.look_up,
            SaveMemo: controller.memos.save,
            CreateBudget: self.companions.create_budget,
            DeleteOwned: self.companions.delete_owned,
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

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside everything else until the controller ends, which does not wait for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._endless.add(task)
        task.add_done_callback(self._done)

    async def _later(self, at: datetime, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any) -> None:
        await self._controller.clock.sleep_until(at)
        self.spawn(work(*arguments))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._timers.discard(task)
        self._endless.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._controller.metrics.errors.labels("OperationPanic").inc()
            log.error("an effect broke: %s: %s", type(error).__name__, error, exc_info=error)

    @property
    def waiting_count(self) -> int:
        """What waits for its time: pods that are to be deleted."""
        return len(self._timers)

    @property
    def busy_count(self) -> int:
        """What is under way."""
        return len(self._tasks)

    async def close(self, seconds: float = 5.0) -> None:
        """Wait for requests that are under way, not for what waits for a time to come or never ends."""
        for task in (*self._timers, *self._endless):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = [*self._tasks, *self._timers, *self._endless]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def abandon(self) -> None:
        """End everything at once, as a crash does."""
        for task in (*self._tasks, *self._timers, *self._endless):
            task.cancel()

    def _node_changed(self, live: Live, action: NodeChanged) -> None:
        self.teller.node_changed(live, action)
        self.labels.changed(live, action)

    def _ask_locks(self, live: Live, action: AskLocks) -> None:
        self._controller.calls.asked(live, action)
        self._controller.locking.ask(live, action)

    def _withdraw_locks(self, live: Live, action: WithdrawLocks) -> None:
        self._controller.calls.withdrawn(live, action)
        self._controller.locking.withdraw(live, action)

    # --- metrics of users

    def _emit(self, live: Live, action: EmitMetric) -> None:
        controller = self._controller
        try:
            controller.metrics.custom.emit(live.uid, action)
        except SpecError as e:
            if not controller.configuration.metrics_config.ignore_errors:
                controller.send(live, MetricRefused(f"unable to emit metric '{action.name}': {e.message}"))

    def _count_restart(self, live: Live, action: RestartCounted) -> None:
        self._controller.metrics.pod_restarts.labels(action.reason, "", live.namespace).inc()

    # --- pods that are no longer needed

    def _start(self, live: Live, action: StartNode) -> None:
        agents = self._controller.agents
        (agents.start if agents.does(action.order) else self.starter.start)(live, action)

    def collect(self, live: Live) -> None:
        """The status is written: pods whose end it records may go."""
        self._controller.kept.written(live)
        actions, live.deleting = live.deleting, []
        self.labels.written(live, {action.pod_name for action in actions})
        gc = live.run.spec.pod_gc if live.run is not None else None
        for action in actions:
            if not action.pod_name:
                self._controller.agents.collect(live, action)
                continue
            if isinstance(action, StopNode):
                self.starter.stop(live, action)
                continue
            pod = self._controller.pods.of(live.uid).get(f"{live.namespace}/{action.pod_name}")
            if pod is None or is_chosen(gc, pod):
                at = self._controller.clock.now() + timedelta(seconds=action.delay_seconds)
                self.later(at, self._delete_pod, live.namespace, action.pod_name)
        self.companions.release(live)

    async def _delete_pod(self, namespace: str, name: str) -> None:
        grace = self._controller.configuration.pod_gc_grace_period_seconds
        await self.starter.delete_pod(namespace, name, grace_seconds=grace)

    # --- time

    def _wake(self, live: Live, action: WakeAt) -> None:
        if live.wake is not None:
            live.wake.cancel()
        seconds = max(0.0, (action.at - self._controller.clock.now()).total_seconds())
        live.wake = asyncio.get_running_loop().call_later(seconds + 0.001, self._controller.send, live, Woke())
