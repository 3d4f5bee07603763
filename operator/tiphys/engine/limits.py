"""What holds new nodes back: suspension, parallelism of the workflow and of a template. Held executions wait in line.

Source: argo-semantics 13.1, 15.2.
Differs from Argo: while a workflow is suspended, what runs is followed to its end, up to the nodes around it; nothing new starts.
"""

from collections import deque
from typing import TYPE_CHECKING, Protocol

from tiphys.model.phases import UNSUCCESSFUL

if TYPE_CHECKING:
    from tiphys.engine.calls import Call
    from tiphys.engine.execution import Execution
    from tiphys.model.template import Template


class Body(Protocol):
    """A Steps or DAG execution, as far as limits care."""

    call: "Call"
    parallelism: int | None
    active: int
    held: "deque[Execution]"
    is_failing: bool

    def note_failure(self) -> None:
        """A child went wrong."""

    def check_idle(self) -> None:
        """Nothing of it may be active any more, and nothing new starts."""



class Limits:
    """Who may start now, and who waits."""

    def __init__(self) -> None:
        self.is_suspended = False
        self.parallelism: int | None = None
        self.active_pods = 0
        self._held: deque[Execution] = deque()
        self._bodies: dict[str, Body] = {}
        self._ready: dict[str, None] = {}

    def enter(self, node_id: str, body: Body) -> None:
        """Remember the execution that owns nodes with this boundary."""
        self._bodies[node_id] = body

    def leave(self, node_id: str) -> None:
        """Forget it: what it held back never starts."""
        self._bodies.pop(node_id, None)
        self._ready.pop(node_id, None)

    def template_of(self, node_id: str) -> "Template | None":
        """The template of the Steps or DAG node with this id, while its body is under way."""
        body = self._bodies.get(node_id)
        return body.call.found.template if body is not None else None

    def admit(self, execution: "Execution") -> bool:
        """Whether it may start now; otherwise it waits in line and is begun again."""
        body = self._bodies.get(execution.call.boundary_id)
        if self.is_suspended or (self.parallelism and self._is_full()):
            self._wait(self._held, execution)
            return False
        if body is not None and (body.is_failing or (body.parallelism and body.active >= body.parallelism)):
            self._wait(body.held, execution)
            return False
        return True

    @staticmethod
    def _wait(line: "deque[Execution]", execution: "Execution") -> None:
        if execution.was_held:
            line.appendleft(execution)
        else:
            execution.was_held = True
            line.append(execution)

    def _is_full(self) -> bool:
        return bool(self.parallelism) and self.active_pods >= (self.parallelism or 0)

    def count_start(self, boundary_id: str, *, is_pod: bool) -> None:
        """A Pod, Steps or DAG node became active."""
        self.active_pods += is_pod
        body = self._bodies.get(boundary_id)
        if body is not None:
            body.active += 1

    def count_end(self, boundary_id: str, *, is_pod: bool) -> None:
        """It is active no more."""
        self.active_pods -= is_pod
        body = self._bodies.get(boundary_id)
        if body is not None:
            body.active -= 1
            if body.is_failing:
                body.check_idle()
            if body.held and not body.is_failing:
                self._ready[boundary_id] = None

    def note_daemon(self, boundary_id: str) -> None:
        """An active pod serves as a daemon from now on: nobody waits for its end."""
        body = self._bodies.get(boundary_id)
        if body is not None and body.is_failing:
            body.check_idle()

    def note_end(self, call: "Call", phase: str) -> None:
        """A node has ended; what owns it may want to fail fast. Attempts and hooks do not count."""
        if phase not in UNSUCCESSFUL or call.is_attempt or call.is_hook:
            return
        body = self._bodies.get(call.boundary_id)
        if body is not None:
            body.note_failure()

    def next(self) -> "Execution | None":
        """The next in line that may try again."""
        if self.is_suspended or self._is_full():
            return None
        while self._held:
            execution = self._held.popleft()
            # what is around it may have ended meanwhile
            if not execution.call.boundary_id or execution.call.boundary_id in self._bodies:
                return execution
        for node_id in list(self._ready):
            body = self._bodies[node_id]
            if body.held and not body.is_failing and (not body.parallelism or body.active < body.parallelism):
                return body.held.popleft()
            del self._ready[node_id]
        return None
