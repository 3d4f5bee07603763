"""What nobody needs any more leaves the database: archived workflows by age, offloaded nodes that no workflow names.

Source: argo-semantics 25.2, 25.3.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from tiphys.errors import TiphysError
from tiphys.ports import Clock, Expiry, Offload
from tiphys.telemetry.archive import ArchiveMetrics

log = logging.getLogger(__name__)
_BATCH = 500
_PAUSE_S = 0.2
_OFFLOAD_PERIOD = timedelta(minutes=5)
Versions = Callable[[], AsyncIterator[tuple[str, str]]]
"""Uid and version of every workflow of the cluster that has offloaded nodes."""


async def purge_archive(expiry: Expiry, clock: Clock, metrics: ArchiveMetrics, ttl: timedelta, period: timedelta) -> None:
    """Forget archived workflows older than `ttl`, once each `period`, in small batches; until cancelled."""
    while True:
        try:
            while gone := await expiry.purge(clock.now() - ttl, limit=_BATCH):
                metrics.purged.inc(gone)
                await asyncio.sleep(_PAUSE_S)
        except TiphysError as e:
            log.warning("old workflows stay in the archive for now: %s", e.message)
        await clock.sleep_until(clock.now() + period)


async def collect_offloaded(
    offload: Offload, clock: Clock, ttl: timedelta, versions: Versions, period: timedelta = _OFFLOAD_PERIOD
) -> None:
    """Forget versions of nodes older than `ttl` that no workflow names, once each `period`; until cancelled.

    Args:
        offload: Where they are.
        clock: The time.
        ttl: How old a version must be.
        versions: Asked only if something is old.
        period: How often.
    """
    while True:
        try:
            await collect_once(offload, clock, ttl, versions)
        except TiphysError as e:
            log.warning("old versions of nodes stay in the database for now: %s", e.message)
        await clock.sleep_until(clock.now() + period)


async def collect_once(offload: Offload, clock: Clock, ttl: timedelta, versions: Versions) -> int:
    """One round; how many versions are gone."""
    before = clock.now() - ttl
    old = await offload.old(before)
    if not old:
        return 0
    named = {pair async for pair in versions()}
    unnamed = [pair for pair in old if pair not in named]
    await offload.delete(unnamed, before=before)
    return len(unnamed)
