"""Memos that nobody has asked for in a while leave their ConfigMaps, when the administrator wants that.

Source: argo-semantics 17.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from tiphys.cluster.api import Api
from tiphys.controller.memos import CACHES, Cache
from tiphys.engine.memo import MemoEntry
from tiphys.errors import TiphysError
from tiphys.ports import Clock
from tiphys.settings import Environment

log = logging.getLogger(__name__)


async def forget_memos(api: Api, clock: Clock, home: str, environment: Environment) -> None:
    """Look at all memos once each `CACHE_GC_PERIOD`, never when that is not set; until cancelled."""
    period = environment.cache_gc_period
    if period <= timedelta():
        await asyncio.Event().wait()
    while True:
        await clock.sleep_until(clock.now() + period)
        try:
            await forget_once(api, home, clock.now() - environment.cache_gc_after_not_hit_duration)
        except TiphysError as e:
            log.warning("memos that nobody asks for stay for now: %s", e.message)


async def forget_once(api: Api, home: str, before: datetime) -> int:
    """Drop what was last asked for before then; how many memos are gone.

    A map that changes at the same time keeps what it has until the next round.
    """
    gone = 0
    async for page in api.list("ConfigMap", home, labels=CACHES):
        for raw in page.items:
            cache = msgspec.json.decode(raw, type=Cache)
            keys = list(_unasked(cache.data, before))
            if not keys:
                continue
            patch = {"data": dict.fromkeys(keys)}
            meta = cache.metadata
            try:
                await api.patch("ConfigMap", home, meta.name, patch, resource_version=meta.resource_version)
            except TiphysError as e:
                log.debug("memos of ConfigMap %s stay for now: %s", meta.name, e.message)
            else:
                gone += len(keys)
    return gone


def _unasked(entries: Mapping[str, str], before: datetime) -> Iterator[str]:
    for key, text in entries.items():
        try:
            entry = msgspec.json.decode(text, type=MemoEntry)
        except msgspec.DecodeError:
            continue  # whoever asks for it is told that it is malformed; it may be somebody's work
        if entry.last_hit_timestamp is not None and entry.last_hit_timestamp < before:
            yield key
