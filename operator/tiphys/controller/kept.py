"""Pods that were deleted are kept until their last status is recorded, where the administrator wants it.

A finalizer of ours holds them: a step whose pod is deleted while the controller is away is not lost. It costs a request a pod.

Source: features 17 (pod status finalizer).
"""

import logging
from typing import TYPE_CHECKING

import msgspec

from tiphys.controller.live import Live
from tiphys.errors import NotFound, OutsideError, TiphysError
from tiphys.model.base import ObjectMeta
from tiphys.model.phases import COMPLETED, FULFILLED
from tiphys.pods.passes.identify import FINALIZER_STATUS
from tiphys.pods.view import PodView, node_id, owner_uid

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_ENDED = frozenset({"Succeeded", "Failed"})


class _Phase(msgspec.Struct, frozen=True):
    phase: str = ""


class _Seen(msgspec.Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    status: _Phase = _Phase()


class KeptPods:
    """Lets pods go whose end is stored, or that have nobody to tell."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._waiting: dict[str, dict[str, PodView]] = {}

    def heard(self, key: str, pod: PodView) -> None:
        """A pod was added or changed."""
        if FINALIZER_STATUS not in pod.metadata.finalizers:
            return
        is_leaving = pod.metadata.deletion_timestamp is not None
        has_ended = pod.status.phase in _ENDED
        live = self._controller.lives.get(owner_uid(pod))
        if is_leaving and not pod.spec.node_name:
            # no kubelet will ever say anything about it
            self._let_go(key, pod)
        elif has_ended and live is not None:
            self._waiting.setdefault(live.uid, {})[key] = pod
            self.written(live)
        elif live is None and (has_ended or is_leaving):
            self._controller.effects.spawn(self._ask(key, pod))

    async def _ask(self, key: str, pod: PodView) -> None:
        """Nobody follows the pod's workflow: it is gone, or has ended, or is not known yet."""
        namespace = key.partition("/")[0]
        owner = next((owner for owner in pod.metadata.owner_references if owner.controller), None)
        if owner is None:
            return
        try:
            raw = await self._controller.objects.read("Workflow", namespace, owner.name)
            found = msgspec.json.decode(raw, type=_Seen)
        except NotFound:
            found = _Seen()
        except (TiphysError, msgspec.DecodeError) as e:
            log.info("pod %s is kept: %s", key, e)
            return
        if found.metadata.uid != owner.uid or found.status.phase in COMPLETED:
            self._let_go(key, pod)

    def forget(self, key: str, pod: PodView) -> None:
        """A pod is gone."""
        self._waiting.get(owner_uid(pod), {}).pop(key, None)

    def written(self, live: Live) -> None:
        """A workflow's status is stored."""
        nodes = live.stored.status.nodes
        waiting = self._waiting.get(live.uid, {})
        for key, pod in list(waiting.items()):
            node = nodes.get(node_id(pod))
            if node is not None and node.phase in FULFILLED:
                self._let_go(key, waiting.pop(key))

    def left(self, uid: str) -> None:
        """Another replica follows the workflow."""
        self._waiting.pop(uid, None)

    def unfollowed(self, uid: str) -> None:
        """Nobody follows the workflow any more."""
        for key, pod in self._waiting.pop(uid, {}).items():
            self._let_go(key, pod)

    def _let_go(self, key: str, pod: PodView) -> None:
        self._controller.effects.spawn(self._release(key, pod))

    async def _release(self, key: str, pod: PodView) -> None:
        namespace, _, name = key.partition("/")
        others = [finalizer for finalizer in pod.metadata.finalizers if finalizer != FINALIZER_STATUS]
        patch = {"metadata": {"finalizers": others or None}}
        try:
            # of this very version: whoever changed it meanwhile makes us hear of it again
            await self._controller.objects.patch("Pod", namespace, name, patch, resource_version=pod.metadata.resource_version)
        except OutsideError as e:
            log.info("pod %s is let go later: %s", key, e.message)
        except TiphysError as e:
            log.warning("pod %s cannot be let go: %s", key, e.message)
