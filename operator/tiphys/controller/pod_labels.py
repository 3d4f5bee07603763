"""The label `completed=true` on pods that have ended and are kept, where the administrator wants it: a request for each pod.

Source: argo-semantics 21.1.
"""

import logging
from typing import TYPE_CHECKING

from tiphys.controller.backoff import Backoff
from tiphys.controller.live import Live
from tiphys.engine.actions import NodeChanged
from tiphys.errors import NotFound, OutsideError, TiphysError
from tiphys.model.names import LABEL_COMPLETED, pod_name
from tiphys.model.phases import FULFILLED, POD

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)


class PodLabels:
    """Labels pods once their end is written."""

    def __init__(self, controller: "Controller") -> None:
        self._controller = controller

    def changed(self, live: Live, action: NodeChanged) -> None:
        """A node has a new phase."""
        is_wanted = self._controller.own_configuration.label_completed_pods
        if is_wanted and action.type == POD and action.phase in FULFILLED and live.run is not None:
            name = pod_name(live.name, action.node_id, action.template_name, version=live.run.pod_name_format)
            live.to_label.append(name)

    def written(self, live: Live, deleted: set[str]) -> None:
        """The status is written; pods that are deleted need no label."""
        names, live.to_label = live.to_label, []
        for name in names:
            if name not in deleted:
                self._controller.effects.spawn(self._label(live.namespace, name))

    async def _label(self, namespace: str, name: str) -> None:
        backoff = Backoff(longest=15.0)
        while not self._controller.is_stopping:
            try:
                await self._controller.objects.patch("Pod", namespace, name, {"metadata": {"labels": {LABEL_COMPLETED: "true"}}})
            except NotFound:
                return
            except OutsideError as e:
                await backoff.wait(e)
            except TiphysError as e:
                log.warning("pod %s/%s cannot be labelled: %s", namespace, name, e.message)
                return
            else:
                return
