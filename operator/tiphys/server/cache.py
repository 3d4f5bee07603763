"""Summaries of all live workflows, kept up to date by one watch with the server's own rights: lists need not read the cluster's.

Nobody is shown any of it who has not, with his own credentials and for this very list, listed one workflow of the same namespace:
the cluster's answer to that says that he may, and how many there are, so that what has just been made or deleted is waited for.

Source: docs/decisions/014-lists-from-summaries.md.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import msgspec

from tiphys.cluster.api import Api, Page
from tiphys.cluster.connection import Access, ConnectionPool
from tiphys.cluster.informer import Informer
from tiphys.cluster.versions import is_older
from tiphys.errors import Forbidden
from tiphys.local.selectors import by_labels
from tiphys.server.choosing import Choice
from tiphys.server.rights import may
from tiphys.server.summaries import Reach, Summary, summary_of

log = logging.getLogger(__name__)
MOST = 20_000
"""Workflows that are kept unless something else is said."""
_MOST_READ = 200
"""Bodies that are read one by one for a list; for more, the cluster's pages are read."""
_WAIT_SECONDS = 1.0
_AGAIN_SECONDS = 600.0


class Chosen(msgspec.Struct, frozen=True):
    """Live workflows of a list.

    Attributes:
        summaries: The first of them, in order.
        count: How many there are.
        version: To watch from.
    """

    summaries: list[Summary]
    count: int
    version: str


class Cache:
    """The summaries.

    Args:
        access: The server's own way to the cluster.
        namespace: The only one that is served; empty for all.
        most: With more workflows than that there are none.
        pool: Open connections to the cluster.
    """

    def __init__(self, access: Access, *, namespace: str = "", most: int = MOST, pool: ConnectionPool | None = None) -> None:
        self._access, self._namespace, self._most, self._pool = access, namespace, most, pool
        self._informer: Informer[Summary] | None = None
        self._ordered: list[Summary] | None = None
        self._moved = asyncio.Event()
        self._is_over = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Kept up to date inside."""
        work = asyncio.create_task(self._run())
        try:
            yield
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    @property
    def is_warm(self) -> bool:
        """Whether all workflows are known, as they are now."""
        return self._informer is not None and self._informer.synced.is_set() and self._informer.is_current

    # --- what is known

    async def chosen(self, api: Api, choice: Choice, reach: Reach, keep: int, *, drops_archived: bool) -> Chosen | None:
        """The first `keep` workflows of a list (0 for all), for who may see it; None where the cluster's have to be read.

        Raises:
            Forbidden: He may not list them.
            Unauthorized: The cluster does not know him.
        """
        if not self._can_choose(choice) or (reach == "body" and not 0 < keep <= _MOST_READ):
            return None
        try:
            page, _ = await asyncio.gather(_first(api, choice.namespace), self._may_read(api, choice.namespace, reach))
        except Forbidden:
            # what may be seen with a selector, or without reading each, the cluster says itself
            return None
        if not await self._has_reached(choice.namespace, page):
            return None
        found, version = self._found(choice, drops_archived=drops_archived), self._version()
        shown = found[:keep] if keep else found
        if sum(not one.has(reach) for one in shown) > _MOST_READ:
            return None
        return Chosen(shown, len(found), version)

    def _can_choose(self, choice: Choice) -> bool:
        # numbers are compared by the cluster only
        if not self.is_warm or self._namespace not in ("", choice.namespace) or set("<>") & set(choice.labels):
            return False
        try:
            by_labels(choice.labels)
        except ValueError:
            return False
        return True

    async def _may_read(self, api: Api, namespace: str, reach: Reach) -> None:
        if reach != "summary" and not await may(api, "get", "Workflow", namespace):
            raise Forbidden("workflows may be listed and not be read one by one")

    def _version(self) -> str:
        return self._informer.version if self._informer is not None else ""

    async def _has_reached(self, namespace: str, page: Page) -> bool:
        """Whether all is known that the cluster knew when it was asked; what is on its way is waited for a moment."""
        meta = page.metadata
        count = len(page.items) + (meta.remaining_item_count or 0)
        is_counted = not meta.continue_ or meta.remaining_item_count is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_SECONDS):
                while self.is_warm:
                    if not is_older(self._version(), meta.resource_version) or (is_counted and self._count(namespace) == count):
                        return True
                    self._moved.clear()
                    await self._moved.wait()
        return False

    def _count(self, namespace: str) -> int:
        known = self._informer.items if self._informer is not None else {}
        return sum(key.startswith(f"{namespace}/") for key in known) if namespace else len(known)

    def _found(self, choice: Choice, *, drops_archived: bool) -> list[Summary]:
        if self._ordered is None:
            known = self._informer.items.values() if self._informer is not None else ()
            self._ordered = sorted(known, key=lambda one: one.order)
        has_labels = by_labels(choice.labels)
        return [
            one
            for one in self._ordered
            if choice.namespace in ("", one.seen.metadata.namespace)
            and not (drops_archived and one.seen.is_archived)
            and one.seen.is_chosen(choice)
            and (not choice.labels or has_labels({"metadata": {"labels": one.seen.metadata.labels}}))
            and one.seen.metadata.name != (choice.not_name or None)
            and one.seen.metadata.namespace != (choice.not_namespace or None)
        ]

    # --- keeping it

    async def _run(self) -> None:
        while True:
            self._is_over.clear()
            try:
                async with Api(self._access, pool=self._pool) as api:
                    await self._keep(api)
                log.warning("lists are read from the cluster: there are more than %d workflows", self._most)
            except Exception:
                log.exception("lists are read from the cluster: summaries are not kept")
            self._informer = self._ordered = None
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _keep(self, api: Api) -> None:
        """Keep them until there are too many."""
        informer = Informer(api, "Workflow", parse=summary_of, namespace=self._namespace, is_optional=True)
        informer.on_change = informer.on_delete = self._change
        self._informer = informer
        work = asyncio.create_task(informer.run())
        over = asyncio.create_task(self._is_over.wait())
        try:
            await asyncio.wait({work, over}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
        finally:
            for task in (work, over):
                task.cancel()
            await asyncio.gather(work, over, return_exceptions=True)

    def _change(self, _key: str, _one: Summary) -> None:
        self._ordered = None
        self._moved.set()
        if self._informer is not None and len(self._informer.items) > self._most:
            self._is_over.set()


async def _first(api: Api, namespace: str) -> Page:
    """The first workflow of a namespace, and how many follow it: only who may list them has this."""
    async for page in api.list("Workflow", namespace, metadata_only=True, limit=1):
        return page
    return Page()
