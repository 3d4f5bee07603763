"""Ends what others put into pods and what would run on for ever: asked first, then killed, then deleted with its pod.

Source: argo-semantics 5.5.
Differs from Argo: where commands in containers are not allowed or of no use, the pod is deleted; what `main` did counts.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from tiphys.errors import OutsideError, TiphysError
from tiphys.pods.failure import crashing_sidecar
from tiphys.pods.leftover import kill_command, leftovers
from tiphys.pods.view import PodView

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_TERM, _KILL = 15, 9
_AFTER_KILL = 5.0


class Leftovers:
    """Follows pods whose `main` has ended while others run; each pod is taken care of once."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller
        self._known: set[str] = set()

    def heard(self, key: str, pod: PodView) -> None:
        """A pod changed."""
        uid = pod.metadata.uid
        if uid not in self._known and pod.metadata.deletion_timestamp is None and crashing_sidecar(pod):
            self._known.add(uid)
            namespace, _, name = key.partition("/")
            log.info("pod %s is deleted: its sidecar fails again and again", key)
            self._controller.effects.spawn(self._controller.effects.starter.delete_pod(namespace, name, uid=uid))
        if leftovers(pod) and uid not in self._known and pod.metadata.deletion_timestamp is None:
            self._known.add(uid)
            self._controller.effects.spawn(self._end(key, pod))

    def forget(self, pod: PodView) -> None:
        """A pod is gone."""
        self._known.discard(pod.metadata.uid)

    async def _end(self, key: str, pod: PodView) -> None:
        controller, (namespace, _, name) = self._controller, key.partition("/")
        grace = pod.spec.termination_grace_period_seconds
        for signal, patience in ((_TERM, float(grace)), (_KILL, _AFTER_KILL)):
            told = [await self._tell(namespace, name, pod, container, signal) for container in self._left(key, pod)]
            # where nobody could be told, waiting is of no use
            if any(told) and await self._is_gone(key, pod, patience):
                return
        if self._left(key, pod) and not controller.is_stopping:
            log.info("pod %s is deleted: what others put into it runs on though main has ended", key)
            await controller.effects.starter.delete_pod(namespace, name, uid=pod.metadata.uid, grace_seconds=grace)

    def _left(self, key: str, pod: PodView) -> tuple[str, ...]:
        now = self._controller.pods.known(key, pod)
        return leftovers(now) if now is not None else ()

    async def _tell(self, namespace: str, name: str, pod: PodView, container: str, signal: int) -> bool:
        executor = self._controller.exec
        if executor is None:
            return False
        try:
            await executor.run(namespace, name, container, kill_command(pod, container, signal))
        except OutsideError:
            return True
        except TiphysError as e:
            log.info("container %s of %s/%s cannot be told to end: %s", container, namespace, name, e.message)
            return False
        return True

    async def _is_gone(self, key: str, pod: PodView, seconds: float) -> bool:
        end = asyncio.get_running_loop().time() + seconds
        while self._left(key, pod):
            if asyncio.get_running_loop().time() >= end:
                return False
            await asyncio.sleep(0.2)
        return True
