"""What a pod went through, as its status tells: waiting for a host, being prepared, each container's run.

Whoever reads the same pod finds the same phases, so that nothing has to be remembered. Kubernetes tells times of containers to
the second.

Source: features 24, "Tracing"; the names of containers' runs are those of Argo's spans.
"""

from datetime import datetime

import msgspec

from tiphys.pods.failure import INIT, MAIN, WAIT
from tiphys.pods.view import ContainerStatus, PodView

_RUNS = {MAIN: "runMainContainer", INIT: "runInitContainer", WAIT: "runWaitContainer", "supervisor": "runSupervisorContainer"}


class PodPhase(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a pod's life.

    Attributes:
        name: `podScheduling`, until a host was found; `podPreparing`, until the first container ran: volumes, network, images;
            `runMainContainer`, `runInitContainer`, `runWaitContainer`, `runSupervisorContainer` (in Argo's pods without init
            containers) for what Argo calls so, else `runContainer`.
        container: Whose run it is; empty for the pod's own phases.
        began: When.
        ended: None while it goes on.
        exit_code: Of a container that ended.
        message: Why it ended, where it did not end well.
    """

    name: str
    began: datetime
    ended: datetime | None
    container: str = ""
    exit_code: int | None = None
    message: str = ""


def pod_phases(pod: PodView) -> tuple[PodPhase, ...]:
    """The phases that have begun, in order; a container that never ran has none."""
    runs = sorted((run for run in map(_run, pod.status.all_containers) if run is not None), key=lambda run: run.began)
    created, scheduled = pod.metadata.creation_timestamp, _scheduled(pod)
    first = runs[0].began if runs else None
    own = []
    if created is not None:
        own.append(PodPhase(name="podScheduling", began=created, ended=scheduled or first))
    if scheduled is not None:
        own.append(PodPhase(name="podPreparing", began=scheduled, ended=first))
    return (*own, *runs)


def _scheduled(pod: PodView) -> datetime | None:
    found = (one for one in pod.status.conditions if one.type == "PodScheduled" and one.status == "True")
    return next((one.last_transition_time for one in found), None)


def _run(status: ContainerStatus) -> PodPhase | None:
    name, state = _RUNS.get(status.name, "runContainer"), status.state
    ended = state.terminated
    if ended is not None and ended.started_at is not None:
        message = "" if ended.exit_code == 0 else ended.reason
        return PodPhase(name=name, container=status.name, began=ended.started_at, ended=ended.finished_at,
                        exit_code=ended.exit_code, message=message)  # fmt: skip
    if state.running is not None and state.running.started_at is not None:
        return PodPhase(name=name, container=status.name, began=state.running.started_at, ended=None)
    return None
