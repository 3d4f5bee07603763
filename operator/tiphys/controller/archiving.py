"""Finished workflows go to the archive, each once, before anything deletes them.

What waits is told by the label of the workflow itself, so that a restart loses nothing; here are only names, in the order in
which the workflows finished; at most `_AT_ONCE` are in memory, and those that somebody deleted meanwhile (`last_states.py`).
While the database is away the oldest are tried again and again, and nothing else happens: workflows that run do not notice. One
that the database answers but does not take is kept, says so, and is tried again now and then; the others do not wait for it.

Source: argo-semantics 25.3.

Differs from Argo: a database that is away ends nothing, one that refuses a workflow loses nothing, and a workflow that somebody
deletes while it waits is archived as it last was.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tiphys.archive.hydrating import Hydrator
from tiphys.controller.backoff import Backoff
from tiphys.controller.last_states import LastStates
from tiphys.controller.waiting import Backlog, Waiting
from tiphys.errors import BugError, Conflict, Forbidden, NotFound, OutsideError, TiphysError
from tiphys.model.archived import ARCHIVED, PENDING, ArchiveQuery, to_archive
from tiphys.model.base import Json
from tiphys.model.label_selector import matches
from tiphys.model.names import LABEL_ARCHIVING_STATUS
from tiphys.ports import Announcements, Archive, Objects
from tiphys.telemetry.archive import ArchiveMetrics

log = logging.getLogger(__name__)
DELAYED, REFUSED = "ArchivingDelayed", "ArchivingFailed"
_CONDITIONS = (DELAYED, REFUSED)
_AT_ONCE = 4
_REFUSED_S = 600.0


class Archiver:
    """Archives what is labelled as pending.

    Args:
        archive: Where to.
        objects: Where from.
        hydrator: Gives them their nodes.
        announcements: Tells of what cannot be archived.
        selector: Only workflows with such labels; None for all.
        backoff: How a database that is away is tried again.
        refused_s: Seconds after which what the database did not take is tried again.
        last: Keeps what is deleted while it waits.
    """

    def __init__(  # noqa: PLR0913 as many as it works with
        self, archive: Archive, objects: Objects, hydrator: Hydrator, metrics: ArchiveMetrics, *,
        announcements: Announcements | None = None, selector: Mapping[str, Any] | None = None,
        backoff: Callable[[], Backoff] = Backoff, refused_s: float = _REFUSED_S, last: LastStates | None = None,
    ) -> None:  # fmt: skip
        self._archive, self._objects, self._hydrator, self._metrics = archive, objects, hydrator, metrics
        self._announcements, self._selector, self._refused_s = announcements, selector, refused_s
        self._backlog = Backlog()
        self._refused: set[str] = set()
        self._last = last or LastStates()
        self._new_backoff = backoff
        self._backoff = backoff()

    @property
    def backlog(self) -> int:
        """How many wait."""
        return len(self._backlog)

    @property
    def kept_bytes(self) -> int:
        """What the workflows take up in memory that were deleted while they waited."""
        return self._last.memory_bytes

    # --- what is heard

    def mark(self, patch: Json, labels: Mapping[str, str]) -> None:
        """Let the patch that ends a workflow say, too, that it waits for the archive, if it is one for it."""
        said = patch.setdefault("metadata", {}).setdefault("labels", {})
        merged = {**labels, **{key: value for key, value in said.items() if value is not None}}
        if matches(self._selector, merged):
            said[LABEL_ARCHIVING_STATUS] = PENDING

    def hear(self, labels: Mapping[str, str], waiting: Waiting) -> None:
        """A finished workflow was seen. One that does not say that it waits is not forgotten for that: it is looked at first."""
        if labels.get(LABEL_ARCHIVING_STATUS) == PENDING:
            self._backlog.add(waiting)
            self._count()
        elif waiting.uid in self._backlog:
            self._backlog.hurry(waiting.uid)

    def deleted(self, raw: Mapping[str, Any]) -> None:
        """A workflow is gone, and this is its last state: if it still waits, that is what is archived."""
        if not _is_pending(raw):
            return
        meta, status = raw["metadata"], raw["status"]
        uid, namespace, name = str(meta.get("uid", "")), str(meta.get("namespace", "")), str(meta.get("name", ""))
        waiting = Waiting(str(status.get("finishedAt") or meta.get("creationTimestamp") or ""), uid, namespace, name)
        self._last.keep(waiting, raw)
        self._backlog.add(waiting)
        self._count()

    async def settled(self, uid: str) -> None:
        """Return when nothing of this workflow waits any more: now it may be deleted."""
        await self._backlog.settled(uid)

    # --- what is done

    async def keep_deleted(self) -> None:
        """Take up what a former life kept of the deleted, and keep what is deleted from now on, until cancelled."""
        for waiting in await self._last.load():
            self._backlog.add(waiting)
        self._count()
        await self._last.run()

    async def run(self) -> None:
        """Archive what waits, until cancelled."""
        try:
            while True:
                await self._round(await self._backlog.take(_AT_ONCE))
        finally:
            self._backlog.close()

    async def _round(self, batch: list[Waiting]) -> None:
        """Try some at once. When all fail, the database is asked whether it is there at all."""
        errors = await asyncio.gather(*(self._try(one) for one in batch))
        failed = [(one, error) for one, error in zip(batch, errors, strict=True) if error is not None]
        if len(failed) < len(batch) or await self._answers():
            self._backoff = self._new_backoff()
            for waiting, error in failed:
                await self._put_off(waiting, error)
        else:
            self._metrics.is_up.set(0)
            for waiting, error in failed:
                await self._tell(waiting, DELAYED, f"waits for the archive: {error.message}")
                self._backlog.again(waiting)
            await self._backoff.wait(failed[0][1])

    async def _answers(self) -> bool:
        try:
            await self._archive.page(ArchiveQuery(limit=1))
        except Exception as e:
            log.info("the archive does not answer: %s", e)
            return False
        return True

    async def _put_off(self, waiting: Waiting, error: TiphysError) -> None:
        """It failed alone: it is tried again by itself, and nothing deletes it meanwhile."""
        if isinstance(error, Conflict):
            # changed meanwhile: the newer state is archived, or it does not wait any more
            self._backlog.later(waiting, self._own(waiting).seconds(error))
        elif isinstance(error, OutsideError | Forbidden):
            await self._tell(waiting, DELAYED, f"waits for the archive: {error.message}")
            self._backlog.later(waiting, self._own(waiting).seconds(error))
        elif waiting.uid in self._last:
            log.error("workflow %s/%s was deleted and can never be archived: %s", waiting.namespace, waiting.name, error.message)
            self._done(waiting.uid)
        else:
            self._refused.add(waiting.uid)
            self._count()
            await self._tell(waiting, REFUSED, f"cannot be archived and is kept: {error.message}")
            self._backlog.later(waiting, self._refused_s)

    def _own(self, waiting: Waiting) -> Backoff:
        waiting.backoff = waiting.backoff or self._new_backoff()
        return waiting.backoff

    async def _try(self, waiting: Waiting) -> TiphysError | None:
        """Archive one; why that failed, for now or for good."""
        began = asyncio.get_running_loop().time()
        try:
            is_done = await self._save(waiting)
        except TiphysError as e:
            error = e
        except Exception as e:
            log.exception("workflow %s/%s broke its archiving", waiting.namespace, waiting.name)
            error = BugError(f"{type(e).__name__}: {e}")
        else:
            if is_done:
                self._metrics.archived.inc()
                self._metrics.seconds.observe(asyncio.get_running_loop().time() - began)
            self._done(waiting.uid)
            return None
        if not isinstance(error, Conflict):
            self._metrics.failures.labels(error.code).inc()
            log.warning("workflow %s/%s is not archived yet: %s; %d wait", waiting.namespace, waiting.name, error, self.backlog)
        return error

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
        conditions = [one for one in before if one.get("type") not in _CONDITIONS]
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
        if waiting.uid in self._last:
            return await self._last.read(waiting.uid)
        try:
            document: Json = msgspec.json.decode(await self._objects.read("Workflow", waiting.namespace, waiting.name))
        except NotFound:
            if waiting.uid in self._last:
                return await self._last.read(waiting.uid)
            log.warning("workflow %s/%s was deleted before it was archived", waiting.namespace, waiting.name)
            self._metrics.failures.labels("deleted").inc()
            return None
        return document if document["metadata"]["uid"] == waiting.uid and _is_pending(document) else None

    async def _tell(self, waiting: Waiting, condition: str, message: str) -> None:
        """The workflow itself says that it waits, and why; each once."""
        if condition in waiting.told or waiting.uid in self._last:
            return
        waiting.told |= {condition}
        if condition == REFUSED and self._announcements is not None:
            kind = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
            regarding = {**kind, "namespace": waiting.namespace, "name": waiting.name, "uid": waiting.uid}
            self._announcements.announce(regarding, type_="Warning", reason=REFUSED, message=message)
        try:
            document = msgspec.json.decode(await self._objects.read("Workflow", waiting.namespace, waiting.name))
            known = [one for one in document["status"].get("conditions") or () if one.get("type") not in _CONDITIONS]
            told = {"type": condition, "status": "True", "message": message}
            await self._objects.patch(
                "Workflow", waiting.namespace, waiting.name, {"status": {"conditions": [*known, told]}},
                resource_version=document["metadata"]["resourceVersion"],
            )  # fmt: skip
        except (TiphysError, KeyError, TypeError, AttributeError) as e:
            log.info("workflow %s/%s cannot be told that it waits: %s", waiting.namespace, waiting.name, e)

    def _done(self, uid: str) -> None:
        self._last.forget(uid)
        self._refused.discard(uid)
        self._backlog.settle(uid)
        self._count()

    def _count(self) -> None:
        self._metrics.backlog.set(len(self._backlog))
        self._metrics.refused.set(len(self._refused))


def _is_pending(raw: Mapping[str, Any]) -> bool:
    labels = (raw.get("metadata") or {}).get("labels") or {}
    return labels.get(LABEL_ARCHIVING_STATUS) == PENDING and isinstance(raw.get("status"), Mapping)
