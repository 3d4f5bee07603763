"""From time to time all workflows are listed: what a watch has not told of is noticed after all.

A workflow that was deleted while nobody listened would be followed for ever; one that was changed would not be heard of.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from tiphys.cluster.api import Api
from tiphys.cluster.versions import is_older
from tiphys.errors import NotFound, TiphysError
from tiphys.model.base import ObjectMeta
from tiphys.model.names import LABEL_COMPLETED, LABEL_INSTANCE_ID

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
INTERVAL_SECONDS = 300.0


class _Heading(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class Sweep:
    """Looks for what was missed.

    Args:
        namespace: Of workflows; empty for all.

    Attributes:
        is_own: Whether this replica follows a workflow.
    """

    def __init__(self, api: Api, controller: "Controller", namespace: str, *, interval: float = INTERVAL_SECONDS) -> None:
        self._api = api
        self._controller = controller
        self._namespace = namespace
        self._interval = interval
        self.is_own: Callable[[str], bool] = lambda _uid: True

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.look()
            except TiphysError as e:
                log.warning("workflows cannot be listed for a look: %s", e.message)

    async def look(self) -> None:
        """Look once."""
        followed = list(self._controller.lives.values())
        found = await self._headings()
        for live in followed:
            if live.uid not in found and self._controller.lives.get(live.uid) is live:
                await self._look_at(live.namespace, live.name, live.uid)
        for uid, meta in found.items():
            if not self.is_own(uid):
                continue
            known = self._controller.lives.get(uid)
            if known is None or (not known.is_writing and is_older(known.version, meta.resource_version)):
                await self._look_at(meta.namespace, meta.name, uid)

    async def _headings(self) -> dict[str, ObjectMeta]:
        """Workflows that are not completed, by uid."""
        instance = self._controller.pod_settings.instance_id
        mine = f"{LABEL_INSTANCE_ID}={instance}" if instance else f"!{LABEL_INSTANCE_ID}"
        labels = f"{LABEL_COMPLETED}!=true,{mine}"
        found: dict[str, ObjectMeta] = {}
        async for page in self._api.list("Workflow", self._namespace, labels=labels, metadata_only=True):
            for raw in page.items:
                meta = msgspec.json.decode(raw, type=_Heading).metadata
                found[meta.uid] = meta
        return found

    async def _look_at(self, namespace: str, name: str, uid: str) -> None:
        """Hear of a workflow as it is now; between the list and now it may have been told of, too, which does no harm."""
        try:
            raw = msgspec.json.decode(await self._api.read("Workflow", namespace, name))
        except NotFound:
            self._controller.workflow_deleted(uid)
            return
        if raw["metadata"]["uid"] != uid:
            self._controller.workflow_deleted(uid)
        self._controller.workflow_changed(raw)
