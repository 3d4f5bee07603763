"""Finished workflows as the archive keeps and lists them. Parsing and printing only.

Source: argo-semantics 25.3.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tiphys.errors import SpecError
from tiphys.model.base import Json, part_of
from tiphys.model.names import LABEL_ARCHIVING_STATUS, LABEL_INSTANCE_ID

PENDING, ARCHIVED, PERSISTED = "Pending", "Archived", "Persisted"
"""Values of the archiving label: waiting; written (on the live object); written (on the copy)."""
MAX_PAGE = 500
_SUMMARY_BYTES = 64 * 1024
_SUMMARY_STATUS = ("phase", "startedAt", "finishedAt", "estimatedDuration", "progress", "message", "resourcesDuration")
_SUMMARY_METADATA = ("name", "namespace", "uid", "creationTimestamp", "labels", "annotations")


class ArchivedWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """One finished workflow, as it goes into the archive.

    Attributes:
        document: Its JSON text, nodes and all.
        summary: The JSON text of what lists show of it.
    """

    uid: str
    name: str
    namespace: str
    phase: str
    started_at: datetime
    finished_at: datetime
    created_at: datetime
    labels: dict[str, str]
    document: str
    summary: str

    @property
    def instance_id(self) -> str:
        """The controller that it was for; empty for none."""
        return self.labels.get(LABEL_INSTANCE_ID, "")


def to_archive(workflow: Mapping[str, Any]) -> ArchivedWorkflow:
    """The copy of a finished, hydrated workflow that the archive keeps: everything as it is, but labelled as persisted.

    Raises:
        SpecError: It is not finished, or no workflow.
    """
    meta, status = dict(part_of(workflow, "metadata")), part_of(workflow, "status")
    if not meta.get("uid") or not status.get("phase"):
        raise SpecError("only a finished workflow can be archived", path="status.phase")
    meta["labels"] = {**part_of(meta, "labels"), LABEL_ARCHIVING_STATUS: PERSISTED}
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **workflow, "metadata": meta}
    created = _time(meta.get("creationTimestamp"), datetime(1970, 1, 2, tzinfo=UTC))
    finished = _time(status.get("finishedAt"), created)
    return ArchivedWorkflow(
        uid=str(meta["uid"]),
        name=str(meta.get("name", "")),
        namespace=str(meta.get("namespace", "")),
        phase=str(status["phase"]),
        started_at=_time(status.get("startedAt"), created),
        finished_at=finished,
        created_at=created,
        labels={str(key): str(value) for key, value in meta["labels"].items()},
        document=msgspec.json.encode(document).decode(),
        summary=summary_of(document),
    )


def summary_of(document: Mapping[str, Any]) -> str:
    """What lists show of a workflow, as JSON text: a workflow with most of it left out, never longer than 64 KiB."""
    meta, status, spec = (part_of(document, name) for name in ("metadata", "status", "spec"))
    shown: Json = {
        "metadata": {key: meta[key] for key in _SUMMARY_METADATA if key in meta},
        "spec": {key: spec[key] for key in ("arguments", "suspend", "priority") if key in spec},
        "status": {key: status[key] for key in _SUMMARY_STATUS if key in status},
    }
    for part, key in (("spec", "arguments"), ("metadata", "annotations"), ("status", "message")):
        text = msgspec.json.encode(shown)
        if len(text) <= _SUMMARY_BYTES:
            break
        shown[part].pop(key, None)
    return msgspec.json.encode(shown).decode()


def summary_of_text(text: str, known: Mapping[str, str]) -> str:
    """`summary_of` what an archive holds, whoever wrote it; where that is no workflow, of what the archive knows of it.

    Args:
        text: JSON, perhaps.
        known: Its `uid`, `name`, `namespace` and `phase`.
    """
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError):
        document = {}
    if not part_of(document, "metadata").get("name"):
        meta = {name: known[name] for name in ("uid", "name", "namespace")}
        document = {"metadata": meta, "status": {"phase": known["phase"], "message": "what the archive holds is no workflow"}}
    return summary_of(document)


def _time(text: object, absent: datetime) -> datetime:
    if not text:
        return absent
    try:
        return msgspec.convert(text, datetime).astimezone(UTC)
    except msgspec.ValidationError as e:
        raise SpecError(f"not a time: {text!r}", path="status.finishedAt") from e


class ArchiveQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a page of the archive's list shows; empty parts do not narrow it.

    Attributes:
        labels: A Kubernetes label selector.
        started_after: Started at this time or later; `started_before` is exclusive.
        created_after: Created at this time or later; `finished_before` is exclusive.
        limit: Rows of a page, 1 to `MAX_PAGE`.
        offset: Rows to leave out first.
        cursor: Where the page before ended.
    """

    namespace: str = ""
    name: str = ""
    name_prefix: str = ""
    name_contains: str = ""
    not_name: str = ""
    not_namespace: str = ""
    phases: tuple[str, ...] = ()
    labels: str = ""
    started_after: datetime | None = None
    started_before: datetime | None = None
    created_after: datetime | None = None
    finished_before: datetime | None = None
    limit: int = 100
    offset: int = 0
    cursor: str = ""


class ArchivePage(msgspec.Struct, frozen=True):
    """A page, newest start first.

    Attributes:
        items: Each a workflow's summary, as JSON text.
        cursor: Continues the list; empty at its end.
    """

    items: tuple[str, ...]
    cursor: str = ""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the last row's start and uid."""

    started_at: datetime
    uid: str


def print_cursor(position: Position) -> str:
    """The position as text for a client to hand back."""
    return msgspec.json.encode(position).hex()


def parse_cursor(text: str) -> Position:
    """The position that a client hands back.

    Raises:
        SpecError: It is none of ours.
    """
    try:
        return msgspec.json.decode(bytes.fromhex(text), type=Position)
    except (ValueError, msgspec.DecodeError) as e:
        raise SpecError("not a position in the archive's list", path="continue", hint="take it from the page before") from e
