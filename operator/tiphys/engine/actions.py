"""What a run asks of the world. An action has no answer; what comes of it is told by an event."""

from datetime import datetime

import msgspec

from tiphys.engine.locks import Lock
from tiphys.model.arguments import Outputs
from tiphys.model.base import Json
from tiphys.model.order import NodeOrder


class Action(msgspec.Struct, frozen=True, tag=True, tag_field="action"):
    """The root of all actions."""


class StartNode(Action, frozen=True):
    """Run this leaf; idempotent, since the pod's name is a function of the node."""

    order: NodeOrder


class StopNode(Action, frozen=True):
    """End the runner of a node that is no longer wanted; the runner's last report still comes.

    Attributes:
        grace_seconds: None for the runner's own grace period; 0 when even a final report is not wanted.
        uid: Only this runner, not one that took its name meanwhile; empty for any.
    """

    node_id: str
    pod_name: str
    grace_seconds: int | None = None
    uid: str = ""


class CollectNode(Action, frozen=True):
    """Delete what is left of a fulfilled node's runner, but only after the status that records it has been written.

    Attributes:
        delay_seconds: Wait this long first.
        phase: Of the node, for metrics.
    """

    node_id: str
    pod_name: str
    delay_seconds: float = 0.0
    phase: str = ""


class CreateClaims(Action, frozen=True):
    """Create these PersistentVolumeClaims; those that are there already are taken if the workflow owns them.

    Answered by `ClaimsCreated`, `ClaimsDelayed` or `ClaimsRefused`.
    """

    claims: tuple[Json, ...]


class ReadConfigMap(Action, frozen=True):
    """Read a key of a ConfigMap that holds parameters; answered by `ConfigMapRead`."""

    name: str
    key: str


class AskLocks(Action, frozen=True):
    """Take all of these locks for the holder, or wait for them; answered by `LockGranted`, `LockWaits` or `LockRefused`.

    Locks are given back by what is stored: once a stored object does not name the holder any more, they are free.
    """

    holder: str
    locks: tuple[Lock, ...]
    priority: int = 0


class WithdrawLocks(Action, frozen=True):
    """The holder does not want locks that it has not been given."""

    holder: str


class LookUpMemo(Action, frozen=True):
    """Is there a memo? Answered by `MemoAnswered`.

    Attributes:
        cache: Name of the ConfigMap.
        max_age_seconds: An older one does not count; None for any age.
    """

    node_id: str
    cache: str
    key: str
    max_age_seconds: float | None = None


class SaveMemo(Action, frozen=True):
    """Remember the outputs of a node that went well; answered by `MemoSaved`."""

    node_id: str
    cache: str
    key: str
    outputs: Outputs | None = None


class WakeAt(Action, frozen=True):
    """Send `Woke` at this time; a later action replaces an earlier one."""

    at: datetime


class NodeChanged(Action, frozen=True):
    """A node changed its phase: told for metrics and Kubernetes Events, never needed for correctness.

    Attributes:
        before: Phase before; empty when the node is new.
    """

    node_id: str
    node_name: str
    type: str
    template_name: str
    before: str
    phase: str
    message: str = ""


class WorkflowChanged(Action, frozen=True):
    """The workflow changed its phase: told for metrics, Kubernetes Events, and what comes after the end.

    Attributes:
        before: Phase before; empty when it was new.
    """

    before: str
    phase: str
    message: str = ""
    finished_at: datetime | None = None


class CreateBudget(Action, frozen=True):
    """Create the workflow's PodDisruptionBudget; idempotent."""

    manifest: Json


class DeleteOwned(Action, frozen=True):
    """Delete an object of the workflow's own, but only after its end has been written."""

    kind: str
    name: str


class EmitMetric(Action, frozen=True, kw_only=True):
    """Count, set or observe a metric that a user defined; `MetricRefused` answers when that cannot be done.

    Attributes:
        name: Without the prefix that all of the controller's metrics have.
        kind: `counter`, `gauge` or `histogram`.
        operation: Of a gauge: `Set` (also when empty), `Add` or `Sub`.
        buckets: Upper bounds of a histogram.
        since: A gauge that shows the seconds since then, and goes with its workflow.
        until: The end of that time, once it is known.
    """

    name: str
    help: str
    kind: str
    labels: tuple[tuple[str, str], ...] = ()
    value: float = 0.0
    operation: str = ""
    buckets: tuple[float, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


class RestartCounted(Action, frozen=True):
    """A runner is made again that the cluster ended before the program started: told for metrics."""

    reason: str
