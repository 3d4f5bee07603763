"""The database of the configuration, at work beside the controller: migrated, fed, and kept free of what is old.

A database that is away at the start keeps nobody from starting: what needs it waits.
"""

import asyncio
import logging
import pathlib
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from tiphys.archive.open import SecretReader, target_of
from tiphys.controller.backoff import Backoff
from tiphys.controller.expiring import Versions, collect_offloaded, purge_archive
from tiphys.controller.keeping import Keeping, keep
from tiphys.controller.last_states import LastStates
from tiphys.controller.packing import PackingRules
from tiphys.errors import TiphysError
from tiphys.model.label_selector import check_selector
from tiphys.ports import Announcements, Clock, Objects
from tiphys.settings.database import Persistence, ReconnectionConfig
from tiphys.settings.environment import Environment
from tiphys.telemetry.archive import ArchiveMetrics

if TYPE_CHECKING:
    from tiphys.archive.storage import Storage

log = logging.getLogger(__name__)
_FIRST_WAIT = 0.1


class Persisting:
    """What a controller keeps outside the API server.

    Attributes:
        keeping: What the controller works with; without a database, nodes are only compressed.
    """

    def __init__(  # noqa: PLR0913 as many as it works with
        self, objects: Objects, clock: Clock, metrics: ArchiveMetrics, environment: Environment,
        persistence: Persistence | None, secrets: SecretReader, *, instance_id: str = "",
        announcements: Announcements | None = None, folder: pathlib.Path | None = None,
    ) -> None:  # fmt: skip
        self._clock, self._metrics, self._environment = clock, metrics, environment
        self._said = said = persistence or Persistence()
        self._storage: Storage | None = None
        check_selector(said.archive_label_selector)
        if said.archive or said.node_status_off_load:
            self._storage = _open(said, secrets, instance_id)
        storage = self._storage
        self.keeping: Keeping = keep(
            objects, metrics, _rules(environment),
            archive=storage.archive if storage and said.archive else None,
            offload=storage.offload if storage and said.node_status_off_load else None,
            selector=said.archive_label_selector, announcements=announcements,
            backoff=partial(_backoff, said.reconnection_config or ReconnectionConfig()), last=LastStates(folder),
        )  # fmt: skip

    async def run(self, versions: Versions) -> None:
        """Work until cancelled.

        Args:
            versions: Says which workflows have offloaded nodes.
        """
        storage, environment = self._storage, self._environment
        if storage is None:
            await asyncio.Event().wait()
            return
        try:
            async with asyncio.TaskGroup() as group:
                if self.keeping.archiver is not None:
                    group.create_task(self.keeping.archiver.keep_deleted())
                await self._migrate(storage)
                if self.keeping.archiver is not None:
                    group.create_task(storage.enter_all())
                    group.create_task(self.keeping.archiver.run())
                    if self._said.archive_ttl:
                        ttl, period = self._said.archive_ttl, environment.archived_workflow_gc_period
                        group.create_task(purge_archive(storage.archive, self._clock, self._metrics, ttl, period))
                if self._said.node_status_off_load:
                    ttl = environment.offload_node_status_ttl
                    period = max(min(environment.workflow_gc_period, ttl), timedelta(seconds=1))
                    group.create_task(collect_offloaded(storage.offload, self._clock, ttl, versions, period))
        finally:
            await storage.close()

    async def _migrate(self, storage: "Storage") -> None:
        backoff = Backoff(first=0.5, longest=15.0)
        label = storage.database.target.label
        while not self._said.skip_migration:
            try:
                await storage.migrate()
            except TiphysError as e:
                self._metrics.is_up.set(0)
                self._metrics.failures.labels(e.code).inc()
                log.warning("the schema of %s is not ready: %s%s", label, e.message, f" ({e.hint})" if e.hint else "")
                await backoff.wait(e)
            else:
                break
        log.info("workflows are kept in %s", label)


def _open(said: Persistence, secrets: SecretReader, instance_id: str) -> "Storage | None":
    # a third of a second and 26 MiB: only who wants a database pays for one
    from tiphys.archive.storage import open_storage

    target = target_of(said, secrets, instance_id=instance_id)
    return None if target is None else open_storage(target)


def _backoff(said: ReconnectionConfig) -> Backoff:
    """Waits as the configuration wants them; without an end, since what waits here waits for the archive.

    Differs from Argo: `maxRetries` ends nothing.
    """
    return Backoff(said.base_delay_seconds or _FIRST_WAIT, float(said.max_delay_seconds), said.retry_multiple)


def _rules(environment: Environment) -> PackingRules:
    return PackingRules(
        limit_bytes=environment.max_workflow_size,
        always_offload=environment.always_offload_node_status,
        algorithm=environment.workflow_compression_algorithm,
        level=environment.workflow_compression_level,
    )
