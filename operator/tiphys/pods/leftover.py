"""Containers that others put into a pod and that nobody ends: a service mesh's proxy, a log shipper.

Source: argo-semantics 5.5, 12.4.
"""

import msgspec

from tiphys.model.names import PREFIX
from tiphys.pods.failure import EXECUTORS, MAIN
from tiphys.pods.view import PodView

ANNOTATION_KILL = PREFIX + "kill-cmd-"
_NEVER_BEGAN = frozenset({"StartError", "ContainerCannotRun"})
_SHELL = ("/bin/sh", "-c")


def leftovers(pod: PodView) -> tuple[str, ...]:
    """The containers that still run though `main` has ended and all that it left is saved."""
    statuses = pod.status.container_statuses
    main = pod.ended(MAIN)
    if pod.status.phase != "Running" or len(statuses) < 2 or main is None:
        return ()
    running = [one.name for one in statuses if one.state.running is not None]
    savers = tuple(name for name in running if name in EXECUTORS)
    if main.reason in _NEVER_BEGAN:
        return savers or tuple(running)  # nobody tells what saves that there will be nothing
    return () if savers else tuple(running)


def kill_command(pod: PodView, container: str, signal: int) -> tuple[str, ...]:
    """What ends a container from inside; an annotation of the pod may say it, a JSON list where `%d` is the signal."""
    said = pod.metadata.annotations.get(ANNOTATION_KILL + container, "")
    try:
        words = msgspec.json.decode(said, type=tuple[str, ...]) if said else ()
    except (msgspec.DecodeError, UnicodeEncodeError):
        words = ()
    return tuple(word.replace("%d", str(signal)) for word in words) or (*_SHELL, f"kill -{signal} 1")
