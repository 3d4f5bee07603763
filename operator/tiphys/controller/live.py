"""One workflow that the controller follows: its run, what has happened to it, what is still to be written."""

import asyncio
from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from tiphys.cluster.versions import is_older
from tiphys.engine.actions import CollectNode, DeleteOwned, StopNode
from tiphys.engine.events import Event, Restored
from tiphys.engine.patch import has_replaced, join, resolved
from tiphys.engine.run import Run
from tiphys.model.base import Json
from tiphys.model.locations import ArtifactRepositoryRefStatus
from tiphys.model.packed import Packing, packing_of
from tiphys.model.parse import to_json
from tiphys.model.phases import COMPLETED
from tiphys.model.status import WorkflowStatus
from tiphys.model.workflow import Workflow
from tiphys.pods.view import PodView, node_id

WRITE_INTERVAL = timedelta(seconds=3)
"""Changes that are neither the first nor the last are written this often at most: each write comes back through every watch."""
IDLE_INTERVAL = timedelta(seconds=30)
"""How often what nobody waits for is written: that a container is being created, on which host it runs."""
STARTS = 32
"""Creations of pods that a workflow has under way at most."""
_IDLE_FIELDS = frozenset({"message", "hostNodeName"})
_IDLE_MESSAGES = ("ContainerCreating", "PodInitializing")


class Found(NamedTuple):
    """The artifact repository that was found for a workflow, or why none could be."""

    repository: ArtifactRepositoryRefStatus | None = None
    error: str = ""


class Live:
    """The state of one followed workflow; used by one turn at a time.

    Attributes:
        started: Nodes whose runner is ordered or there.
        creating: Node -> the creation of its runner, while it is under way.
        repository: Where its artifacts go, once that is found out.
        is_verified: Whether pods that should be there and that nobody has seen have been looked for.
        sought: Stored templates that were asked for because no watch had told of them.
        closed: Set when nothing more is to be done or written.
        packing: Where the stored object has its nodes.
        size_bytes: The workflow's JSON, estimated from above; 0 for not known.
        packing_s: How long packing its nodes took.
        is_writing: Whether a write is under way; what is heard meanwhile is `heard`, and may be newer than the write.
    """

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
        self.is_idle = True
        self.last_write: datetime | None = None
        self.writer: asyncio.Task[None] | None = None
        self.write_now = asyncio.Event()
        self.wake: asyncio.TimerHandle | None = None
        self.started: set[str] = set()
        self.creating: dict[str, asyncio.Task[None]] = {}
        self.starts = asyncio.Semaphore(STARTS)
        self.repository: Found | None = None
        self.is_verified = False
        self.is_looking = False
        self.sought: set[str] = set()
        self.is_writing = False
        self.is_refused = False
        self.heard: Workflow | None = None
        self.to_delete: list[CollectNode | StopNode] = []
        self.deleting: list[CollectNode | StopNode] = []
        self.to_release: list[DeleteOwned] = []
        self.to_label: list[str] = []
        self.closed = asyncio.Event()
        self.packing = Packing()
        self.size_bytes = 0
        self.packing_s = 0.0

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def status(self) -> WorkflowStatus:
        """The status as it is now; nodes may be missing."""
        return self.run.status if self.run is not None else self.stored.status

    @property
    def phase(self) -> str:
        """The phase as it is now."""
        return self.status.phase

    @property
    def regarding(self) -> dict[str, str]:
        """The object that Kubernetes Events are about."""
        kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
        return {**kind, "namespace": self.namespace, "name": self.name, "uid": self.uid}

    @property
    def needs_restore(self) -> bool:
        """Whether the run must be made anew from what is stored."""
        return self.run is None

    def owns(self, key: str, pod: PodView) -> bool:
        """Whether the pod is one that we make: anybody may write our labels on a pod, but its place and name must fit.

        One that was made before a retry and is being deleted since is none of this run.

        Differs from Argo: it believes any pod that has them.
        """
        namespace, _, name = key.partition("/")
        node = node_id(pod)
        is_named = name.startswith(self.name) and (name == node or name.rpartition("-")[2] == node.rpartition("-")[2])
        return namespace == self.namespace and is_named and not self._is_of_earlier_run(pod)

    def _is_of_earlier_run(self, pod: PodView) -> bool:
        began = (self.run.status if self.run is not None else self.stored.status).started_at
        made = pod.metadata.creation_timestamp
        return pod.metadata.deletion_timestamp is not None and began is not None and made is not None and made < began

    def created(self, node_id: str, task: asyncio.Task[None]) -> None:
        """The creation of a runner has ended."""
        if self.creating.get(node_id) is task:
            del self.creating[node_id]

    def is_old(self, version: str) -> bool:
        """Whether a version of the object is none newer than what is known."""
        return version == self.version or is_older(version, self.version)

    def forget_run(self, workflow: Workflow) -> None:
        """The stored object is not what we thought: decide again from it."""
        self.stored = workflow
        self.version = workflow.metadata.resource_version
        self.run = None
        self.size_bytes = 0
        self.patch = {}
        self.is_urgent = self.is_ending = self.is_verified = False
        self.to_delete, self.deleting = [], []
        self.events = deque(event for event in self.events if not isinstance(event, Restored))

    def unpacked(self, workflow: Workflow) -> Workflow | None:
        """What was heard, with the nodes that are known where it only says that they are packed as we packed them; else None."""
        packing = packing_of(workflow)
        if not packing:
            self.packing = packing
            return workflow
        if packing != self.packing:
            return None
        status = replace(workflow.status, nodes=self.stored.status.nodes, compressed_nodes="", offload_node_status_version="")
        return replace(workflow, status=status)

    def add_patch(self, patch: Json) -> None:
        """Join a patch to what is still to be written."""
        join(self.patch, patch)
        status = patch.get("status", {})
        phase = status.get("phase")
        # somebody waits for locks, or for a lock's record
        self.is_urgent = self.is_urgent or phase is not None or "synchronization" in status
        self.is_ending = self.is_ending or phase in COMPLETED
        self.is_idle = self.is_idle and _is_idle(patch)
        if self.is_urgent:
            self.write_now.set()

    def delete_later(self, action: CollectNode | StopNode) -> None:
        """Delete a pod once the status that says why is written: who comes after a crash must not start it again."""
        self.to_delete.append(action)
        if isinstance(action, StopNode):
            self.is_urgent = True
            self.write_now.set()

    def take_patch(self) -> tuple[Json, bool]:
        """What is to be written, and whether it is the end; with it goes what may be deleted once it is written."""
        patch, self.patch = self.patch, {}
        if has_replaced(patch):
            patch = resolved(patch, to_json(self.stored))
        self.deleting, self.to_delete = [*self.deleting, *self.to_delete], []
        is_ending, self.is_urgent, self.is_idle = self.is_ending, False, True
        self.write_now.clear()
        return patch, is_ending

    def due(self, now: datetime) -> float:
        """Seconds until what is to be written should be."""
        if self.is_urgent or self.last_write is None:
            return 0.0
        interval = IDLE_INTERVAL if self.is_idle else WRITE_INTERVAL
        left = max(0.0, (self.last_write + interval - now).total_seconds())
        # what is costly to pack is written less often: at most a tenth of the time goes into it
        return max(left, (self.last_write - now).total_seconds() + 10 * self.packing_s)

    def close(self) -> None:
        """Nothing more is to happen."""
        self.closed.set()
        if self.wake is not None:
            self.wake.cancel()


def _is_idle(patch: Json) -> bool:
    """Whether a patch tells only what nobody waits for."""
    status = patch.get("status", {})
    if not patch.keys() <= {"status"} or not status.keys() <= {"nodes"}:
        return False
    return all(node.keys() <= _IDLE_FIELDS and _is_idle_message(node.get("message")) for node in status.get("nodes", {}).values())


def _is_idle_message(text: str | None) -> bool:
    return not text or text.startswith(_IDLE_MESSAGES)
