"""The database behind the server: that of the controller's configuration, opened when it is first needed.

Its login is the server's own, so who asks must have proved first that he may see what it holds.

Source: argo-semantics 25.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from tiphys.cluster.api import Api
from tiphys.cluster.connection import Access
from tiphys.cluster.secret_values import secret_reader
from tiphys.errors import Forbidden, NotFound, TiphysError
from tiphys.server.queueing import Dispatcher, Dispatching
from tiphys.server.sharing import Sharing
from tiphys.settings.configuration import Configuration
from tiphys.settings.read import parse_configuration

if TYPE_CHECKING:
    from tiphys.archive.database import Database
    from tiphys.archive.limits import SqlLimits
    from tiphys.archive.storage import Storage
    from tiphys.archive.store import SqlArchive
    from tiphys.archive.target import Target
    from tiphys.server.rows import Listed

log = logging.getLogger(__name__)
CONFIG_MAP = "workflow-controller-configmap"
_FRESH_SECONDS = 30.0
_LISTS_AT_ONCE = 2


class Settled(msgspec.Struct, frozen=True):
    """What the configuration says.

    Attributes:
        configuration: All of it.
        target: The database; None for none.
        locks: The database of locks that controllers share; None for none.
    """

    configuration: Configuration = Configuration()
    target: "Target | None" = None
    locks: "Target | None" = None

    @property
    def has_archive(self) -> bool:
        """Whether finished workflows are kept."""
        return self.target is not None and (self.configuration.persistence is None or self.configuration.persistence.archive)


Ask = Callable[[], Awaitable[Settled]]


def configured(access: Access, config_map: str = CONFIG_MAP) -> Ask:
    """Asks the ConfigMap of the controller, in the namespace that the server is in."""

    async def ask() -> Settled:
        async with Api(access) as api:
            try:
                found = msgspec.json.decode(await api.read("ConfigMap", access.namespace, config_map))
            except (NotFound, Forbidden) as e:
                log.info("the controller's configuration is not read: %s", e.message)
                return Settled()
        said = parse_configuration(found.get("data") or {})
        if said.persistence is None and said.synchronization is None:
            return Settled(said)
        from tiphys.archive.open import database_target, target_of

        read = _by_server(access)
        locks = database_target(said.synchronization, read, "synchronization") if said.synchronization else None
        target = target_of(said.persistence, read, instance_id=said.instance_id or None) if said.persistence else None
        return Settled(said, target, locks)

    return ask


def _by_server(access: Access) -> Callable[[str, str], Awaitable[str]]:
    """Reads a key of a Secret with a connection of its own: a login is asked for whenever the database is connected to."""

    async def read(name: str, key: str) -> str:
        async with Api(access) as api:
            return await secret_reader(api, access.namespace)(name, key)

    return read


class Kept:
    """What the server keeps open.

    Args:
        ask: Says what is configured.
        dispatching: How events are dispatched.
        protocols: What links of the configuration may begin with.

    Attributes:
        dispatcher: Dispatches events.
        lists: Makes lists; only a few at once, since each costs memory, and one for all who ask the same with the same rights.
    """

    def __init__(self, ask: Ask, dispatching: Dispatching | None = None, *, protocols: Iterable[str] = ("http", "https")) -> None:
        self._ask = ask
        self._protocols = frozenset(protocols)
        self.dispatcher = Dispatcher(dispatching or Dispatching())
        self.lists: Sharing[Listed] = Sharing(_LISTS_AT_ONCE)
        self._lock = asyncio.Lock()
        self._settled = Settled()
        self._asked = -_FRESH_SECONDS * 2
        self._storage: Storage | None = None
        self._locks: Database | None = None
        self._entering: asyncio.Task[None] | None = None

    def may_link(self, url: str) -> bool:
        """Whether the page may lead to a link of the configuration; an address without a protocol is one of this server."""
        return urlsplit(url).scheme.lower() in {"", *self._protocols}

    async def settled(self) -> Settled:
        """What is configured now, or was half a minute ago."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now - self._asked > _FRESH_SECONDS:
                await self._settle()
                self._asked = now
        return self._settled

    async def _settle(self) -> None:
        try:
            said = await self._ask()
        except TiphysError as e:
            # what was there goes on to serve; a server that never had any says so to who needs it
            log.warning("the controller's configuration cannot be read: %s", e.message)
            return
        old, new = self._settled.configuration, said.configuration
        # a target knows how to log in, so two that say the same are not equal: what is open stays open
        if (old.persistence, old.synchronization) == (new.persistence, new.synchronization) and self._asked > 0:
            self._settled = Settled(new, self._settled.target, self._settled.locks)
        else:
            self._settled = said
            await self._close()

    async def storage(self) -> "Storage | None":
        """The database; None where none is configured."""
        target = (await self.settled()).target
        if target is not None and self._storage is None:
            from tiphys.archive.storage import open_storage

            self._storage = open_storage(target)
            self._entering = asyncio.create_task(self._storage.enter_all())
        return self._storage

    async def archive(self) -> "SqlArchive | None":
        """The archive; None where there is none."""
        storage = await self.storage()
        return storage.archive if storage is not None and (await self.settled()).has_archive else None

    async def limits(self) -> "SqlLimits | None":
        """Limits of locks in the database; None where they are not to be reached through the server."""
        settled = await self.settled()
        said = settled.configuration.synchronization
        if said is None or settled.locks is None or not said.enable_api:
            return None
        from tiphys.archive.database import Database
        from tiphys.archive.limits import SqlLimits

        self._locks = self._locks or Database(settled.locks)
        return SqlLimits(self._locks, said)

    async def close(self) -> None:
        """Let the database go."""
        async with self._lock:
            await self._close()

    async def _close(self) -> None:
        storage, self._storage = self._storage, None
        entering, self._entering = self._entering, None
        if entering is not None:
            entering.cancel()
            await asyncio.wait([entering])
        if storage is not None:
            await storage.close()
        locks, self._locks = self._locks, None
        if locks is not None:
            await locks.close()
