"""A list as an answer: written row by row, and what is not known of a row read meanwhile with the caller's rights.

Source: rest-and-clients 1.2, "Lists".
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from tiphys.archive.hydrating import Hydrator
from tiphys.cluster.api import Api
from tiphys.errors import NotFound, TiphysError
from tiphys.model.base import Json
from tiphys.server.answers import HEADERS, Fields
from tiphys.server.kept import Kept
from tiphys.server.rows import Listed, Row, row_of
from tiphys.server.seen import seen_in
from tiphys.server.summaries import reach_of

_AHEAD = 8
"""Bodies that are read at once."""
_PART = 128 * 1024


async def written(listed: Listed, fields: Fields, kept: Kept, api: Api) -> Response:
    """The list as an answer; nodes that are packed are put in where they are wanted."""
    is_needed = fields.keeps("items.status.nodes") and any(row.is_packed or row.summary for row in listed.rows)
    storage = await kept.storage() if is_needed else None
    texts = _Texts(api, fields, Hydrator(storage.offload if storage else None))
    return StreamingResponse(_written(listed, fields, texts), headers=HEADERS, media_type="application/json")


async def _written(listed: Listed, fields: Fields, texts: "_Texts") -> AsyncIterator[bytes]:
    meta: Json = {"resourceVersion": listed.version}
    meta |= {"continue": listed.more} if listed.more else {}
    meta |= {"remainingItemCount": listed.remaining} if listed.remaining is not None else {}
    head: Json = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowList", "metadata": meta}
    shown = fields.cut(head, "")
    if not fields.keeps("items"):
        yield msgspec.json.encode(shown)
        return
    part = bytearray(msgspec.json.encode(shown)[:-1] + (b"," if shown else b"") + b'"items":')
    sign = b"["
    async for text in texts.of(listed.rows):
        part += sign + text
        sign = b","
        if len(part) > _PART:
            yield bytes(part)
            part.clear()
            await asyncio.sleep(0)
    yield bytes(part) + (b"]}" if sign == b"," else b"null}")


class _Texts:
    """The JSON of rows."""

    def __init__(self, api: Api, fields: Fields, hydrator: Hydrator) -> None:
        self._api, self._fields, self._hydrator = api, fields, hydrator
        self._reach = reach_of(fields)

    async def of(self, rows: Sequence[Row]) -> AsyncIterator[bytes]:
        """In order; those that have to be read are read some at once, and left out when they are gone."""
        if not any(self._is_read(row) for row in rows):
            for row in rows:
                yield await self._whole(row)
            return
        waiting: deque[asyncio.Task[bytes]] = deque()
        begun = 0
        try:
            while begun < len(rows) or waiting:
                while len(waiting) < _AHEAD and begun < len(rows):
                    waiting.append(asyncio.create_task(self._whole(rows[begun])))
                    begun += 1
                if text := await waiting.popleft():
                    yield text
        finally:
            for task in waiting:
                task.cancel()

    def _is_read(self, row: Row) -> bool:
        return row.summary is not None and not row.summary.has(self._reach)

    async def _whole(self, row: Row) -> bytes:
        if row.summary is None:
            return await self._hydrated(row)
        if row.summary.has(self._reach):
            return row.summary.text(self._fields, self._reach)
        meta = row.summary.seen.metadata
        try:
            raw = await self._api.read("Workflow", meta.namespace, meta.name)
        except NotFound:
            return b""
        return await self._hydrated(row_of(raw, seen_in(raw), self._fields))

    async def _hydrated(self, row: Row) -> bytes:
        if not row.is_packed or not self._fields.keeps("items.status.nodes"):
            return row.text()
        document: dict[str, Any] = msgspec.json.decode(row.text())
        # one whose nodes cannot be had keeps nobody from seeing the others
        with contextlib.suppress(TiphysError):
            document = await self._hydrator.document(document)
        return msgspec.json.encode(self._fields.cut(document, "items."))
