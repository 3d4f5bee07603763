"""Kopf's handlers: they hand what they hear to the controller's loop. The only importer of kopf.

Kopf runs in a thread and loop of its own, so that its end is not ours: it is started again. Only event handlers are used, since
all others write annotations or finalizers onto users' objects.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from typing import Any

import kopf

from tiphys.cluster.connection import Access
from tiphys.controller.controller import Controller
from tiphys.controller.crons import Crons

log = logging.getLogger(__name__)
# named here, since Kopf asks for the user's name otherwise, and in a container there may be none
_IDENTITY: Any = "tiphys"


class _NoDiffBase(kopf.DiffBaseStorage):
    """Remembers nothing on users' objects."""

    def build(self, **_: Any) -> Any:
        """Nothing is compared."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Nothing is stored."""
        return None

    def store(self, **_: Any) -> None:
        """Nothing is stored."""


class KopfThread:
    """Kopf, hearing of workflows and schedules, started again whenever it ends."""

    def __init__(self, controller: Controller, crons: Crons, access: Access, namespace: str) -> None:
        self._controller = controller
        self._crons = crons
        self._access = access
        self._namespace = namespace
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    async def stop(self) -> None:
        """End listening."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, 10)

    def _run(self) -> None:
        delay = 1.0
        while not self._stop.is_set():
            try:
                asyncio.run(self._operate())
            except Exception as e:
                log.warning("kopf ended, again in %.0f s: %s: %s", delay, type(e).__name__, e)
            self._stop.wait(delay)
            delay = min(delay * 2, 60.0)

    async def _operate(self) -> None:
        registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.persistence.diffbase_storage = _NoDiffBase()
        settings.watching.server_timeout = 290
        self._register(registry)
        namespaces = [self._namespace] if self._namespace else []
        await kopf.operator(
            registry=registry,
            settings=settings,
            standalone=True,
            identity=_IDENTITY,
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=self._stop,
        )

    def _register(self, registry: kopf.OperatorRegistry) -> None:
        access = self._access

        @kopf.on.login(registry=registry)
        def login(**_: Any) -> kopf.ConnectionInfo:
            return connection_info(access)

        @kopf.on.event("argoproj.io", "v1alpha1", "workflows", registry=registry)
        def workflow(event: Mapping[str, Any], **_: Any) -> None:
            self._loop.call_soon_threadsafe(self._hear, event.get("type"), event["object"])

        @kopf.on.event("argoproj.io", "v1alpha1", "cronworkflows", registry=registry)
        def cron(event: Mapping[str, Any], **_: Any) -> None:
            self._loop.call_soon_threadsafe(self._hear_cron, event.get("type"), event["object"])

    def _hear_cron(self, kind: object, raw: Mapping[str, Any]) -> None:
        if kind == "DELETED":
            self._crons.cron_deleted(str(raw["metadata"].get("uid", "")))
        else:
            self._crons.cron_changed(raw)

    def _hear(self, kind: object, raw: Mapping[str, Any]) -> None:
        if kind == "DELETED":
            self._controller.keeping.deleted(raw)
            self._controller.workflow_deleted(str(raw["metadata"].get("uid", "")))
        else:
            self._controller.workflow_changed(raw)


def connection_info(access: Access) -> kopf.ConnectionInfo:
    """The access in Kopf's terms."""
    return kopf.ConnectionInfo(
        server=access.server,
        ca_data=access.ca or None,
        insecure=access.is_insecure,
        token=access.token() if access.token else None,
        certificate_data=access.certificate or None,
        private_key_data=access.key or None,
        default_namespace=access.namespace,
    )
