"""A Pod's status becomes a node's report: all knowledge of container statuses is in this package.

Source: argo-semantics 5.
Differs from Argo: an init container or sidecar that cannot start is told while the pod waits, and so is a node that is lost; what
went well has ended though a driver of others still runs.
"""

from datetime import datetime

from tiphys.model.drivers import is_driver_container
from tiphys.model.names import PREFIX
from tiphys.model.phases import ERROR, FAILED, PENDING, RUNNING, SUCCEEDED
from tiphys.model.record import Framed, Record, parse_message
from tiphys.model.report import NodeReport
from tiphys.model.staging import ANNOTATION_NOT_LOGGED, StagingRecord, parse_staging_record
from tiphys.model.stored import LOGS
from tiphys.pods.failure import (
    EXECUTORS,
    MAIN,
    PROGRESS,
    WAIT,
    crashing_sidecar,
    ended_message,
    failed_sidecar,
    failure,
    is_infrastructure,
    restart_reason,
)
from tiphys.pods.usage import resources_duration
from tiphys.pods.view import ContainerStatus, PodView, node_id

_EXECUTOR_FAILED = 64
_STARTING = frozenset({"", "PodInitializing", "ContainerCreating"})


def framed_record(pod: PodView) -> Framed | None:
    """What to look for in the log of `main`, when the record did not fit into the termination message."""
    ended = pod.ended(MAIN)
    found = parse_message(ended.message) if ended else None
    return found if isinstance(found, Framed) else None


def read_pod(pod: PodView, record: Record | None = None) -> NodeReport:
    """What the pod's status says of its node.

    Args:
        pod: The pod.
        record: What the log's frame says, where `framed_record` asked for it.
    """
    phase, message = _phase(pod)
    main = pod.ended(MAIN)
    if record is None and main is not None:
        found = parse_message(main.message)
        record = found if isinstance(found, Record) else None
    is_final = phase not in (PENDING, RUNNING)
    staged = _staged(pod)
    statuses = pod.status.container_statuses
    starts = [at for at in (_started(status) for status in statuses) if at]
    ends = [status.state.terminated.finished_at for status in statuses if status.state.terminated]
    return NodeReport(
        node_id=node_id(pod),
        phase=phase,
        message=message,
        uid=pod.metadata.uid,
        ready=bool(statuses) and all(status.ready for status in statuses),
        is_infrastructure=phase in (FAILED, ERROR) and is_infrastructure(pod),
        restart_reason=restart_reason(pod),
        exit_code=main.exit_code if main else None,
        result=record.result if record else None,
        parameters=record.parameters if record else {},
        missing=(*record.missing, *record.too_big) if record else (),
        pod_ip=pod.status.pod_ip,
        host_node_name=pod.spec.node_name,
        progress=_progress(pod, phase),
        started_at=min(starts, default=None),
        finished_at=max((at for at in ends if at), default=None) if is_final else None,
        resources_duration=resources_duration(pod) if is_final else {},
        containers=_containers(pod),
        is_final=is_final,
        is_staged=staged is not None,
        unsaved=(*(staged.missing if staged else ()), *(staged.failed if staged else ()), *_not_kept(pod)),
    )


def _containers(pod: PodView) -> dict[str, NodeReport]:
    """What each container says, in a pod that has several of the user's."""
    own = [status for status in pod.status.container_statuses if status.name not in EXECUTORS]
    return {status.name: _container(status) for status in own} if len(own) > 1 else {}


def _container(status: ContainerStatus) -> NodeReport:
    waiting, ended = status.state.waiting, status.state.terminated
    if ended is not None:
        phase = SUCCEEDED if ended.exit_code == 0 else ERROR if ended.exit_code == _EXECUTOR_FAILED else FAILED
        message = "" if phase == SUCCEEDED else ended_message(status.name, ended)
        return NodeReport(node_id=status.name, phase=phase, message=message, finished_at=ended.finished_at, is_final=True)
    if status.state.running is not None:
        return NodeReport(node_id=status.name, phase=RUNNING)
    reason = waiting.reason if waiting is not None else ""
    message = f"{reason}: {waiting.message}" if waiting is not None and waiting.message else reason
    return NodeReport(node_id=status.name, phase=PENDING, message=message)


def _progress(pod: PodView, phase: str) -> str:
    """What the pod says of its progress: its annotation, and what its sidecar said in the end, where it has one."""
    written = pod.metadata.annotations.get(PREFIX + "progress", "")
    if PROGRESS not in pod.spec.sidecars:
        return written
    ended = (one.state.terminated for one in pod.status.init_container_statuses if one.name == PROGRESS)
    said = next((life.message for life in ended if life is not None), "")
    return said or (written if phase == PENDING else "")


def _not_kept(pod: PodView) -> tuple[str, ...]:
    """The logs that nobody keeps, as the pod was built."""
    return tuple(name + LOGS for name in pod.metadata.annotations.get(ANNOTATION_NOT_LOGGED, "").split(",") if name)


def _staged(pod: PodView) -> StagingRecord | None:
    """What was stored, by its executor; None while it has not said so, or when it could not say what is missing."""
    ended = pod.ended(WAIT)
    record = parse_staging_record(ended.message) if ended is not None else None
    return None if record is None or (record.errors and not record.failed) else record


def _started(status: ContainerStatus) -> datetime | None:
    state = status.state
    if state.running is not None:
        return state.running.started_at
    return state.terminated.started_at if state.terminated else None


def _phase(pod: PodView) -> tuple[str, str]:
    match pod.status.phase:
        case "Pending" | "":
            said = crashing_sidecar(pod)
            return (FAILED, said) if said else (PENDING, _pending_message(pod))
        case "Running" if _waits_for_drivers_alone(pod):
            said = failed_sidecar(pod)
            return (FAILED, said) if said else (SUCCEEDED, "")
        case "Running":
            return RUNNING, pod.status.message if pod.status.reason == "NodeLost" else ""
        case "Succeeded":
            said = failed_sidecar(pod)
            return (FAILED, said) if said else (SUCCEEDED, "")
        case "Failed":
            return failure(pod)
        case other:
            return ERROR, f"Unexpected pod phase for {pod.metadata.name}: {other}"


def _waits_for_drivers_alone(pod: PodView) -> bool:
    """Whether all went well, and nothing runs on but artifact drivers of others, which may be deaf to being told to end.

    What failed waits for the pod: only that tells of evictions and lost nodes.
    """
    statuses = pod.status.container_statuses
    if not statuses or len(statuses) < len(pod.spec.containers):
        return False
    went_well = all(one.state.terminated is not None and one.state.terminated.exit_code == 0 for one in statuses)
    on = [one.name for one in pod.status.init_container_statuses if one.state.terminated is None]
    return went_well and bool(on) and all(is_driver_container(name) and name in pod.spec.sidecars for name in on)


def _pending_message(pod: PodView) -> str:
    for status in pod.status.all_containers:
        waiting = status.state.waiting
        if waiting is not None and waiting.reason not in _STARTING:
            return f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason
    for condition in pod.status.conditions:
        if condition.reason == "Unschedulable":
            return f"Unschedulable: {condition.message}"
    waits = (status.state.waiting for status in pod.status.container_statuses)
    return next((waiting.reason for waiting in waits if waiting is not None), "")
