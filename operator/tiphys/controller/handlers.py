"""Kopf's handlers: they hand what they hear to the controller's loop. The only importer of kopf.

Kopf runs in a thread and loop of its own, so that its end is not ours: it is started again. Only event handlers are used, since
all others write annotations or finalizers onto users' objects.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from tiphys.cluster.connection import Access, open_session
from tiphys.controller.controller import Controller
from tiphys.controller.crons import Crons

log = logging.getLogger(__name__)
# named here, since Kopf asks for the user's name otherwise, and in a container there may be none
_IDENTITY: Any = "tiphys"
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
_GOOD_LIFE = 120.0
_LAST_WORDS = 0.25
_WATCH_SECONDS, _SILENT_SECONDS = 50, 58


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


Hear = Callable[[str, Mapping[str, Any]], None]
"""Told of an object: ADDED, MODIFIED, DELETED, or empty for one that was there; on the loop of who listens."""


class KopfThread:
    """Kopf, hearing of one kind of Argo's objects, started again whenever it ends.

    One kind each, since Kopf ends for all kinds when the right to one is missing.
    """

    def __init__(self, plural: str, hear: Hear, access: Access, namespace: str) -> None:
        self._plural = plural
        self._hear = hear
        self._access = access
        self._namespace = namespace
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._end: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name=f"kopf-{plural}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    async def stop(self) -> None:
        """End listening."""
        self._stop.set()
        with contextlib.suppress(RuntimeError):  # its loop may have ended just now
            self._end()
        await asyncio.to_thread(self._thread.join, 10)

    def _run(self) -> None:
        delay = _FIRST_DELAY
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                asyncio.run(self._operate())
                why = "nobody asked for it"
            except Exception as e:
                why = f"{type(e).__name__}: {e}"
            if self._stop.is_set():
                return
            if time.monotonic() - began > _GOOD_LIFE:
                delay = _FIRST_DELAY
            log.warning("kopf ended hearing of %s, again in %.0f s: %s", self._plural, delay, why)
            self._stop.wait(delay)
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _operate(self) -> None:
        # a flag of this loop: Kopf waits for one of threads in a thread that outlives its own failure, and so never ends
        loop, flag = asyncio.get_running_loop(), asyncio.Event()
        self._end = lambda: loop.call_soon_threadsafe(flag.set)
        try:
            await self._listen(flag)
        finally:
            self._end = lambda: None
            # Kopf closes its connections last: those with TLS are gone when the other side has said so, too
            await asyncio.sleep(_LAST_WORDS if self._access.server.startswith("https") else 0)

    async def _listen(self, flag: asyncio.Event) -> None:
        if self._stop.is_set():
            return
        registry, settings = kopf.OperatorRegistry(), kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.persistence.diffbase_storage = _NoDiffBase()
        # a watch that the server has not ended by then has gone silent
        settings.watching.server_timeout, settings.watching.client_timeout = _WATCH_SECONDS, _SILENT_SECONDS
        settings.networking.error_backoffs = (1, 2, 4, 8)
        self._register(registry)
        namespaces = [self._namespace] if self._namespace else []
        await kopf.operator(
            registry=registry,
            settings=settings,
            standalone=True,
            identity=_IDENTITY,
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=flag,
        )

    def _register(self, registry: kopf.OperatorRegistry) -> None:
        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.ConnectionInfo | kopf.AiohttpSession:
            if self._access.renew is not None:
                self._access.renew()
            return connection_info(self._access)

        @kopf.on.event("argoproj.io", "v1alpha1", self._plural, registry=registry)
        def changed(event: Mapping[str, Any], **_: Any) -> None:
            self._loop.call_soon_threadsafe(self._hear, str(event.get("type") or ""), event["object"])


def hear_workflows(controller: Controller) -> Hear:
    """What the controller makes of workflows."""

    def hear(kind: str, raw: Mapping[str, Any]) -> None:
        if kind == "DELETED":
            controller.keeping.deleted(raw)
            controller.workflow_deleted(str(raw["metadata"].get("uid", "")))
        else:
            controller.workflow_changed(raw)

    return hear


def hear_crons(crons: Crons) -> Hear:
    """What schedules are made of."""

    def hear(kind: str, raw: Mapping[str, Any]) -> None:
        if kind == "DELETED":
            crons.cron_deleted(str(raw["metadata"].get("uid", "")))
        else:
            crons.cron_changed(raw)

    return hear


def connection_info(access: Access) -> kopf.ConnectionInfo | kopf.AiohttpSession:
    """The access in Kopf's terms; on the loop of who asks."""
    if access.tls_server_name:
        session = open_session(access)
        session.headers.update(access.credentials)
        return kopf.AiohttpSession(aiohttp_session=session, server=access.server, default_namespace=access.namespace)
    return kopf.ConnectionInfo(
        server=access.server,
        ca_data=access.ca or None,
        insecure=access.is_insecure,
        token=access.token() if access.token else None,
        username=access.username or None,
        password=access.password or None,
        proxy_url=access.proxy or None,
        certificate_data=access.certificate or None,
        private_key_data=access.key or None,
        default_namespace=access.namespace,
    )
