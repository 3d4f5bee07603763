"""A whole run in one process: a store, pods, a controller that may die at any moment, and virtual time; all from one seed.

The store keeps the object with its version; effects happen one by one, in any order; events wait in a queue. After each step the
invariants are checked.

Source: threats-and-faults 3.3, 3.4.
"""

import random
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec

from tiphys.engine.actions import Action, CollectNode, NodeChanged, StartNode, StopNode, WakeAt
from tiphys.engine.events import Event, NodeGone, NodeReported, Restored, SpecChanged, Woke
from tiphys.engine.memo import MemoEntry
from tiphys.engine.operations.suspension import shut_down, suspend
from tiphys.engine.patch import join, merge, resolved
from tiphys.engine.run import Run
from tiphys.model.arguments import Outputs
from tiphys.model.order import NodeOrder
from tiphys.model.parse import parse_workflow, to_json
from tiphys.model.phases import COMPLETED, FULFILLED
from tiphys.model.report import NodeReport
from tiphys.testing.faults import NONE, Faults
from tiphys.testing.invariants import TWO, Broken, History, check_counters, check_end, check_same, end_of
from tiphys.testing.random_spec import SpecMaker
from tiphys.testing.shared import Shared
from tiphys.testing.world import START

_STEPS = 20_000


class SeededMemos(dict[tuple[str, str], MemoEntry]):
    """A cache that knows some nodes by their names alone, and never those that were just saved: every run hits alike."""

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        """The entry of a node that is known."""
        if zlib.crc32(key[1].encode()) % 3:
            return default
        return MemoEntry(node_id="before", outputs=Outputs(result="7"))


def fresh_locks(hear: Callable[[Event], None]) -> Shared:
    """The locks and memos of a controller that has just started; `hear` is told what happens to the workflow `u`."""
    shared = Shared({"ns/ConfigMap/limits/two": TWO})
    shared.memos = SeededMemos()
    shared.listeners["u"] = hear
    return shared


class Pod(msgspec.Struct):
    """A pod of the simulated cluster; `phase` is what it has reached, `told` what somebody was told of it."""

    order: NodeOrder
    phase: str = "Pending"
    told: int = 0
    final: NodeReport | None = None

    def report(self) -> NodeReport:
        """What the pod says now."""
        if self.final is not None:
            return self.final
        return NodeReport(node_id=self.order.node_id, phase=self.phase, ready=self.phase == "Running")


def outcome(order: NodeOrder) -> NodeReport:
    """How a node's program ends: by its name alone, so that every run of the same workflow ends alike."""
    number = zlib.crc32(order.node_name.encode()) % 100
    fields: dict[str, Any] = {"phase": "Succeeded", "exit_code": 0, "result": str(number) if order.wants_result else None}
    if number < 12:
        fields = {"phase": "Failed", "exit_code": 1, "message": "main: Error (exit code 1)"}
    elif number < 18:
        fields = {"phase": "Error", "message": "node lost"}
    return NodeReport(node_id=order.node_id, is_final=True, **fields)


class Simulation:
    """One workflow, its cluster and its controller."""

    def __init__(self, seed: int, faults: Faults = NONE, *, edits: bool = False) -> None:
        self._random = random.Random(seed)  # noqa: S311 a seed must make the same run again
        self._faults = faults
        self._edits = edits
        self.spec = SpecMaker(seed).make()
        workflow = parse_workflow({"metadata": {"name": "w", "namespace": "ns", "uid": "u"}, "spec": self.spec})
        self.now = START
        self.stored = to_json(workflow)
        self.version = 1
        self.pods: dict[str, Pod] = {}
        self.history = History(self.spec)
        self.arrows: set[tuple[str, str]] = set()
        self.crashes = 0
        self._run: Run | None = None
        self._seen = 0
        self._patch: dict[str, Any] = {}
        self._effects: list[Action] = []
        self._collect: list[Action] = []
        self._events: list[Event] = []
        self._answers: deque[Event] = deque()
        self._wake: Any = None
        self._shared = fresh_locks(self._hear)

    # --- the controller

    def _hear(self, event: Event) -> None:
        self._answers.append(event)

    def _restore(self) -> None:
        """A controller starts: it knows what is stored and which pods there are."""
        stored = parse_workflow(self.stored)
        self._run = Run(stored)
        self._seen = self.version
        self._shared = fresh_locks(self._hear)
        self._answers.clear()
        self._shared.stored(stored)
        self._patch, self._effects, self._collect, self._events, self._wake = {}, [], [], [], None
        self._handle(Restored(tuple(pod.report() for pod in self.pods.values())))

    def _crash(self) -> None:
        self.crashes += 1
        self._run = None

    def _handle(self, event: Event) -> None:
        run = self._run
        if run is None:
            return
        self._wake = None
        for action in run.handle(event, self.now):
            match action:
                case StartNode():
                    self._effects.append(action)
                case StopNode() | CollectNode():
                    self._collect.append(action)
                case WakeAt(at=at):
                    self._wake = at
                case NodeChanged(before=before, phase=phase):
                    self.arrows.add((before, phase))
                case _:
                    self._shared.answer(action, run.workflow, self.now)
        patch = run.take_patch()
        if patch:
            join(self._patch, patch)
        if not self._patch:
            # what they end is stored already
            self._effects += self._collect
            self._collect = []
        if not run.is_finished:
            check_counters(run)

    # --- one step

    def play(self) -> None:
        """Let everything happen until nothing can.

        Raises:
            Broken: An invariant does not hold.
        """
        for _ in range(_STEPS):
            if not self._step():
                break
        else:
            raise Broken("I4: it goes on for ever")
        strategy = self.spec.get("podGC", {}).get("strategy", "")
        collects = strategy in ("OnPodCompletion", "OnWorkflowCompletion")
        check_end(self.stored.get("status", {}), list(self.pods), collects=collects)

    def moments(self) -> Iterator[None]:
        """Let everything happen, and stop for a look whenever something was stored."""
        for _ in range(_STEPS):
            version = self.version
            if not self._step():
                return
            if self.version != version:
                yield

    def _step(self) -> bool:
        if self._run is None:
            self._restore()
            return True
        choices = []
        if self._effects:
            choices += [self._effect] * 2
        if self._events:
            choices += [self._tell] * 3
        if self._answers:
            choices += [self._answer] * 3
        if self._patch:
            choices.append(self._write)
        if any(pod.final is None and not self._is_idle(pod) for pod in self.pods.values()):
            choices.append(self._progress)
        if self._edits and self._random.random() < 0.01:
            choices.append(self._edit)
        if choices:
            self._random.choice(choices)()
            return True
        return self._look_again() or self._sleep()

    def _is_idle(self, pod: Pod) -> bool:
        """A daemon that is up runs until it is stopped."""
        return bool(pod.order.template.daemon) and pod.phase == "Running"

    def _look_again(self) -> bool:
        """A controller lists everything now and then: what was not told is found. Pods that an ended run does not know go."""
        if self._run is not None and self._run.is_finished:
            strangers = [name for name, pod in self.pods.items() if self._run.tree.by_id(pod.order.node_id) is None]
            for name in strangers:
                self._delete(name)
        untold = [pod for pod in self.pods.values() if pod.told < len(pod.report().phase) and self._is_news(pod)]
        for pod in untold:
            self._handle(NodeReported(pod.report()))
            pod.told = len(pod.report().phase)
        return bool(untold)

    def _is_news(self, pod: Pod) -> bool:
        return self._run is not None and pod.order.node_id in self._run.leaves

    def _sleep(self) -> bool:
        if self._run is None or self._run.is_finished:
            return False
        if self._wake is None:
            if self._run.spec.suspend:
                self._write_spec(suspend=None)
                return True
            return False
        self.now = max(self.now, self._wake)
        self._handle(Woke())
        return True

    def _progress(self) -> None:
        """A pod goes on."""
        pod = self._random.choice([pod for pod in self.pods.values() if pod.final is None and not self._is_idle(pod)])
        self.now += timedelta(seconds=self._random.randint(0, 3))
        is_starting = pod.phase == "Pending" and self._random.random() < 0.7
        if is_starting or pod.order.template.daemon:
            pod.phase = "Running"
        else:
            self._finish(pod, outcome(pod.order))
        self._tell_later(pod)

    def _finish(self, pod: Pod, report: NodeReport) -> None:
        pod.final = msgspec.structs.replace(report, finished_at=self.now)
        pod.told = 0
        self.history.ends(pod.order.node_name)

    def _tell_later(self, pod: Pod) -> None:
        pod.told = 0
        if self._random.random() < self._faults.drop:
            return
        event = NodeReported(pod.report())
        self._events += [event] * (2 if self._random.random() < self._faults.duplicate else 1)

    def _tell(self) -> None:
        place = self._random.randrange(len(self._events)) if self._faults.reorder else 0
        self._handle(self._events.pop(place))

    def _answer(self) -> None:
        """What the controller itself answers comes in order and is never lost."""
        self._handle(self._answers.popleft())

    def _effect(self) -> None:
        """One effect happens; perhaps nobody lives to see it."""
        action = self._effects.pop(self._random.randrange(len(self._effects)))
        if isinstance(action, StartNode):
            self._create(action)
        elif isinstance(action, StopNode | CollectNode):
            self._delete(action.pod_name)
        if self._random.random() < self._faults.unanswered:
            # success that looks like failure: whoever asked tries again
            self._effects.append(action)
        if self._random.random() < self._faults.crash:
            self._crash()

    def _create(self, action: StartNode) -> None:
        order = action.order
        pod = self.pods.get(order.pod_name)
        if pod is not None:
            self._events.append(NodeReported(pod.report()))
            return
        node = self._run.tree.by_id(order.node_id) if self._run is not None else None
        if self._run is None or node is None or node.phase in FULFILLED:
            return
        self.history.starts(order, self._run)
        self.pods[order.pod_name] = pod = Pod(order)
        self._tell_later(pod)

    def _delete(self, name: str) -> None:
        pod = self.pods.pop(name, None)
        if pod is None:
            return
        self.history.ends(pod.order.node_name)
        if pod.final is None and self._random.random() >= self._faults.drop:
            self._events.append(NodeGone(pod.order.node_id))

    def _write(self) -> None:
        """The status is stored, unless somebody else was faster."""
        if self._random.random() < self._faults.conflict:
            self.version += 1
        if self._seen != self.version:
            self._run = None
            return
        patch, self._patch = resolved(self._patch, self.stored), {}
        merge(self.stored, patch)
        self.version += 1
        self._seen = self.version
        self.history.written(self.stored.get("status", {}).get("nodes", {}))
        self._effects += self._collect
        self._collect = []
        if "synchronization" in patch.get("status", {}):
            self._shared.stored(parse_workflow(self.stored))
        if self._random.random() < self._faults.crash and not self._is_over():
            self._crash()

    def _is_over(self) -> bool:
        return self.stored.get("status", {}).get("phase") in COMPLETED

    def _edit(self) -> None:
        """A user does something to the live workflow."""
        if self._run is None or self._run.is_finished or self._is_over():
            return
        stored = parse_workflow(self.stored)
        choice = self._random.choice(["suspend", "resume", "stop", "terminate"])
        if choice == "suspend":
            self._write_spec(suspend=suspend(stored).spec.suspend)
        elif choice == "resume":
            self._write_spec(suspend=None)
        elif not stored.spec.shutdown:
            self._write_spec(shutdown=shut_down(stored, choice.capitalize()).spec.shutdown)

    def _write_spec(self, **fields: Any) -> None:
        merge(self.stored, {"spec": fields})
        self.version += 1
        self._seen = self.version
        self._handle(SpecChanged(parse_workflow(self.stored)))


def check_seed(seed: int, faults: Faults) -> Simulation:
    """Run the workflow of a seed without faults, with them, and with them while users interfere.

    Raises:
        Broken: An invariant does not hold; the message names the seed.
    """
    try:
        calm, stormy = Simulation(seed), Simulation(seed, faults)
        calm.play()
        stormy.play()
        check_same(end_of(calm.stored["status"]), end_of(stormy.stored["status"]))
        if seed % 4 == 0:
            edited = Simulation(seed, faults, edits=True)
            edited.play()
            stormy.arrows |= edited.arrows
    except Broken as e:
        raise Broken(f"seed {seed}: {e}") from e
    stormy.arrows |= calm.arrows
    return stormy
