"""Finished workflows go to the archive, each once, before anything deletes them.

What waits is told by the label of the workflow itself, so that a restart loses nothing; here are only names, in the order in
which the workflows finished; at most `_AT_ONCE` are in memory, and 64 MiB of those that somebody deleted meanwhile. While the
database is away the oldest are tried again and again, and nothing else happens: workflows that run do not notice.

Source: argo-semantics 25.3.
"""

import asyncio
import heapq
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.hydrating import Hydrator
from tiphys.errors import Conflict, NotFound, OutsideError, TiphysError
from tiphys.model.archived import ARCHIVED, PENDING, to_archive
from tiphys.model.base import Json
from tiphys.model.label_selector import matches
from tiphys.model.names import LABEL_ARCHIVING_STATUS
from tiphys.model.workflow import Workflow
from tiphys.ports import Archive, Objects
from tiphys.telemetry.archive import ArchiveMetrics

log = logging.getLogger(__name__)
CONDITION = "ArchivingDelayed"
_AT_ONCE = 4
_LAST_BYTES = 64 * 1024 * 1024


class Waiting(msgspec.Struct, order=True):
    """A workflow that waits, sorted by its end.

    Attributes:
        is_told: Whether it says by a condition that it waits.
    """

    finished_at: str
    uid: str
    namespace: str = ""
    name: str = ""
    is_told: bool = False


class Archiver:
    """Archives what is labelled as pending.

    Args:
        archive: Where to.
        objects: Where from.
        hydrator: Gives them their nodes.
        selector: Only workflows with such labels; None for all.
        backoff: How a database that is away is tried again.
    """

    def __init__(
        self, archive: Archive, objects: Objects, hydrator: Hydrator, metrics: ArchiveMetrics,
        selector: Mapping[str, Any] | None = None, backoff: Callable[[], Backoff] = Backoff,
    ) -> None:  # fmt: skip
        self._archive, self._objects, self._hydrator, self._metrics = archive, objects, hydrator, metrics
        self._selector = selector
        self._queue: list[Waiting] = []
        self._queued: set[str] = set()
        self._settled: dict[str, asyncio.Event] = {}
        self._last: dict[str, Json] = {}
        self._last_bytes = 0
        self._has_work = asyncio.Event()
        self._new_backoff = backoff
        self._backoff = backoff()

    @property
    def backlog(self) -> int:
        """How many wait."""
        return len(self._queued)

    # --- what is heard

    def mark(self, uid: str, patch: Json, labels: Mapping[str, str]) -> None:
        """Let the patch that ends a workflow say, too, that it waits for the archive, if it is one for it."""
        said = patch.setdefault("metadata", {}).setdefault("labels", {})
        merged = {**labels, **{key: value for key, value in said.items() if value is not None}}
        if matches(self._selector, merged):
            said[LABEL_ARCHIVING_STATUS] = PENDING
            self._settled.setdefault(uid, asyncio.Event())

    def ended(self, workflow: Workflow) -> None:
        """What was marked is written."""
        meta, at = workflow.metadata, workflow.status.finished_at
        if meta.uid in self._settled:
            self._add(meta.uid, meta.namespace, meta.name, at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else "")

    def hear(self, raw: Mapping[str, Any]) -> None:
        """A finished workflow was seen, as plain JSON."""
        if _is_pending(raw):
            meta, status = raw["metadata"], raw["status"]
            finished = str(status.get("finishedAt") or meta.get("creationTimestamp") or "")
            self._add(str(meta["uid"]), str(meta.get("namespace", "")), str(meta.get("name", "")), finished)

    def deleted(self, raw: Mapping[str, Any]) -> None:
        """A workflow is gone, and this is its last state: if it still waits, that is what is archived."""
        uid = str((raw.get("metadata") or {}).get("uid", ""))
        if _is_pending(raw) and self._last_bytes < _LAST_BYTES:
            self._last[uid] = dict(raw)
            self._last_bytes += len(msgspec.json.encode(raw))
            self.hear(raw)
        elif uid not in self._queued:
            self._done(uid)

    def _add(self, uid: str, namespace: str, name: str, finished_at: str) -> None:
        """A workflow waits; told twice, it is archived once."""
        if uid in self._queued:
            return
        self._settled.setdefault(uid, asyncio.Event())
        self._queued.add(uid)
        heapq.heappush(self._queue, Waiting(finished_at, uid, namespace, name))
        self._metrics.backlog.set(len(self._queued))
        self._has_work.set()

    async def settled(self, uid: str) -> None:
        """Return when nothing of this workflow waits any more: now it may be deleted."""
        waiting = self._settled.get(uid)
        if waiting is not None:
            await waiting.wait()

    # --- what is done

    async def run(self) -> None:
        """Archive what waits, until cancelled."""
        while True:
            while not self._queue:
                self._has_work.clear()
                await self._has_work.wait()
            batch = [heapq.heappop(self._queue) for _ in range(min(_AT_ONCE, len(self._queue)))]
            errors = await asyncio.gather(*(self._try(one) for one in batch))
            worst = next((error for error in errors if error is not None), None)
            if worst is not None:
                await self._backoff.wait(worst)
            else:
                self._backoff = self._new_backoff()

    async def _try(self, waiting: Waiting) -> TiphysError | None:
        """Archive one; what the world refused for now, which is tried again."""
        began = asyncio.get_running_loop().time()
        try:
            is_done = await self._save(waiting)
        except Conflict:
            # changed meanwhile: the newer state is archived, or it does not wait any more
            heapq.heappush(self._queue, waiting)
            return None
        except OutsideError as e:
            self._failed(waiting, e)
            heapq.heappush(self._queue, waiting)
            await self._tell(waiting, e)
            return e
        except Exception as e:
            self._failed(waiting, e)
            log.exception("workflow %s/%s cannot be archived", waiting.namespace, waiting.name)
        else:
            if is_done:
                self._metrics.archived.inc()
                self._metrics.seconds.observe(asyncio.get_running_loop().time() - began)
        self._done(waiting.uid)
        return None

    async def _save(self, waiting: Waiting) -> bool:
        """Archive one; False when it does not wait any more.

        Raises:
            Conflict: It was changed meanwhile.
        """
        document = await self._read(waiting)
        if document is None:
            return False
        whole = await self._hydrator.document(document)
        before = whole["status"].get("conditions") or []
        conditions = [one for one in before if one.get("type") != CONDITION]
        if conditions != before:
            whole["status"] = {**whole["status"], "conditions": conditions}
        await self._archive.save(await asyncio.to_thread(to_archive, whole))
        self._metrics.is_up.set(1)
        if waiting.uid in self._last:
            return True
        patch: Json = {"metadata": {"labels": {LABEL_ARCHIVING_STATUS: ARCHIVED}}}
        if conditions != before:
            patch["status"] = {"conditions": conditions}
        version = document["metadata"]["resourceVersion"]
        try:
            await self._objects.patch("Workflow", waiting.namespace, waiting.name, patch, resource_version=version)
        except NotFound:
            log.info("workflow %s/%s was deleted after it was archived", waiting.namespace, waiting.name)
        return True

    async def _read(self, waiting: Waiting) -> Json | None:
        """The workflow as it is, or as it last was; None when it does not wait any more."""
        document: Json
        if waiting.uid in self._last:
            return self._last[waiting.uid]
        try:
            document = msgspec.json.decode(await self._objects.read("Workflow", waiting.namespace, waiting.name))
        except NotFound:
            log.warning("workflow %s/%s was deleted before it was archived", waiting.namespace, waiting.name)
            return None
        return document if document["metadata"]["uid"] == waiting.uid and _is_pending(document) else None

    def _failed(self, waiting: Waiting, error: Exception) -> None:
        code = error.code if isinstance(error, TiphysError) else type(error).__name__
        self._metrics.failures.labels(code).inc()
        self._metrics.is_up.set(0)
        log.warning("workflow %s/%s is not archived yet: %s; %d wait", waiting.namespace, waiting.name, error, len(self._queued))

    async def _tell(self, waiting: Waiting, error: TiphysError) -> None:
        """The workflow itself says that it waits, and why; once."""
        if waiting.is_told or waiting.uid in self._last:
            return
        waiting.is_told = True
        try:
            document = msgspec.json.decode(await self._objects.read("Workflow", waiting.namespace, waiting.name))
            known = [one for one in document["status"].get("conditions") or () if one.get("type") != CONDITION]
            told = {"type": CONDITION, "status": "True", "message": f"waits for the archive: {error.message}"}
            await self._objects.patch(
                "Workflow", waiting.namespace, waiting.name, {"status": {"conditions": [*known, told]}},
                resource_version=document["metadata"]["resourceVersion"],
            )  # fmt: skip
        except (TiphysError, KeyError) as e:
            log.info("workflow %s/%s cannot be told that it waits: %s", waiting.namespace, waiting.name, e)

    def _done(self, uid: str) -> None:
        self._queued.discard(uid)
        last = self._last.pop(uid, None)
        if last is not None:
            self._last_bytes -= len(msgspec.json.encode(last))
        settled = self._settled.pop(uid, None)
        if settled is not None:
            settled.set()
        self._metrics.backlog.set(len(self._queued))


def _is_pending(raw: Mapping[str, Any]) -> bool:
    labels = (raw.get("metadata") or {}).get("labels") or {}
    return labels.get(LABEL_ARCHIVING_STATUS) == PENDING and isinstance(raw.get("status"), Mapping)
