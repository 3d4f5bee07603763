"""One node being executed: the part that all kinds share. A finished execution tells its parent, through the run's worklist."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tiphys.engine.config_values import Awaited
from tiphys.engine.entrance import Entrance
from tiphys.engine.inputs import Prepared, prepare_body, prepare_leaf
from tiphys.engine.memo import Memo
from tiphys.engine.templates import POD_KINDS, kind_of
from tiphys.errors import BugError, SpecError, UserError
from tiphys.model import names
from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.phases import ERROR, FAILED, FULFILLED, PENDING, POD, RUNNING, SKIPPED_TYPE, SUCCEEDED, is_fulfilled
from tiphys.model.status import MemoizationStatus, NodeFlag, NodeStatus

if TYPE_CHECKING:
    from tiphys.engine.calls import Call
    from tiphys.engine.run import Run

MAX_DEPTH = 100
_DISPLAY_NAME = re.compile("^[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]$")


class Parent(Protocol):
    """Who started an execution."""

    def child_finished(self, child: "Execution", /) -> None:
        """The child's node is fulfilled; called once for each child."""

    def child_changed(self, child: "Execution", /) -> None:
        """The child's node exists and changed its phase without being fulfilled."""


class Execution:
    """One call in progress. `begin` may be called again after the limits held it back.

    Attributes:
        is_retry: It counts attempts.
        memo: Where its outputs are to be remembered.
    """

    is_retry = False

    def __init__(self, run: "Run", call: "Call", parent: Parent) -> None:
        self.run = run
        self.call = call
        self.parent = parent
        self.node_id = run.tree.id_of(call.name)
        self.was_held = False
        self.memo: Memo | None = None
        self.memo_status: MemoizationStatus | None = None
        self._told = False
        self._pod_name = ""

    @property
    def has_runner(self) -> bool:
        """Whether a runner has reported of the node."""
        return self.node_id in self.run.reports

    def begin(self) -> None:
        """Start, or go on with what the stored nodes say."""
        node = self.run.tree.find(self.call.name)
        entrance = self._entrance()
        if node is not None:
            self.run.tree.adopt(node, self.call.container)
            if entrance is None or entrance.is_passed(node):
                if entrance is not None:
                    entrance.recall(node)
                node = self._reopened(node)
                if node.phase not in FULFILLED:
                    self.run.metrics.node_started(self)
                self.resume(node)
                return
        if node is None and self.call.depth > MAX_DEPTH and self.run.premises.has_depth_limit:
            self.stillborn(ERROR, "Maximum recursion depth exceeded")
        elif self.run.limits.admit(self):
            try:
                (entrance.pass_through if entrance else self.start)()
            except Awaited:
                # it begins again when what it waits for is known
                return
            except UserError as e:
                self.stillborn(ERROR, self.error_text(e.message))

    def error_text(self, message: str) -> str:
        """What the node says of an error that kept it from running, or from ending well. Source: argo-semantics 7.3."""
        is_task = "tasks.name" in self.call.local and not (self.call.is_hook or self.call.is_attempt)
        return called_error("tasks" if is_task else "", self.call.name, message)

    def _entrance(self) -> Entrance | None:
        """What is to be passed before the start; attempts pass with their Retry node."""
        template = self.call.found.template
        if self.call.is_attempt or (template.synchronization is None and template.memoize is None):
            return None
        return Entrance(self)

    def _reopened(self, node: NodeStatus) -> NodeStatus:
        """A node taken over from an earlier workflow, Pending though it has an end, is under way again."""
        if node.phase == PENDING and node.finished_at is not None and node.type != POD:
            return self.change(phase=RUNNING, finished_at=None)
        return node

    def start(self) -> None:
        """Create the node and what it needs."""
        raise BugError(f"{type(self).__name__} cannot start")

    def resume(self, node: NodeStatus) -> None:
        """Go on with a node that was stored."""
        if is_fulfilled(node):
            self.tell()
        else:
            raise BugError(f"{type(self).__name__} cannot resume {node.name}")

    def halt(self, message: str) -> None:
        """End what waits (for a lock, for somebody, for its next attempt), since what is around it ends."""
        self.end(FAILED, message, synchronization_status=None)

    def release(self) -> None:
        """The body around has ended: stop what would run on (daemons)."""

    @property
    def node(self) -> NodeStatus:
        """The node as it is now.

        Raises:
            BugError: It was never created.
        """
        node = self.run.tree.nodes.get(self.node_id)
        if node is None:
            raise BugError(f"no node {self.call.name}")
        return node

    @property
    def node_or_none(self) -> NodeStatus | None:
        """The node as it is now, if it exists."""
        return self.run.tree.nodes.get(self.node_id)

    def prepare(self) -> Prepared:
        """Inputs, scope and text of the template.

        Raises:
            UserError: The arguments do not fit or an expression fails.
            Awaited: A parameter comes from a ConfigMap that is not read yet.
        """
        call = self.call
        template = call.found.template
        kind = kind_of(template)
        local = {**call.local, "node.name": call.name}
        if kind in POD_KINDS:
            local["pod.name"] = self.pod_name
        prepare = prepare_body if kind in ("steps", "dag") else prepare_leaf
        node = self.node_or_none
        if template.inputs.parameters:
            inputs = self.run.config_values.inputs(template.inputs, call.arguments, node.inputs if node else None, self.begin)
            if inputs.parameters != template.inputs.parameters:
                template = msgspec.structs.replace(template, inputs=inputs)
        # the node's own time, so that whoever prepares it again gets the same texts (keys with `now()`)
        now = (node.started_at if node is not None else None) or self.run.stamp
        return prepare(template, call.arguments, self.run.scope, local, now)

    @property
    def pod_name(self) -> str:
        """The name of the node's pod, if it is to have one."""
        if not self._pod_name:
            found = self.call.found
            template_name = found.ref.template if found.ref else found.name
            self._pod_name = names.pod_name(self.run.name, self.node_id, template_name, version=self.run.pod_name_format)
        return self._pod_name

    def create(
        self, node_type: str, phase: str, *, message: str = "", inputs: Inputs | None = None, outputs: Outputs | None = None
    ) -> NodeStatus:
        """Add the node and draw its edges; one that waited for its locks starts."""
        tree, call, now = self.run.tree, self.call, self.run.stamp
        if self.node_or_none is not None:
            kept = {"memoization_status": self.memo_status, "outputs": outputs, "synchronization_status": None}
            return self.change(phase=phase, message=message, **kept)
        boundary, estimate = tree.by_id(call.boundary_id), self.run.premises.estimate
        own_name = "" if node_type == SKIPPED_TYPE else self._display_name()
        node = NodeStatus(
            id=self.node_id,
            name=call.name,
            display_name=own_name or names.display_name(call.name, boundary.name if boundary else ""),
            type=node_type,
            template_name="" if call.found.ref else call.found.name,
            template_ref=call.found.ref,
            template_scope=call.found.scope,
            phase=phase,
            message=message,
            boundary_id=call.boundary_id,
            started_at=now,
            node_flag=_flag(call),
            inputs=inputs if inputs is not None and (inputs.parameters or inputs.artifacts) else None,
            outputs=outputs,
            memoization_status=self.memo_status,
            task_result_synced=True if node_type == POD else None,
            estimated_duration=estimate.of_node(self.run.name, call.name) if estimate is not None else None,
            finished_at=now if phase in FULFILLED else None,
        )
        node = tree.add(node, call.container)
        for parent in call.attach_to:
            tree.attach(parent, node.id)
        self._measure(node)
        return node

    def _measure(self, node: NodeStatus) -> None:
        """A node of a template is there; one of type Skipped has run none."""
        if node.type == SKIPPED_TYPE or self.call.found.template.metrics is None:
            return
        self.run.metrics.node_started(self)
        if node.phase in FULFILLED:
            self.run.metrics.node_ended(self)

    def _display_name(self) -> str:
        """What the template's annotation says the node is called; empty when it says nothing. Source: argo-semantics 3.3.

        Raises:
            SpecError: No node may be called so.
        """
        text = self.call.found.template.annotations.get(names.ANNOTATION_DISPLAY_NAME, "")
        if not text or self.call.is_attempt:
            return ""
        name = self.run.text(text, self.prepare().scope)
        if not _DISPLAY_NAME.fullmatch(name):
            raise SpecError(f"displayName must match the regex {_DISPLAY_NAME.pattern}", hint=f"it is {name!r}")
        return name

    def stillborn(self, phase: str, message: str) -> None:
        """End without having run: a node of type Skipped, unless the node exists already."""
        node = self.node_or_none
        if node is None:
            self.create(SKIPPED_TYPE, phase, message=message)
            self.run.limits.note_end(self.call, phase)
        if node is None or node.phase in FULFILLED:
            self.tell()
        else:
            self.end(phase, message, synchronization_status=None)

    def change(self, **fields: Any) -> NodeStatus:
        """Change fields of the node."""
        return self.run.tree.change(self.node_id, self.run.stamp, **fields)

    def end(self, phase: str, message: str | None = None, **fields: Any) -> None:
        """Put the node into its last phase and tell the parent."""
        if message is not None:
            fields["message"] = message
        # a run that was restored may find the runner's end before it hears that the lock was given
        fields.setdefault("synchronization_status", None)
        self.run.tree.change(self.node_id, self.run.stamp, phase=phase, **fields)
        if self.call.found.template.metrics is not None:
            self.run.metrics.node_ended(self)
        self.run.limits.note_end(self.call, phase)
        self.tell()

    def remember(self, phase: str, outputs: Outputs | None, then: Callable[[str, str], None]) -> None:
        """Keep a success in the memo, if there is one, before `then` is told phase and error; what is not kept is an Error."""
        if phase != SUCCEEDED or self.memo is None:
            then(phase, "")
        else:
            kept = self.memo
            self.run.memos.save(self.node_id, kept, outputs, lambda error: then(ERROR if error else phase, error))

    def tell(self) -> None:
        """Tell the parent, once, that the node is fulfilled; its locks are free then, except a daemon's."""
        if self.run.locks.is_used and self.node.phase in FULFILLED:
            self.run.locks.release_node(self.node_id)
        if not self._told:
            self._told = True
            self.run.soon(self.parent.child_finished, self)

    def woke(self) -> None:
        """A time that was asked for has come."""


def called_error(kind: str, name: str, message: str) -> str:
    """How an error of what was called is told by the node `name`, which is one of `steps` or `tasks`."""
    return f"task '{name}' errored: {message}" if kind == "tasks" else message


def _flag(call: "Call") -> NodeFlag | None:
    if not (call.is_hook or call.is_attempt):
        return None
    return NodeFlag(hooked=call.is_hook or None, retried=call.is_attempt or None)
