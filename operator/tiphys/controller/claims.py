"""Claims for a workflow's volumes: created once, adopted after a crash, never taken from somebody else."""

import asyncio
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Live
from tiphys.engine.actions import CreateClaims
from tiphys.engine.events import ClaimsCreated, ClaimsDelayed, ClaimsRefused
from tiphys.errors import AlreadyExists, NotFound, OutsideError, RefusedError, TiphysError
from tiphys.model.base import Json, ObjectMeta

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

_KIND = "PersistentVolumeClaim"


class _Owned(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class Claimer:
    """Creates claims."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller

    def create(self, live: Live, action: CreateClaims) -> None:
        """Create all of them, however long the API server is away."""
        self._controller.effects.spawn(self._create(live, action))

    async def _create(self, live: Live, action: CreateClaims) -> None:
        controller, backoff = self._controller, Backoff(longest=15.0)
        while not controller.is_stopping and controller.lives.get(live.uid) is live:
            try:
                await asyncio.gather(*(self._create_one(live, claim) for claim in action.claims))
            except OutsideError as e:
                controller.send(live, ClaimsDelayed(e.message))
                await backoff.wait(e)
            except TiphysError as e:
                controller.send(live, ClaimsRefused(e.message))
                return
            else:
                controller.send(live, ClaimsCreated())
                return

    async def _create_one(self, live: Live, claim: Json) -> None:
        objects, name = self._controller.objects, claim["metadata"]["name"]
        try:
            await objects.create(_KIND, live.namespace, claim)
        except AlreadyExists:
            try:
                found = msgspec.json.decode(await objects.read(_KIND, live.namespace, name), type=_Owned).metadata
            except NotFound:
                await objects.create(_KIND, live.namespace, claim)
                return
            if all(owner.uid != live.uid for owner in found.owner_references):
                raise RefusedError(f'persistentvolumeclaim "{name}" exists and belongs to somebody else') from None
