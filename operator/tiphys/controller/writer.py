"""What runs decide is written behind: one write under way a workflow, changes meanwhile join the next.

Each write carries the version that it was decided on; after a conflict all is read and decided again. A write whose answer was
lost conflicts with itself, and is found to be stored.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from tiphys.controller.backoff import Backoff
from tiphys.controller.calls import WRITE
from tiphys.controller.live import Live
from tiphys.controller.measuring import QUEUE
from tiphys.controller.packing import TooLarge
from tiphys.errors import Conflict, InvalidManifest, NotFound, TiphysError
from tiphys.model.base import Json
from tiphys.model.names import LABEL_COMPLETED, LABEL_PHASE
from tiphys.model.parse import parse_workflow
from tiphys.model.phases import COMPLETED, ERROR

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_AFTER_A_BUG = 10.0


class Writer:
    """Writes what is to be written of each workflow."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller

    def soon(self, live: Live) -> None:
        """See to it that what is to be written is written when it is due."""
        if live.writer is not None or self._controller.is_stopping:
            return
        if not live.patch and live.to_delete:
            # what these pods ended with is stored already
            live.take_patch()
            self._controller.effects.collect(live)
        elif live.patch:
            live.writer = asyncio.get_running_loop().create_task(self._write(live))

    async def _write(self, live: Live) -> None:
        try:
            await self._wait(live)
            await self.flush(live)
        except Exception as e:
            log.exception("status of %s cannot be written: %s", live.key, type(e).__name__)
            self._controller.metrics.errors.labels("OperationPanic").inc()
            await asyncio.sleep(_AFTER_A_BUG)
            live.forget_run(live.stored)
        finally:
            live.writer, live.is_writing = None, False
        heard, live.heard = live.heard, None
        if self._is_followed(live):
            if heard is not None and not live.needs_restore:
                self._controller.heard(live, heard)
            self.soon(live)
            if live.needs_restore:
                self._controller.turn_soon(live)

    def _is_followed(self, live: Live) -> bool:
        return self._controller.lives.get(live.uid) is live

    async def _wait(self, live: Live) -> None:
        """Return when what is to be written is due, or urgent."""
        while not live.is_urgent and (delay := live.due(self._controller.clock.now())) > 0:
            try:
                async with asyncio.timeout(min(delay, 1.0)):
                    await live.write_now.wait()
            except TimeoutError:
                continue

    async def close(self, seconds: float = 10.0) -> None:
        """Write what is known, at once; what cannot be written in time is decided again after the next start."""
        for live in self._controller.lives.values():
            live.is_urgent = True
            live.write_now.set()
            if live.patch and live.writer is None:
                live.writer = asyncio.get_running_loop().create_task(self._write(live))
        writers = [live.writer for live in self._controller.lives.values() if live.writer is not None]
        if writers:
            _, late = await asyncio.wait(writers, timeout=seconds)
            for task in late:
                task.cancel()

    def abandon(self) -> None:
        """End every write at once."""
        for live in self._controller.lives.values():
            if live.writer is not None:
                live.writer.cancel()

    async def flush(self, live: Live) -> None:
        """Write what is to be written; after a conflict, decide again from what is stored."""
        began = self._controller.clock.now()
        patch, is_ending = live.take_patch()
        stored = live.run.snapshot() if live.run is not None else live.stored
        live.is_writing = True
        if is_ending:
            stored = self._controller.keeping.ending(patch, stored)
        backoff = Backoff()
        while patch and self._is_followed(live):
            try:
                packed, packing = await self._controller.keeping.packer.pack(live, patch, stored)
                meta = await self._controller.objects.patch(
                    "Workflow", live.namespace, live.name, packed, resource_version=live.version
                )
            except Conflict:
                self._controller.metrics.queue_retries.labels(QUEUE).inc()
                await self._read_again(live)
                return
            except NotFound:
                self._controller.workflow_deleted(live.uid)
                return
            except InvalidManifest as e:
                if live.is_refused:
                    log.warning("status of %s cannot be stored at all: %s", live.key, e.message)
                    self._controller.let_go(live)
                    return
                live.is_refused, is_ending, patch = True, True, _too_large(e)
                stored = self._controller.keeping.ending(patch, stored)
            except TiphysError as e:
                log.warning("status of %s is not written yet: %s", live.key, e.message)
                self._controller.metrics.queue_retries.labels(QUEUE).inc()
                await backoff.wait(e)
            else:
                live.stored, live.version, live.packing = stored, meta.resource_version, packing
                self._controller.calls.done(live, WRITE, began)
                self._written(live, is_ending=is_ending)
                return

    def _written(self, live: Live, *, is_ending: bool) -> None:
        live.last_write = self._controller.clock.now()
        self._controller.effects.collect(live)
        self._controller.locking.stored(live)
        if is_ending and not live.patch:
            self._controller.let_go(live)

    async def _read_again(self, live: Live) -> None:
        backoff = Backoff()
        while self._is_followed(live):
            try:
                workflow = parse_workflow(await self._controller.objects.read("Workflow", live.namespace, live.name))
            except NotFound:
                self._controller.workflow_deleted(live.uid)
            except TiphysError as e:
                log.warning("workflow %s cannot be read again: %s", live.key, e.message)
                await backoff.wait(e)
            else:
                if workflow.metadata.uid != live.uid:
                    self._controller.workflow_deleted(live.uid)
                elif workflow.status.phase in COMPLETED:
                    self._controller.workflow_ended(live, workflow)
                else:
                    live.forget_run(workflow)
                return


def _too_large(error: InvalidManifest) -> Json:
    labels = {LABEL_PHASE: ERROR, LABEL_COMPLETED: "true"}
    said = error.message if isinstance(error, TooLarge) else f"status cannot be stored: {error.message[:500]}"
    return {
        "metadata": {"labels": labels},
        "status": {"phase": ERROR, "message": said},
    }
