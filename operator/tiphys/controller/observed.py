"""The pods that are known, by the workflow that owns them, and what those that have ended say.

A record that did not fit into the termination message is read from the log once and kept as long as the pod is.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from tiphys.controller.progress import ProgressReader
from tiphys.errors import OutsideError, TiphysError
from tiphys.model.phases import ERROR, RUNNING
from tiphys.model.record import DamagedRecord, Framed, parse_frame
from tiphys.model.report import NodeReport
from tiphys.pods.read import framed_record, read_pod
from tiphys.pods.view import PodView, node_id, owner_uid
from tiphys.ports import Logs

log = logging.getLogger(__name__)
_DELAYS = (0.0, 0.2, 1.0, 3.0, 10.0)


class Results(Protocol):
    """What another executor left."""

    def is_wanted(self, pod: PodView) -> bool:
        """Whether one runs in the pod."""

    async def complete(self, key: str, pod: PodView, report: NodeReport) -> NodeReport:
        """The report with it."""


class ObservedPods:
    """Owner's uid -> `namespace/name` -> pod.

    Args:
        logs: Where records are read that are too long for a termination message.
        spawn: Does something beside everything else.
        hear: Told what a pod says whose record had to be read first.
        results: Completes what pods of another executor say.
        progress_seconds: How often is asked how far pods are that tell it themselves; 0 for never.
    """

    def __init__(
        self, logs: Logs, spawn: Callable[[Coroutine[Any, Any, None]], object], hear: Callable[[str, NodeReport], None],
        results: Results, progress_seconds: float = 5.0,
    ) -> None:  # fmt: skip
        self._results = results
        self._logs = logs
        self._spawn = spawn
        self._hear = hear
        self._pods: dict[str, dict[str, PodView]] = {}
        self._progress = ProgressReader(logs, spawn, self._progressed, progress_seconds)
        self._framed: dict[str, NodeReport | None] = {}

    def all(self) -> Iterator[PodView]:
        """Every pod."""
        return (pod for pods in self._pods.values() for pod in pods.values())

    def of(self, uid: str) -> Mapping[str, PodView]:
        """The pods of a workflow."""
        return self._pods.get(uid, {})

    def known(self, key: str, pod: PodView) -> PodView | None:
        """The pod as it is now; None when it is gone."""
        now = self._pods.get(owner_uid(pod), {}).get(key)
        return now if now is not None and now.metadata.uid == pod.metadata.uid else None

    def store(self, key: str, pod: PodView) -> str:
        """Know a pod; its owner's uid, empty for a pod of nobody's."""
        uid = owner_uid(pod) if node_id(pod) else ""
        if uid:
            self._pods.setdefault(uid, {})[key] = pod
        return uid

    def forget(self, key: str, pod: PodView) -> str:
        """A pod is gone; its owner's uid."""
        uid = owner_uid(pod) if node_id(pod) else ""
        pods = self._pods.get(uid, {})
        pods.pop(key, None)
        if not pods:
            self._pods.pop(uid, None)
        self._framed.pop(pod.metadata.uid, None)
        self._progress.forget(pod)
        return uid

    def report(self, key: str, pod: PodView) -> NodeReport | None:
        """What a pod says; None while its record must first be read from the log."""
        report = self._progress.heard(key, pod, read_pod(pod))
        framed = framed_record(pod) if report.is_final else None
        if framed is None and not (report.is_final and self._results.is_wanted(pod)):
            return report
        uid = pod.metadata.uid
        if uid not in self._framed:
            self._framed[uid] = None
            self._spawn(self._read_late(key, pod, report, framed))
        return self._framed[uid]

    def _progressed(self, key: str, pod: PodView) -> None:
        """The log of a pod says how far it is: what it says now is heard with it."""
        now = self.known(key, pod)
        report = self.report(key, now) if now is not None else None
        if report is not None and not report.is_final:
            self._hear(owner_uid(pod), report)

    def close(self) -> None:
        """Read nothing more."""
        self._progress.close()

    def now(self, key: str, pod: PodView) -> NodeReport:
        """What a pod says; one whose record is still to be read is said to run."""
        return self.report(key, pod) or msgspec.structs.replace(read_pod(pod), phase=RUNNING, message="", is_final=False)

    def last_words(self, pod: PodView) -> NodeReport | None:
        """What a pod that is gone said as it ended; None when it did not end, or its record is lost."""
        known = self._framed.get(pod.metadata.uid)
        if known is not None:
            return known
        report = read_pod(pod)
        return report if report.is_final and framed_record(pod) is None else None

    async def _read_late(self, key: str, pod: PodView, report: NodeReport, framed: Framed | None) -> None:
        if framed is not None:
            report = await self._framed_report(key, pod, framed)
        else:
            report = await self._results.complete(key, pod, report)
        if pod.metadata.uid in self._framed:
            self._framed[pod.metadata.uid] = report
            self._hear(owner_uid(pod), report)

    async def _framed_report(self, key: str, pod: PodView, framed: Framed) -> NodeReport:
        namespace, _, name = key.partition("/")
        message, attempt = "", 0
        while attempt < len(_DELAYS):
            await asyncio.sleep(_DELAYS[attempt])
            try:
                tail = await self._logs.tail(namespace, name, "main", limit_bytes=framed.tail_bytes)
                return read_pod(pod, parse_frame(tail, framed))
            except TiphysError as e:
                # an API server that is away says nothing about the record
                is_away = isinstance(e, OutsideError) and not isinstance(e, DamagedRecord)
                message, attempt = e.message, max(attempt, 1) if is_away else attempt + 1
            if pod.metadata.uid not in self._framed:
                break
        return msgspec.structs.replace(read_pod(pod), phase=ERROR, message=f"outputs could not be read: {message}")
