"""A world without a cluster: runners do what a script says, time passes only when nothing else happens.

`World(workflow).play()` runs a workflow to its end; `restores=True` forgets everything but the stored object before each event,
as a crash of the controller would.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import yaml

from tiphys.engine.actions import Action, CollectNode, CreateClaims, StartNode, StopNode, WakeAt
from tiphys.engine.events import ClaimsCreated, Event, LockEvent, NodeGone, NodeReported, Restored, SpecChanged, Woke
from tiphys.engine.patch import merge
from tiphys.engine.premises import Premises
from tiphys.engine.run import Run
from tiphys.model.locations import ArtifactRepositoryRefStatus
from tiphys.model.order import NodeOrder
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.report import NodeReport
from tiphys.model.status import NodeStatus
from tiphys.model.workflow import Workflow
from tiphys.testing.shared import Shared, uid_of

_ADDRESS = "192.0.2.1"
"""Where daemons are; of those that RFC 5737 keeps for documentation."""
START = datetime(2026, 1, 1, tzinfo=UTC)
Behaviour = Callable[[NodeOrder], Mapping[str, Any]]
"""Fields of the final report of an ordered node, `hangs: True` for a node that runs on, `seconds` for how long it takes."""


def workflow_of(text: str, name: str = "hello") -> Workflow:
    """A workflow from YAML text; a spec alone will do."""
    document = yaml.safe_load(text)
    if "spec" not in document:
        document = {"spec": document}
    document.setdefault("metadata", {}).setdefault("name", name)
    return parse_workflow(document)


class World:
    """One workflow, its runners, and a clock."""

    def __init__(
        self,
        workflow: str | Workflow,
        behave: Behaviour = lambda _order: {},
        *,
        restores: bool = False,
        repository: ArtifactRepositoryRefStatus | None = None,
        premises: Premises | None = None,
        shared: Shared | None = None,
    ) -> None:
        self.now = START
        self.behave = behave
        self.restores = restores
        self.repository = repository
        self.premises = premises or Premises()
        self.shared = shared or Shared()
        self.orders: list[NodeOrder] = []
        self.stopped: list[str] = []
        self.actions: list[Action] = []
        self.run = Run(workflow_of(workflow) if isinstance(workflow, str) else workflow)
        self.stored = to_json(self.run.workflow)
        self._events: deque[tuple[datetime, Event]] = deque()
        self.shared.listeners[uid_of(self.run.workflow)] = self._hear
        self._reports: dict[str, NodeReport] = {}
        self._wake: datetime | None = None
        self._started: set[str] = set()
        self.send(Restored(repository=repository, premises=self.premises))

    def send(self, event: Event) -> None:
        """Let something happen now."""
        # a run made anew asks for its locks again: before an answer about them it would never have one
        if self.restores and not isinstance(event, Restored | LockEvent):
            stored = parse_workflow(self.stored)
            self.shared.restored(stored)
            self._events = deque((at, event) for at, event in self._events if not isinstance(event, LockEvent))
            self.run = Run(stored)
            known = Restored(tuple(self._reports.values()), self.repository, premises=self.premises)
            self._take(self.run.handle(known, self.now))
        self._take(self.run.handle(event, self.now))

    def observe(self, event: Event) -> None:
        """Let something happen to a runner now, which whoever comes after a crash still sees."""
        if isinstance(event, NodeReported):
            self._reports[event.report.node_id] = event.report
        elif isinstance(event, NodeGone):
            self._reports.pop(event.node_id, None)
            self._started.discard(event.node_id)
        self.send(event)

    def hear_answers(self) -> None:
        """Let everybody answer but the runners."""
        while answers := [event for _, event in self._events if not isinstance(event, NodeReported)]:
            self._events.clear()
            for event in answers:
                self.send(event)
        self._events.clear()

    def change_spec(self, **fields: Any) -> None:
        """Edit the spec as a user would."""
        stored = parse_workflow(self.stored)
        new = msgspec.structs.replace(stored, spec=msgspec.structs.replace(stored.spec, **fields))
        self.stored["spec"] = to_json(new)["spec"]
        self.send(SpecChanged(new))

    def _take(self, actions: list[Action]) -> None:
        self.actions += actions
        self._wake = None
        for action in actions:
            match action:
                case StartNode(order=order):
                    self._start(order)
                case StopNode(node_id=node_id):
                    self.stopped.append(node_id)
                case CollectNode(node_id=node_id):
                    self._reports.pop(node_id, None)
                case CreateClaims():
                    self._events.append((self.now, ClaimsCreated()))
                case WakeAt(at=at):
                    self._wake = at
                case _:
                    self.shared.answer(action, self.run.workflow, self.now)
        patch = self.run.take_patch() or {}
        merge(self.stored, patch)
        if "synchronization" in patch.get("status", {}):
            self.shared.stored(parse_workflow(self.stored))

    def _hear(self, event: Event) -> None:
        self._events.append((self.now, event))

    def _start(self, order: NodeOrder) -> None:
        if order.node_id in self._started:
            return
        self._started.add(order.node_id)
        self.orders.append(order)
        fields = dict(self.behave(order))
        hangs, seconds = fields.pop("hangs", False), fields.pop("seconds", 0)
        is_daemon = bool(order.template.daemon)
        running = NodeReport(node_id=order.node_id, phase="Running", ready=is_daemon, pod_ip=_ADDRESS if is_daemon else "")
        self._events.append((self.now, NodeReported(running)))
        if hangs or is_daemon:
            return
        result = "" if order.wants_result else None
        known: dict[str, Any] = {"phase": "Succeeded", "exit_code": 0, "result": result, "is_final": True}
        at = self.now + timedelta(seconds=seconds)
        self._events.append((at, NodeReported(NodeReport(node_id=order.node_id, **(known | fields)))))

    def step(self) -> bool:
        """Let the next thing happen; False when nothing is left to happen."""
        if self._events:
            at, event = min(self._events, key=lambda pair: pair[0])
            self._events.remove((at, event))
            self.now = max(self.now, at)
            self.observe(event)
            return True
        if self._wake is not None and not self.run.is_finished:
            self.now = max(self.now, self._wake)
            self.send(Woke())
            return True
        return False

    def play(self, limit: int = 10_000) -> "World":
        """Let everything happen that can."""
        for _ in range(limit):
            if not self.step():
                return self
        raise AssertionError(f"the workflow did not come to rest in {limit} events")

    def node(self, name: str) -> NodeStatus:
        """The node called `name`, as it is stored."""
        for node in parse_workflow(self.stored).status.nodes.values():
            if node.name == name:
                return node
        raise AssertionError(f"no node {name!r}; there are {sorted(self.phases())}")

    def phases(self) -> dict[str, str]:
        """Node name -> phase, as stored."""
        return {node.name: node.phase for node in parse_workflow(self.stored).status.nodes.values()}

    @property
    def phase(self) -> str:
        """The workflow's phase, as stored."""
        return parse_workflow(self.stored).status.phase

    @property
    def message(self) -> str:
        """The workflow's message, as stored."""
        return parse_workflow(self.stored).status.message
