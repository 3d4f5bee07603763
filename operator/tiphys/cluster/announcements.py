"""Kubernetes Events, sent in the background: dropped rather than in the way of a step."""

import asyncio
import itertools
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from tiphys.errors import TiphysError
from tiphys.model.base import Json
from tiphys.ports import Clock, Objects

log = logging.getLogger(__name__)
_QUEUE = 10_000


class EventQueue:
    """Announcements through a bounded queue."""

    def __init__(self, objects: Objects, clock: Clock, component: str = "workflow-controller") -> None:
        self._objects = objects
        self._clock = clock
        self._component = component
        self._queue: asyncio.Queue[Json] = asyncio.Queue(_QUEUE)
        self._numbers = itertools.count()

    def announce(
        self,
        regarding: Mapping[str, str],
        *,
        type_: str,
        reason: str,
        message: str,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        """Queue an Event about an object; the newest is dropped when the queue is full."""
        at = self._clock.now().astimezone(UTC)
        stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        event: Json = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{regarding['name']}.{_unique(at, next(self._numbers))}",
                "namespace": regarding["namespace"],
                "annotations": dict(annotations or {}),
            },
            "involvedObject": dict(regarding),
            "type": type_,
            "reason": reason,
            "message": message[:1024],
            "source": {"component": self._component},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.debug("dropped an event %s", reason)

    async def run(self) -> None:
        """Send what is queued until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._objects.create("Event", event["metadata"]["namespace"], event)
            except TiphysError as e:
                log.debug("event %s was not sent: %s", event["reason"], e)


def _unique(at: datetime, number: int) -> str:
    return f"{int(at.timestamp() * 1e6):x}{number & 0xFFF:03x}"
