"""One workflow that the controller follows: its run, what has happened to it, what is still to be written."""

import asyncio
from collections import deque
from datetime import datetime, timedelta

from tiphys.engine.actions import CollectNode
from tiphys.engine.events import Event, Restored
from tiphys.engine.run import Run
from tiphys.model.base import Json
from tiphys.model.phases import COMPLETED
from tiphys.model.workflow import Workflow

WRITE_INTERVAL = timedelta(seconds=2)
"""Changes that are neither the first nor the last are written this often at most: each write comes back through every watch."""


class Live:
    """The state of one followed workflow; used by one turn at a time."""

    def __init__(self, workflow: Workflow) -> None:
        meta = workflow.metadata
        self.uid, self.namespace, self.name = meta.uid, meta.namespace, meta.name
        self.stored = workflow
        self.version = meta.resource_version
        self.run: Run | None = None
        self.events: deque[Event] = deque()
        self.patch: Json = {}
        self.is_urgent = False
        self.is_ending = False
        self.last_write: datetime | None = None
        self.writer: asyncio.Task[None] | None = None
        self.wake: asyncio.TimerHandle | None = None
        self.own_versions: set[str] = {self.version}
        self.started: set[str] = set()
        self.to_collect: list[CollectNode] = []

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def needs_restore(self) -> bool:
        """Whether the run must be made anew from what is stored."""
        return self.run is None

    def forget_run(self, workflow: Workflow) -> None:
        """The stored object is not what we thought: decide again from it."""
        self.stored = workflow
        self.version = workflow.metadata.resource_version
        self.own_versions = {self.version}
        self.run = None
        self.patch = {}
        self.events = deque(event for event in self.events if not isinstance(event, Restored))

    def add_patch(self, patch: Json) -> None:
        """Join a patch to what is still to be written."""
        _join(self.patch, patch)
        phase = patch.get("status", {}).get("phase")
        self.is_urgent = self.is_urgent or phase is not None
        self.is_ending = self.is_ending or phase in COMPLETED

    def due(self, now: datetime) -> float:
        """Seconds until what is to be written should be."""
        if self.is_urgent or self.last_write is None:
            return 0.0
        return max(0.0, (self.last_write + WRITE_INTERVAL - now).total_seconds())


def _join(target: Json, patch: Json) -> None:
    """A later merge patch over an earlier one; nulls are kept, since they remove what is stored."""
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _join(target[key], value)
        else:
            target[key] = value
