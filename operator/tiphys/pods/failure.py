"""How a pod ended that did not succeed: phase and message, and whether the user's program had anything to do with it.

Source: argo-semantics 5.2, 5.7, 12.4; threats and faults F14 to F16.
Differs from Argo: a sidecar that was told to end, since `main` had ended, may end with any code.
"""

from collections.abc import Iterable

from tiphys.model.phases import ERROR, FAILED, SUCCEEDED
from tiphys.model.record import Record, parse_message
from tiphys.model.staging import parse_staging_record
from tiphys.pods.view import ContainerStatus, PodView, Terminated

MAIN = "main"
INIT = "init"
WAIT = "wait"
PROGRESS = "tiphys-progress"
"""The native sidecar that tells how far the user's containers say to be."""
EXECUTORS = frozenset({WAIT, "supervisor"})
"""Containers that save what `main` left: their failure is an Error."""
_SIGNALLED = frozenset({137, 143})
_SUPERVISOR_FAILED = 65
RESTARTABLE = frozenset({"Evicted", "NodeShutdown", "NodeAffinity", "UnexpectedAdmissionError"})
"""Reasons for which a pod whose `main` never started may be made again."""
_INFRASTRUCTURE = RESTARTABLE | {"NodeLost", "Terminated", "Shutdown", "Preempting", "TopologyAffinityError", "OutOfcpu",
                                 "OutOfmemory", "OutOfpods", "OutOfephemeral-storage"}  # fmt: skip
_DELETED = "DisruptionTarget"


def failure(pod: PodView) -> tuple[str, str]:
    """Phase and message of a node whose pod is Failed; the first thing that explains it."""
    status = pod.status
    if status.message:
        return FAILED, status.message
    if not status.all_containers:
        return FAILED, f"can't find failed message for pod {pod.metadata.name} namespace {pod.metadata.namespace}"
    for one in _in_order(pod):
        found = _explanation(one, pod)
        if found is not None:
            return found
    return _undecided(pod)


def _in_order(pod: PodView) -> Iterable[ContainerStatus]:
    """Init containers, `main` (or what stands in its place), what saves its outputs, everything else; a lost supervisor first."""
    status, sidecars = pod.status, pod.spec.sidecars
    mains = _mains(pod)
    lost = any(one.name in mains and one.state.terminated and one.state.terminated.exit_code == _SUPERVISOR_FAILED
               for one in status.container_statuses)  # fmt: skip
    early = ["supervisor"] if lost else []

    def place(one: ContainerStatus) -> int:
        if one.name in early:
            return 0
        return 1 if one.name in mains else 2 if one.name in EXECUTORS else 3

    inits = [one for one in status.init_container_statuses if one.name not in sidecars]
    return [*inits, *sorted((one for one in status.all_containers if one not in inits), key=place)]


def _mains(pod: PodView) -> frozenset[str]:
    names = [one.name for one in pod.status.container_statuses]
    return frozenset({MAIN}) if MAIN in names else frozenset(names) - EXECUTORS


def _explanation(one: ContainerStatus, pod: PodView) -> tuple[str, str] | None:
    waiting, ended = one.state.waiting, one.state.terminated
    if one.name in pod.spec.sidecars:
        ended = failed_by_itself(one, pod)
        return (FAILED, ended_message(one.name, ended)) if ended is not None else None
    if waiting is not None:
        return ERROR, f"Pod failed before {one.name} container starts due to {waiting.reason}: {waiting.message}"
    if ended is None or ended.exit_code == 0:
        return None
    if one.name == INIT or one.name in EXECUTORS:
        return ERROR, ended_message(one.name, ended)
    if one.name in _mains(pod) or ended.exit_code not in _SIGNALLED:
        return FAILED, ended_message(one.name, ended)
    return None


def failed_by_itself(sidecar: ContainerStatus, pod: PodView) -> Terminated | None:
    """How a native sidecar failed before `main` had ended; None when it did not."""
    ended = pod.ended(MAIN)
    main_end = ended.finished_at if ended is not None else None
    for life in (sidecar.last_state.terminated, sidecar.state.terminated):
        if life is None or life.exit_code == 0 or life.exit_code in _SIGNALLED:
            continue
        record = parse_message(life.message)
        if isinstance(record, Record):
            if record.is_held:
                return life
        elif main_end is None or (life.finished_at is not None and life.finished_at < main_end):
            return life
    return None


def failed_sidecar(pod: PodView) -> str:
    """The message of the first sidecar that failed though `main` went well; empty when none did."""
    sidecars = pod.spec.sidecars
    for one in pod.status.init_container_statuses if sidecars else ():
        ended = failed_by_itself(one, pod) if one.name in sidecars else None
        if ended is not None:
            return ended_message(one.name, ended)
    return ""


def crashing_sidecar(pod: PodView) -> str:
    """The message of a sidecar that fails again and again, so that `main` never begins; empty when none does."""
    sidecars = pod.spec.sidecars
    for one in pod.status.init_container_statuses if pod.status.phase == "Pending" and sidecars else ():
        waiting, ended = one.state.waiting, one.last_state.terminated
        is_looping = waiting is not None and waiting.reason == "CrashLoopBackOff"
        if one.name in sidecars and is_looping and ended is not None and ended.exit_code:
            return ended_message(one.name, ended)
    return ""


def _undecided(pod: PodView) -> tuple[str, str]:
    ended = [one for one in pod.status.container_statuses if one.state.terminated is not None]
    mains = _mains(pod)
    has_executor = any(one.name in EXECUTORS for one in pod.status.container_statuses)
    main_ended = any(one.name in mains for one in ended)
    executor_ended = any(one.name in EXECUTORS for one in ended)
    if main_ended and (executor_ended or not has_executor):
        return SUCCEEDED, ""
    if disruption := disruption_of(pod):
        return ERROR, f"pod deleted: {disruption}"
    if main_ended:
        return FAILED, "pod failed: wait container did not complete successfully"
    if executor_ended or not has_executor:
        return FAILED, "pod failed: main container did not complete successfully"
    return FAILED, "pod failed: neither main nor wait container completed successfully"


def ended_message(name: str, ended: Terminated) -> str:
    """What a container's end says to users."""
    staged = parse_staging_record(ended.message) if name == INIT or name in EXECUTORS else None
    said = staged.message if staged else "" if parse_message(ended.message) else ended.message.strip()
    return f"{name}: {ended.reason} (exit code {ended.exit_code})" + (f": {said}" if said else "")


def disruption_of(pod: PodView) -> str:
    """Why the cluster ended the pod; empty when it did not."""
    found = (one for one in pod.status.conditions if one.type == _DELETED and one.status == "True")
    return next((one.message or one.reason or "disrupted" for one in found), "")


def is_infrastructure(pod: PodView) -> bool:
    """Whether the pod ended for a reason outside the user's program: eviction, deletion, the loss of its node."""
    if pod.status.reason in _INFRASTRUCTURE or disruption_of(pod):
        return True
    main = pod.ended(MAIN)
    was_signalled = main is None or main.exit_code in _SIGNALLED
    return pod.metadata.deletion_timestamp is not None and was_signalled and pod.status.reason != "DeadlineExceeded"


def restart_reason(pod: PodView) -> str:
    """Why a pod may be made again whose `main` never started, as `<reason>: <message>`; empty when it may not."""
    status = pod.status
    started = any(one.name == MAIN and (one.state.running or one.state.terminated) for one in status.container_statuses)
    if status.phase != "Failed" or started or status.reason not in RESTARTABLE:
        return ""
    return f"{status.reason}: {status.message}"
