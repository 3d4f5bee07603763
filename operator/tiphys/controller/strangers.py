"""Pods of a workflow that has ended, for nodes that its status does not know.

They were ordered, and then somebody else wrote the workflow first (a stop, say), so that their nodes were never stored and are
not wanted any more. Nobody follows them: they would run on after their workflow.
"""

import logging
from typing import TYPE_CHECKING

from tiphys.controller.live import Live
from tiphys.pods.agent import is_agent
from tiphys.pods.collection import is_collection
from tiphys.pods.view import node_id

if TYPE_CHECKING:
    from tiphys.controller.controller import Controller

log = logging.getLogger(__name__)
_ENDED = ("Succeeded", "Failed")


def end_strangers(controller: "Controller", live: Live) -> None:
    """Delete them, those that have ended by themselves excepted: they are what users left for themselves."""
    run = live.run
    if run is None or not run.is_finished:
        return
    for key, pod in controller.pods.of(live.uid).items():
        is_known = run.tree.by_id(node_id(pod)) is not None or is_agent(pod) or is_collection(pod)
        if is_known or pod.status.phase in _ENDED or pod.metadata.deletion_timestamp is not None:
            continue
        namespace, _, name = key.partition("/")
        log.info("pod %s is deleted: its workflow has ended and knows nothing of it", key)
        controller.effects.spawn(controller.effects.starter.delete_pod(namespace, name, uid=pod.metadata.uid))
