"""Objects beside a workflow: its disruption budget is created, what is its own goes at its end; those of others stay."""

import logging
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Live
from tiphys.engine.actions import CreateBudget, DeleteOwned
from tiphys.errors import AlreadyExists, NotFound, OutsideError, TiphysError
from tiphys.model.base import ObjectMeta

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)


class _Owned(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()


class Companions:
    """Creates and deletes them."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._left: deque[tuple[str, str, DeleteOwned]] = deque()
        self._is_deleting = False

    def create_budget(self, live: Live, action: CreateBudget) -> None:
        """Create it, however long the API server is away.

        Differs from Argo: one that cannot be created is told by an Event; the workflow runs all the same.
        """
        self._controller.effects.spawn(self._create(live, action))

    async def _create(self, live: Live, action: CreateBudget) -> None:
        controller, backoff = self._controller, Backoff(longest=15.0)
        while not controller.is_stopping and controller.lives.get(live.uid) is live:
            try:
                await controller.objects.create("PodDisruptionBudget", live.namespace, action.manifest)
            except AlreadyExists:
                return
            except OutsideError as e:
                await backoff.wait(e)
            except TiphysError as e:
                log.warning("the disruption budget of %s cannot be created: %s", live.key, e.message)
                controller.announcements.announce(
                    live.regarding, type_="Warning", reason="PodDisruptionBudgetRefused", message=e.message
                )
                return
            else:
                return

    def delete_owned(self, live: Live, action: DeleteOwned) -> None:
        """Delete it once the workflow's end is written."""
        live.to_release.append(action)

    def release(self, live: Live) -> None:
        """The end is written."""
        actions, live.to_release = live.to_release, []
        for action in actions:
            self._controller.effects.spawn(self._delete(live.namespace, live.uid, action))

    def left(self, meta: ObjectMeta, actions: list[DeleteOwned]) -> None:
        """A workflow was found that had ended: what a former life of this process did not come to. One request at a time."""
        self._left.extend((meta.namespace, meta.uid, action) for action in actions)
        if self._left and not self._is_deleting:
            self._is_deleting = True
            self._controller.effects.spawn(self._delete_left())

    async def _delete_left(self) -> None:
        try:
            while self._left:
                await self._delete(*self._left.popleft())
        finally:
            self._is_deleting = False

    async def _delete(self, namespace: str, uid: str, action: DeleteOwned) -> None:
        objects, backoff = self._controller.objects, Backoff(longest=15.0)
        while not self._controller.is_stopping:
            try:
                found = msgspec.json.decode(await objects.read(action.kind, namespace, action.name), type=_Owned).metadata
                if any(owner.uid == uid for owner in found.owner_references):
                    await objects.delete(action.kind, namespace, action.name, uid=found.uid)
            except NotFound:
                return
            except OutsideError as e:
                await backoff.wait(e)
            except TiphysError as e:
                log.warning("%s %s/%s cannot be deleted: %s", action.kind, namespace, action.name, e.message)
                return
            else:
                return
