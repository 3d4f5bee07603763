"""How far pods say to be that tell it themselves: read now and then from the log of their sidecar, while they run.

What such a sidecar says in the end is part of the pod's status (`pods/read.py`), so nothing is lost with a log.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from tiphys.errors import TiphysError
from tiphys.model.report import NodeReport
from tiphys.pods.failure import PROGRESS
from tiphys.pods.view import PodView
from tiphys.ports import Logs

log = logging.getLogger(__name__)
_AT_A_TIME = 8
_TAIL_BYTES = 256


class ProgressReader:
    """Reads for all pods, one after the other, a few at a time; sleeps while no pod tells anything.

    Args:
        logs: Where it is read.
        spawn: Does something beside everything else.
        hear: Told the key of a pod that is further, and the pod.
        seconds: Between two looks; 0 for none.
    """

    def __init__(
        self, logs: Logs, spawn: Callable[[Coroutine[Any, Any, None]], object], hear: Callable[[str, PodView], None],
        seconds: float,
    ) -> None:  # fmt: skip
        self._logs = logs
        self._spawn = spawn
        self._hear = hear
        self._seconds = seconds
        self._running: dict[str, tuple[str, PodView]] = {}
        self._said: dict[str, str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_reading = False

    def heard(self, key: str, pod: PodView, report: NodeReport) -> NodeReport:
        """The report of a pod, with what its log said last."""
        if PROGRESS not in pod.spec.sidecars:
            return report
        uid = pod.metadata.uid
        if not self._runs(pod):
            self._running.pop(uid, None)
        elif self._seconds > 0:
            self._running[uid] = (key, pod)
            self._look_later()
        known = self._said.get(uid, "")
        return msgspec.structs.replace(report, progress=known) if known and not report.progress else report

    def forget(self, pod: PodView) -> None:
        """The pod is gone."""
        self._running.pop(pod.metadata.uid, None)
        self._said.pop(pod.metadata.uid, None)

    def close(self) -> None:
        """Read nothing more."""
        self._running.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self) -> None:
        if self._running and self._timer is None and not self._is_reading:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look_now)

    def _look_now(self) -> None:
        self._timer, self._is_reading = None, True
        self._spawn(self._read())

    @staticmethod
    def _runs(pod: PodView) -> bool:
        found = (one.state.running for one in pod.status.init_container_statuses if one.name == PROGRESS)
        return any(state is not None for state in found)

    async def _read(self) -> None:
        places = asyncio.Semaphore(_AT_A_TIME)
        try:
            await asyncio.gather(*(self._look(uid, places) for uid in list(self._running)))
        finally:
            self._is_reading = False
        self._look_later()

    async def _look(self, uid: str, places: asyncio.Semaphore) -> None:
        async with places:
            if uid not in self._running:
                return
            key, pod = self._running[uid]
            namespace, _, name = key.partition("/")
            try:
                tail = await self._logs.tail(namespace, name, PROGRESS, limit_bytes=_TAIL_BYTES)
            except TiphysError as e:
                log.debug("progress of %s cannot be read: %s", key, e)
                return
        lines = tail.decode(errors="replace").split()
        if lines and uid in self._running and self._said.get(uid) != lines[-1]:
            self._said[uid] = lines[-1]
            self._hear(key, pod)
