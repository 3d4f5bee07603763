"""What a controller hears of besides workflows and pods: stored templates, its configuration, limits written on namespaces.

A missing right or a missing kind silences one of these, and is told where it matters; the rest works.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec

from tiphys.cluster.api import Api
from tiphys.cluster.informer import Informer
from tiphys.controller.admission import LABEL_PARALLELISM_LIMIT, Limits
from tiphys.controller.backoff import Backoff
from tiphys.controller.configured import ConfigMap, Configured
from tiphys.controller.controller import Controller
from tiphys.controller.shelves import parse_stored
from tiphys.engine.library import CLUSTER, NAMESPACED
from tiphys.errors import TiphysError
from tiphys.model.base import ObjectMeta
from tiphys.model.names import LABEL_INSTANCE_ID, LABEL_PHASE
from tiphys.model.phases import RUNNING

log = logging.getLogger(__name__)


class _Heading(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class Feeds:
    """The watches behind a controller's circumstances."""

    def __init__(self, api: Api, controller: Controller, configured: Configured, namespace: str) -> None:
        self._api = api
        self._controller = controller
        self._namespace = namespace
        self._limits: dict[str, int] = {}
        informers = [self._templates("WorkflowTemplate", NAMESPACED), self._templates("ClusterWorkflowTemplate", CLUSTER)]
        self._informers: list[Informer[Any]] = [*informers, *(self._config_map(configured, name) for name in configured.names)]
        if not namespace:
            self._informers.append(self._namespaces())

    def works(self) -> list[Coroutine[Any, Any, None]]:
        """What runs until it is cancelled."""
        return [informer.run() for informer in self._informers]

    async def settled(self) -> None:
        """Return when everything is known that can be, running workflows counted."""
        for informer in self._informers:
            await informer.settled.wait()
        backoff = Backoff()
        while True:
            try:
                await self._count_running()
            except TiphysError as e:
                log.warning("running workflows cannot be counted yet: %s", e.message)
                await backoff.wait(e)
            else:
                return

    def _templates(self, kind: str, scope: str) -> Informer[Any]:
        shelves = self._controller.shelves
        informer = Informer(self._api, kind, parse=parse_stored, namespace=self._namespace, is_optional=True)
        informer.on_change, informer.on_delete = shelves.heard, shelves.gone
        informer.on_fault = lambda message: shelves.set_fault(scope, message)
        return informer

    def _config_map(self, configured: Configured, name: str) -> Informer[Any]:
        def parse(raw: msgspec.Raw) -> ConfigMap:
            return msgspec.json.decode(raw, type=ConfigMap)

        fields = f"metadata.name={name}"
        informer = Informer(self._api, "ConfigMap", parse=parse, namespace=configured.namespace, fields=fields, is_optional=True)
        informer.on_change, informer.on_delete = configured.heard, configured.gone
        return informer

    def _namespaces(self) -> Informer[Any]:
        def parse(raw: msgspec.Raw) -> ObjectMeta:
            return msgspec.json.decode(raw, type=_Heading).metadata

        informer = Informer(self._api, "Namespace", parse=parse, labels=LABEL_PARALLELISM_LIMIT, is_optional=True)
        informer.on_change = lambda _key, meta: self._limit(meta.name, meta.labels.get(LABEL_PARALLELISM_LIMIT, ""))
        informer.on_delete = lambda _key, meta: self._limit(meta.name, "")
        return informer

    def _limit(self, namespace: str, text: str) -> None:
        limits = {name: limit for name, limit in self._limits.items() if name != namespace}
        if text.isascii() and text.isdecimal():
            limits[namespace] = int(text)
        elif text:
            log.warning("label %s of namespace %s is no number: %r", LABEL_PARALLELISM_LIMIT, namespace, text)
        self._limits = limits
        admission = self._controller.admission
        admission.set_limits(Limits(admission.limits.total, admission.limits.each, limits))

    async def _count_running(self) -> None:
        """Who runs already counts before anybody is let in."""
        instance = self._controller.pod_settings.instance_id
        mine = f"{LABEL_INSTANCE_ID}={instance}" if instance else f"!{LABEL_INSTANCE_ID}"
        async for page in self._api.list("Workflow", self._namespace, labels=f"{LABEL_PHASE}={RUNNING},{mine}"):
            for raw in page.items:
                meta = msgspec.json.decode(raw, type=_Heading).metadata
                self._controller.admission.count(meta.uid, meta.namespace)


async def run_feeds(feeds: Feeds) -> None:
    """Hear until cancelled."""
    async with asyncio.TaskGroup() as group:
        for work in feeds.works():
            group.create_task(work)
