"""What happens to a schedule, and what it asks for. The answer to an action is an event."""

from datetime import datetime

import msgspec

from tiphys.model.base import Json
from tiphys.model.workflow import CronWorkflow, Workflow


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow of a schedule, as far as the schedule cares.

    Attributes:
        is_completed: Its end is written.
        is_archiving: It must not be deleted yet: the archive has not got it.
        slot: When it was due; None where nobody says.
        owner_uid: The schedule's, when it was made by one.
    """

    name: str
    uid: str
    resource_version: str = ""
    phase: str = ""
    finished_at: datetime | None = None
    is_completed: bool = False
    is_archiving: bool = False
    slot: datetime | None = None
    owner_uid: str = ""


class CronEvent(msgspec.Struct, frozen=True, tag=True, tag_field="event"):
    """The root of what happens."""


class CronChanged(CronEvent, frozen=True):
    """The object was read: the first event, and whenever somebody (we too) wrote it."""

    cron: CronWorkflow


class ChildSeen(CronEvent, frozen=True):
    """A child is new or has changed."""

    child: Child


class ChildGone(CronEvent, frozen=True):
    """A child was deleted."""

    uid: str


class ChildSubmitted(CronEvent, frozen=True):
    """The child of a slot was created; `child` None says that it was there before."""

    slot: datetime
    child: Child | None = None


class SubmissionFailed(CronEvent, frozen=True):
    """The child of a slot could not be created."""

    slot: datetime
    message: str


class CronWoke(CronEvent, frozen=True):
    """A time asked for has come, or it is time to look again."""


class CronAction(msgspec.Struct, frozen=True, tag=True, tag_field="action"):
    """The root of what is asked for."""


class SubmitChild(CronAction, frozen=True):
    """Create this workflow; its name is a function of the slot, so that twice is once."""

    slot: datetime
    workflow: Workflow


class TerminateChild(CronAction, frozen=True):
    """End a running child: `spec.shutdown: Terminate`."""

    name: str


class DeleteChild(CronAction, frozen=True):
    """Delete a finished child beyond the history limits."""

    name: str
    uid: str


class WriteCron(CronAction, frozen=True):
    """Merge this patch into the object. It says what is, not what to add, so that twice is once."""

    patch: Json


class CronWakeAt(CronAction, frozen=True):
    """Send `CronWoke` then; a later action replaces an earlier one."""

    at: datetime


class Fired(CronAction, frozen=True):
    """A slot led to something: told for metrics.

    Attributes:
        what: `triggered`, `policy` (with the concurrency policy that acted), `submission-error` or `spec-error`.
    """

    what: str
    policy: str = ""
