"""Pods' specs in the log, where the administrator wants them (`podSpecLogStrategy`).

Source: argo-semantics 27.
"""

import logging
from typing import TYPE_CHECKING

from tiphys.errors import TiphysError
from tiphys.model.base import Json
from tiphys.pods.view import PodView

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)


class SpecLog:
    """Writes specs of all pods, or of those that failed."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller

    def created(self, pod: Json) -> None:
        """A pod is to be created."""
        if self._controller.configuration.pod_spec_log_strategy.all_pods:
            log.info("pod %s/%s has the spec %s", pod["metadata"].get("namespace", ""), pod["metadata"]["name"], pod["spec"])

    def failed(self, key: str, _pod: PodView) -> None:
        """A pod has failed."""
        said = self._controller.configuration.pod_spec_log_strategy
        if said.failed_pod and not said.all_pods:
            self._controller.effects.spawn(self._read(key))

    async def _read(self, key: str) -> None:
        namespace, _, name = key.partition("/")
        try:
            log.info("pod %s failed: %s", key, (await self._controller.objects.read("Pod", namespace, name)).decode())
        except TiphysError as e:
            log.info("pod %s failed; its spec cannot be read: %s", key, e.message)
