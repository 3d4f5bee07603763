"""Lists of workflows, live and archived as one. What is in memory is what the page shows, not what there is.

Source: rest-and-clients 1.2, "Lists".
"""

import asyncio
from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import zstandard

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.errors import Gone
from tiphys.model.archived import MAX_PAGE, PERSISTED
from tiphys.model.names import LABEL_ARCHIVING_STATUS
from tiphys.server.answers import Fields
from tiphys.server.cache import Cache
from tiphys.server.choosing import Choice
from tiphys.server.kept import Kept
from tiphys.server.seen import Order, Seen, seen_in
from tiphys.server.summaries import Summary, reach_of

if TYPE_CHECKING:
    from tiphys.archive.store import SqlArchive

_PRUNE_AT = 500
_LARGE = 1024
# used by the loop's thread only
_LARGER = zstandard.ZstdDecompressor()


class Row(msgspec.Struct, frozen=True):
    """One workflow of a list.

    Attributes:
        order: Where it stands.
        uid: The workflow's.
        content: Its JSON, cut to what is wanted; compressed where `is_small`.
        is_packed: Whether its nodes are not in it.
        summary: What is known of it instead of its content; what is wanted beyond that is read as the list is written.
    """

    order: Order
    uid: str
    content: bytes = b""
    is_packed: bool = False
    is_small: bool = False
    summary: Summary | None = None

    def text(self) -> bytes:
        """The JSON."""
        return _LARGER.decompress(self.content) if self.is_small else self.content


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


class _Live(msgspec.Struct, frozen=True):
    """The first rows that are live, the version of what they are of, and how many there are."""

    rows: list[Row]
    version: str
    count: int


async def merged(api: Api, kept: Kept, choice: Choice, fields: Fields, cache: Cache | None = None) -> Listed:
    """The page of live and archived workflows. That the caller may list those of the namespace is proved by doing so."""
    archive = await kept.archive()
    if archive is None and (known := await _known(api, choice, fields, cache, drops_archived=False)) is not None:
        return _listed(known.rows[choice.offset :], choice, known.version, known.count)
    make = partial(_merged, api, archive, choice, fields, cache)
    return await kept.lists.get((_rights(api.access), choice, fields.text), make)


def _rights(access: Access) -> Hashable:
    """Who has the same may see the same."""
    return access.server, tuple(access.credentials.items()), access.certificate, access.key, access.headers


async def _merged(api: Api, archive: "SqlArchive | None", choice: Choice, fields: Fields, cache: Cache | None) -> Listed:
    """As `merged`."""
    if archive is None:
        live = await _live(api, choice, fields, drops_archived=False)
        return _listed(live.rows[choice.offset :], choice, live.version, live.count)
    live = await _known(api, choice, fields, cache, drops_archived=True) or await _live(api, choice, fields, drops_archived=True)
    rows, count = live.rows[choice.offset :], live.count
    uids = {row.uid for row in live.rows}
    # one more than is shown, to know whether there are more
    wanted = choice.limit + 1 - len(rows) if choice.limit else 0
    found = await _archived(archive, choice, fields, max(0, choice.offset - count), wanted)
    rows += [row for row in found if row.uid not in uids]
    total = count + await archive.count(choice.archive_query(0, 1)) if choice.is_counted else choice.offset + len(rows)
    return _listed(rows, choice, live.version, max(count, total))


async def archived(archive: "SqlArchive", kept: Kept, choice: Choice, fields: Fields) -> Listed:
    """A page of the archive alone; the caller must have been let in to it."""

    async def make() -> Listed:
        rows = await _archived(archive, choice, fields, choice.offset, choice.limit + 1 if choice.limit else 0)
        total = await archive.count(choice.archive_query(0, 1)) if choice.is_counted else choice.offset + len(rows)
        return _listed(rows, choice, "", total)

    return await kept.lists.get(("archive", choice, fields.text), make)


def _listed(rows: list[Row], choice: Choice, version: str, count: int) -> Listed:
    page = sorted(rows[: choice.limit] if choice.limit else rows, key=lambda row: row.order)
    last = choice.offset + len(page)
    remaining = max(0, count - last)
    more = str(last) if choice.limit and remaining else ""
    return Listed(tuple(page), version, more, remaining if choice.is_counted else None)


async def _known(api: Api, choice: Choice, fields: Fields, cache: Cache | None, *, drops_archived: bool) -> _Live | None:
    """As `_live`, of what is known without reading it; None where it has to be read."""
    if cache is None:
        return None
    found = await cache.chosen(api, choice, reach_of(fields), choice.reach, drops_archived=drops_archived)
    if found is None:
        return None
    rows = [Row(one.order, one.seen.metadata.uid, summary=one) for one in found.summaries]
    return _Live(rows, found.version, found.count)


async def _live(api: Api, choice: Choice, fields: Fields, *, drops_archived: bool) -> _Live:
    """As `_live_once`; from the start again when the cluster has forgotten what the list began with."""
    try:
        return await _live_once(api, choice, fields, drops_archived=drops_archived)
    except Gone:
        return await _live_once(api, choice, fields, drops_archived=drops_archived)


async def _live_once(api: Api, choice: Choice, fields: Fields, *, drops_archived: bool) -> _Live:
    """The first rows in order, as far as the page reaches; the version, and how many there are."""
    keep = choice.reach
    rows: list[Row] = []
    version, count = "", 0
    async for page in api.list("Workflow", choice.namespace, labels=choice.labels, fields=choice.fields):
        version = version or page.metadata.resource_version
        found = []
        for raw in page.items:
            seen = seen_in(raw)
            if not (drops_archived and seen.is_archived) and seen.is_chosen(choice):
                found.append(row_of(raw, seen, fields))
        count += len(found)
        # a whole list waits in memory for a client that may be slow
        rows += found if keep else await asyncio.to_thread(_small, found)
        if keep and len(rows) > keep + _PRUNE_AT:
            rows = sorted(rows, key=lambda row: row.order)[:keep]
        await asyncio.sleep(0)
    rows.sort(key=lambda row: row.order)
    return _Live(rows[:keep] if keep else rows, version, count)


def _small(rows: list[Row]) -> list[Row]:
    compress = zstandard.ZstdCompressor(level=1).compress
    return [
        msgspec.structs.replace(row, content=compress(row.content), is_small=True) if len(row.content) > _LARGE else row
        for row in rows
    ]


def row_of(raw: bytes | msgspec.Raw, seen: Seen, fields: Fields) -> Row:
    """A workflow as a list shows it; whole where its nodes have to be unpacked first."""
    content = _cut(bytes(raw), fields) if not seen.is_packed or not fields.keeps("items.status.nodes") else bytes(raw)
    return Row(seen.order, seen.metadata.uid, content, seen.is_packed)


def _cut(text: bytes, fields: Fields) -> bytes:
    if fields.is_all:
        return text
    document = msgspec.json.decode(text)
    if fields.kept and not fields.names("items.metadata.managedFields"):
        document.get("metadata", {}).pop("managedFields", None)
    return msgspec.json.encode(fields.cut(document, "items."))


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
            seen = msgspec.convert(document, Seen)
            rows.append(Row(seen.order, seen.metadata.uid, msgspec.json.encode(fields.cut(document, "items."))))
        if not page.cursor or (wanted and len(rows) >= wanted):
            return rows[:wanted] if wanted else rows
        query = msgspec.structs.replace(query, cursor=page.cursor, offset=0)
