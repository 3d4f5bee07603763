"""What can happen to a run. Every event carries all that the run needs to know of it."""

import msgspec

from tiphys.engine.estimates import Estimate
from tiphys.engine.library import Library
from tiphys.engine.premises import Premises
from tiphys.model.arguments import Outputs
from tiphys.model.locations import ArtifactRepositoryRefStatus
from tiphys.model.report import NodeReport
from tiphys.model.workflow import Workflow


class Event(msgspec.Struct, frozen=True, tag=True, tag_field="event"):
    """The root of all events."""


class Restored(Event, frozen=True):
    """The first event of every run: the stored workflow was read, and these are the runners' latest reports.

    It comes a second time when a workflow that was held back may begin.

    Attributes:
        reports: One for each runner (pod) that exists, of any age.
        repository: The artifact repository that was found for it; kept in the status, so that it never changes afterwards.
        repository_error: Why it could not be found out.
        premises: What the run takes for granted.
    """

    reports: tuple[NodeReport, ...] = ()
    repository: ArtifactRepositoryRefStatus | None = None
    repository_error: str = ""
    premises: Premises = Premises()


class NodeReported(Event, frozen=True):
    """A runner reported."""

    report: NodeReport


class NodeGone(Event, frozen=True):
    """A runner vanished (its pod was deleted) and its last report was not final."""

    node_id: str


class StartRefused(Event, frozen=True):
    """A node could not be started and trying again will not help; a runner that may help later retries by itself.

    Attributes:
        message: Shown on the node.
        is_error: Phase Error; False makes it Failed.
    """

    node_id: str
    message: str
    is_error: bool = True


class StartDelayed(Event, frozen=True):
    """A node cannot be started yet (quota, throttling); the shell tries again. The node shows `message` while Pending."""

    node_id: str
    message: str


class ClaimsCreated(Event, frozen=True):
    """The workflow's claims exist."""


class ClaimsDelayed(Event, frozen=True):
    """A claim cannot be created yet; the shell tries again."""

    message: str


class ClaimsRefused(Event, frozen=True):
    """A claim cannot be created and trying again will not help."""

    message: str


class ConfigMapRead(Event, frozen=True):
    """A key of a ConfigMap was read.

    Attributes:
        value: None when there is none.
        error: Why there is none.
        is_missing: The map or the key does not exist, so that a default may stand in.
    """

    name: str
    key: str
    value: str | None = None
    error: str = ""
    is_missing: bool = False


class SpecChanged(Event, frozen=True):
    """Somebody else wrote the object: suspend, shutdown, a deadline, or nodes that were edited from outside.

    Attributes:
        workflow: The object as it is now; its status is taken only where `nodes_changed`.
        nodes_changed: `status` was written by somebody else (resume of a node, set outputs): the run is restored from it.
    """

    workflow: Workflow
    nodes_changed: bool = False


class LibraryChanged(Event, frozen=True):
    """A stored template that this workflow could call was added, changed or deleted."""

    library: Library


class EstimateFound(Event, frozen=True):
    """What the last workflow of this kind took was read after this one began."""

    estimate: Estimate


class LockEvent(Event, frozen=True):
    """The root of all answers about locks; they are void once a run is made anew, since that asks again.

    Attributes:
        holder: Who asked.
    """

    holder: str


class LockGranted(LockEvent, frozen=True):
    """A holder may have its locks: the run records that, and `LockStored` follows once the record is stored."""


class LockStored(LockEvent, frozen=True):
    """The stored object says that the holder holds its locks: what needs them may start."""


class LockWaits(LockEvent, frozen=True):
    """A holder does not get its locks yet.

    Attributes:
        key: The first lock that is not free.
        message: Shown on what waits.
        holders: Who holds that lock.
    """

    key: str
    kind: str
    message: str
    holders: tuple[str, ...] = ()


class LockRefused(LockEvent, frozen=True):
    """A holder will never get its locks: the limit cannot be read, or there is no database."""

    message: str


class MemoAnswered(Event, frozen=True):
    """The memo of a node was looked up.

    Attributes:
        is_hit: It remembers `outputs`.
        error: Why it cannot be used; the node is an Error then.
    """

    node_id: str
    is_hit: bool = False
    outputs: Outputs | None = None
    error: str = ""


class MemoSaved(Event, frozen=True):
    """The outputs of a node are remembered, or `error` says why they are not."""

    node_id: str
    error: str = ""


class MetricRefused(Event, frozen=True):
    """A metric that a user defined could not be emitted: shown as a condition, of a finished workflow, too."""

    message: str


class Woke(Event, frozen=True):
    """A time asked for with `WakeAt` has come."""
