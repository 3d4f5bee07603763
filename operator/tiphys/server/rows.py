"""Lists of workflows, live and archived as one. What is in memory is what the page shows, not what there is.

Source: rest-and-clients 1.2, "Lists".
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response, StreamingResponse

from tiphys.archive.hydrating import Hydrator
from tiphys.cluster.api import Api
from tiphys.errors import Gone, TiphysError
from tiphys.model.archived import ARCHIVED, MAX_PAGE, PERSISTED
from tiphys.model.base import Json
from tiphys.model.names import LABEL_ARCHIVING_STATUS
from tiphys.model.phases import COMPLETED
from tiphys.server.answers import HEADERS, Fields
from tiphys.server.choosing import Choice
from tiphys.server.kept import Kept

if TYPE_CHECKING:
    from tiphys.archive.store import SqlArchive

_PRUNE_AT = 500
_LARGE = 1024


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
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


class _Seen(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    status: _Status | None = None


class Row(msgspec.Struct, frozen=True):
    """One workflow of a list.

    Attributes:
        order: Sorts rows as they are shown: what has not ended first, then by the end, newest first.
        uid: The workflow's.
        content: Its JSON, cut to what is wanted; deflated where `is_deflated`.
        is_packed: Whether its nodes are not in it.
    """

    order: tuple[int, float, str]
    uid: str
    content: bytes
    is_packed: bool = False
    is_deflated: bool = False

    def text(self) -> bytes:
        """The JSON."""
        return zlib.decompress(self.content) if self.is_deflated else self.content


class Listed(msgspec.Struct, frozen=True):
    """A page.

    Attributes:
        version: To watch from.
        more: The offset that continues; empty at the end.
        remaining: Rows after the page; None where nobody asked.
    """

    rows: tuple[Row, ...]
    version: str
    more: str = ""
    remaining: int | None = None


def _order(seen: _Seen) -> tuple[int, float, str]:
    status, meta = seen.status or _Status(), seen.metadata
    has_ended = status.phase in COMPLETED
    at = (status.finished_at if has_ended else status.started_at or meta.creation_timestamp) or datetime(1970, 1, 2, tzinfo=UTC)
    return int(has_ended), -at.timestamp(), f"{meta.namespace}/{meta.name}"


def _is_chosen(seen: _Seen, choice: Choice) -> bool:
    meta, status = seen.metadata, seen.status or _Status()
    if not choice.has_name(meta.name):
        return False
    return (
        _is_between(status.started_at, choice.started_after, choice.started_before)
        and _is_between(meta.creation_timestamp, choice.created_after, None)
        and _is_between(status.finished_at, None, choice.finished_before)
    )


def _is_between(at: datetime | None, first: datetime | None, end: datetime | None) -> bool:
    if first is None and end is None:
        return True
    return at is not None and (first is None or at >= first) and (end is None or at < end)


async def merged(api: Api, kept: Kept, choice: Choice, fields: Fields) -> Listed:
    """The page of live and archived workflows. That the caller may list those of the namespace is proved by doing so."""
    archive = await kept.archive()
    async with kept.lists:
        keep = choice.offset + choice.limit if choice.limit else 0
        live, version, count = await _live(api, choice, fields, keep, drops_archived=archive is not None)
        rows = live[choice.offset :]
        if archive is None:
            return _listed(rows, choice, version, count)
        known = {row.uid for row in live}
        # one more than is shown, to know whether there are more
        wanted = choice.limit + 1 - len(rows) if choice.limit else 0
        found = await _archived(archive, choice, fields, max(0, choice.offset - count), wanted)
        rows += [row for row in found if row.uid not in known]
        total = count + await archive.count(choice.archive_query(0, 1)) if choice.is_counted else choice.offset + len(rows)
        return _listed(rows, choice, version, max(count, total))


async def archived(archive: "SqlArchive", kept: Kept, choice: Choice, fields: Fields) -> Listed:
    """A page of the archive alone; the caller must have been let in to it."""
    async with kept.lists:
        rows = await _archived(archive, choice, fields, choice.offset, choice.limit + 1 if choice.limit else 0)
        total = await archive.count(choice.archive_query(0, 1)) if choice.is_counted else choice.offset + len(rows)
        return _listed(rows, choice, "", total)


def _listed(rows: list[Row], choice: Choice, version: str, count: int) -> Listed:
    page = sorted(rows[: choice.limit] if choice.limit else rows, key=lambda row: row.order)
    last = choice.offset + len(page)
    remaining = max(0, count - last)
    more = str(last) if choice.limit and remaining else ""
    return Listed(tuple(page), version, more, remaining if choice.is_counted else None)


async def _live(
    api: Api, choice: Choice, fields: Fields, keep: int, *, drops_archived: bool
) -> tuple[list[Row], str, int]:  # fmt: skip
    """As `_live_once`; from the start again when the cluster has forgotten what the list began with."""
    try:
        return await _live_once(api, choice, fields, keep, drops_archived=drops_archived)
    except Gone:
        return await _live_once(api, choice, fields, keep, drops_archived=drops_archived)


async def _live_once(
    api: Api, choice: Choice, fields: Fields, keep: int, *, drops_archived: bool
) -> tuple[list[Row], str, int]:  # fmt: skip
    """The first `keep` rows in order (0 for all), the version, and how many there are."""
    rows: list[Row] = []
    version, count = "", 0
    async for page in api.list("Workflow", choice.namespace, labels=choice.labels, fields=choice.fields):
        version = version or page.metadata.resource_version
        found = []
        for raw in page.items:
            seen = _seen(raw)
            is_elsewhere = drops_archived and (seen.metadata.labels or {}).get(LABEL_ARCHIVING_STATUS) == ARCHIVED
            if not is_elsewhere and _is_chosen(seen, choice):
                found.append(_row(raw, seen, fields))
        count += len(found)
        # a whole list waits in memory for a client that may be slow
        rows += found if keep else await asyncio.to_thread(_deflated, found)
        if keep and len(rows) > keep + _PRUNE_AT:
            rows = sorted(rows, key=lambda row: row.order)[:keep]
        await asyncio.sleep(0)
    rows.sort(key=lambda row: row.order)
    return rows[:keep] if keep else rows, version, count


def _deflated(rows: list[Row]) -> list[Row]:
    def small(row: Row) -> Row:
        return msgspec.structs.replace(row, content=zlib.compress(row.content, 1), is_deflated=True)

    return [small(row) if len(row.content) > _LARGE else row for row in rows]


def _seen(raw: bytes | msgspec.Raw) -> _Seen:
    try:
        return msgspec.json.decode(raw, type=_Seen)
    except msgspec.DecodeError:
        # one that cannot be read is shown as it is, so that its user finds it
        return _Seen()


def _row(raw: msgspec.Raw, seen: _Seen, fields: Fields) -> Row:
    status = seen.status or _Status()
    is_packed = bool(status.compressed_nodes or status.offload_node_status_version)
    content = _cut(bytes(raw), fields) if not is_packed or not fields.keeps("items.status.nodes") else bytes(raw)
    return Row(_order(seen), seen.metadata.uid, content, is_packed)


def _cut(text: bytes, fields: Fields) -> bytes:
    if fields.is_all:
        return text
    return msgspec.json.encode(fields.cut(msgspec.json.decode(text), "items."))


async def _archived(archive: "SqlArchive", choice: Choice, fields: Fields, offset: int, wanted: int) -> list[Row]:
    """Rows of the archive after an offset; `wanted` 0 for all of them."""
    rows: list[Row] = []
    query = choice.archive_query(offset, min(wanted or MAX_PAGE, MAX_PAGE))
    while True:
        page = await archive.page(query)
        for item in page.items:
            document = msgspec.json.decode(item)
            meta = document.setdefault("metadata", {})
            meta["labels"] = {**(meta.get("labels") or {}), LABEL_ARCHIVING_STATUS: PERSISTED}
            seen = msgspec.convert(document, _Seen)
            rows.append(Row(_order(seen), seen.metadata.uid, msgspec.json.encode(fields.cut(document, "items."))))
        if not page.cursor or (wanted and len(rows) >= wanted):
            return rows[:wanted] if wanted else rows
        query = msgspec.structs.replace(query, cursor=page.cursor, offset=0)


async def written(listed: Listed, fields: Fields, kept: Kept) -> Response:
    """The list as an answer that is written row by row; nodes that are packed are put in where they are wanted."""
    is_needed = fields.keeps("items.status.nodes") and any(row.is_packed for row in listed.rows)
    storage = await kept.storage() if is_needed else None
    content = _written(listed, fields, Hydrator(storage.offload if storage else None))
    return StreamingResponse(content, headers=HEADERS, media_type="application/json")


async def _written(listed: Listed, fields: Fields, hydrator: Hydrator) -> AsyncIterator[bytes]:
    meta: Json = {"resourceVersion": listed.version}
    meta |= {"continue": listed.more} if listed.more else {}
    meta |= {"remainingItemCount": listed.remaining} if listed.remaining is not None else {}
    head: Json = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowList", "metadata": meta}
    shown = fields.cut(head, "")
    start = msgspec.json.encode(shown)[:-1] + (b"," if shown else b"")
    if not fields.keeps("items"):
        yield msgspec.json.encode(shown)
        return
    yield start + (b'"items":[' if listed.rows else b'"items":null')
    for number, row in enumerate(listed.rows):
        yield (b"," if number else b"") + await _whole(row, fields, hydrator)
    yield b"]}" if listed.rows else b"}"


async def _whole(row: Row, fields: Fields, hydrator: Hydrator) -> bytes:
    if not row.is_packed or not fields.keeps("items.status.nodes"):
        return row.text()
    document: dict[str, Any] = msgspec.json.decode(row.text())
    # one whose nodes cannot be had keeps nobody from seeing the others
    with contextlib.suppress(TiphysError):
        document = await hydrator.document(document)
    return msgspec.json.encode(fields.cut(document, "items."))
