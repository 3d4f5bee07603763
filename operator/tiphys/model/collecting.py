"""What a pod that deletes artifacts is told, and what it leaves as its termination message. Types only."""

import msgspec

from tiphys.errors import SpecError
from tiphys.model.arguments import Artifact, Metadata
from tiphys.model.parse import parse_as

ENV_PLAN_FILE = "TIPHYS_COLLECT_FILE"


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The root of what executors read and write."""


class Deletion(_Wire, frozen=True):
    """One artifact to delete, with its full location, and the node that made it."""

    node: str
    artifact: Artifact


class CollectPlan(_Wire, frozen=True):
    """All that one pod is to delete, in order."""

    deletions: tuple[Deletion, ...] = ()


class Batch(msgspec.Struct, frozen=True):
    """What one pod deletes, and as whom it runs.

    Attributes:
        pod_name: The same for the same workflow, identity, strategy, number and attempt.
        strategy: Whose time has come.
    """

    pod_name: str
    strategy: str
    service_account: str
    metadata: Metadata
    plan: CollectPlan


class CollectRecord(_Wire, frozen=True):
    """What came of it.

    Attributes:
        deleted: One bit for each deletion in order, the first the lowest, as hexadecimal digits; 1 for what is gone.
        errors: One line each, as many as a message holds.
    """

    deleted: str = "0"
    errors: tuple[str, ...] = ()

    def is_deleted(self, index: int) -> bool:
        """Whether the deletion of this number succeeded."""
        return bool(int(self.deleted or "0", 16) >> index & 1)


def record_of(done: list[bool], errors: list[str], limit_bytes: int = 4000) -> CollectRecord:
    """The record of what was done, with as many errors as fit."""
    bits = f"{sum(1 << i for i, is_done in enumerate(done) if is_done):x}"
    room, kept = limit_bytes - len(bits) - 64, []
    for line in errors:
        size = len(msgspec.json.encode(line)) + 1
        if size > room:
            break
        kept.append(line)
        room -= size
    return CollectRecord(deleted=bits, errors=tuple(kept))


def parse_collect_record(message: str) -> CollectRecord | None:
    """What a termination message says; None when it is no record."""
    try:
        found = parse_as(CollectRecord, message) if message.startswith("{") else None
        if found is not None:
            found.is_deleted(0)
    except (SpecError, ValueError):
        return None
    return found
