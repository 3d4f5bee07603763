"""What of a workflow decides whether a list shows it, and where."""

from datetime import UTC, datetime

import msgspec

from tiphys.model.archived import ARCHIVED
from tiphys.model.base import UNREADABLE
from tiphys.model.names import LABEL_ARCHIVING_STATUS
from tiphys.model.phases import COMPLETED
from tiphys.server.choosing import Choice

_LONG_AGO = datetime(1970, 1, 2, tzinfo=UTC)
Order = tuple[int, float, str]
"""Sorts workflows as they are shown: what has not ended first, then by the end, newest first."""


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """Who it is."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    creation_timestamp: datetime | None = None
    labels: dict[str, str] | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    phase: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    compressed_nodes: str = ""
    offload_node_status_version: str = ""


class Seen(msgspec.Struct, frozen=True):
    """A workflow, as far as lists look at it."""

    metadata: Meta = Meta()
    status: _Status | None = None

    @property
    def order(self) -> Order:
        """Where it stands in a list."""
        status, meta = self.status or _Status(), self.metadata
        has_ended = status.phase in COMPLETED
        at = status.finished_at if has_ended else status.started_at or meta.creation_timestamp
        return int(has_ended), -(at or _LONG_AGO).timestamp(), f"{meta.namespace}/{meta.name}"

    @property
    def is_packed(self) -> bool:
        """Whether its nodes are not in it as they are."""
        return self.status is not None and bool(self.status.compressed_nodes or self.status.offload_node_status_version)

    @property
    def is_archived(self) -> bool:
        """Whether the archive has it, too."""
        return (self.metadata.labels or {}).get(LABEL_ARCHIVING_STATUS) == ARCHIVED

    def is_chosen(self, choice: Choice) -> bool:
        """Whether a list of that choice shows it, once the cluster has chosen by labels and fields."""
        meta, status = self.metadata, self.status or _Status()
        if not choice.has_name(meta.name):
            return False
        return (
            _is_between(status.started_at, choice.started_after, choice.started_before)
            and _is_between(meta.creation_timestamp, choice.created_after, None)
            and _is_between(status.finished_at, None, choice.finished_before)
        )


def seen_in(raw: bytes | msgspec.Raw) -> Seen:
    """What lists look at in an object; nothing in one that cannot be read: it is shown as it is, so that its user finds it."""
    try:
        return msgspec.json.decode(raw, type=Seen)
    except UNREADABLE:
        return Seen()


def _is_between(at: datetime | None, first: datetime | None, end: datetime | None) -> bool:
    if first is None and end is None:
        return True
    return at is not None and (first is None or at >= first) and (end is None or at < end)
