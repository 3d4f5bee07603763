"""A Pod's status becomes a node's report: all knowledge of container statuses is here.

Source: argo-semantics 5.
"""

from datetime import datetime

import msgspec

from tiphys.model.base import ObjectMeta
from tiphys.model.names import ANNOTATION_NODE_ID, LABEL_WORKFLOW, PREFIX
from tiphys.model.phases import ERROR, FAILED, PENDING, RUNNING, SUCCEEDED
from tiphys.model.record import Framed, Record, parse_message
from tiphys.model.report import NodeReport

MAIN = "main"
_SIGNALLED = frozenset({137, 143})
_DEFAULT_REQUESTS = {"cpu": "100m", "memory": "100Mi"}
_DENOMINATORS = {"cpu": 1.0, "memory": 100 * 2.0**20, "storage": 10 * 2.0**30, "ephemeral-storage": 10 * 2.0**30}
_SUFFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18, "Ki": 2.0**10,
             "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}  # fmt: skip


class _Camel(msgspec.Struct, frozen=True, rename="camel"):
    """The root of these partial types."""


class Waiting(_Camel, frozen=True):
    """Why a container has not started."""

    reason: str = ""
    message: str = ""


class Running(_Camel, frozen=True):
    """Since when a container runs."""

    started_at: datetime | None = None


class Terminated(_Camel, frozen=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class State(_Camel, frozen=True):
    """One of three."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(_Camel, frozen=True):
    """One container."""

    name: str
    ready: bool = False
    state: State = State()


class PodCondition(_Camel, frozen=True):
    """A fact about the pod."""

    type: str = ""
    status: str = ""
    reason: str | None = ""
    message: str | None = ""


class PodStatus(_Camel, frozen=True):
    """What we read of the status."""

    phase: str = ""
    message: str = ""
    reason: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[PodCondition, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Resources(_Camel, frozen=True):
    """What a container asks for."""

    limits: dict[str, str | int | float] = {}
    requests: dict[str, str | int | float] = {}


class Container(_Camel, frozen=True):
    """What we read of a container's spec."""

    name: str
    resources: Resources = Resources()
    restart_policy: str = ""


class PodSpec(_Camel, frozen=True):
    """What we read of the spec."""

    node_name: str = ""
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()


class PodView(_Camel, frozen=True):
    """The part of a Pod that reports are made of."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


_DECODER = msgspec.json.Decoder(PodView)


def parse_pod(raw: bytes | msgspec.Raw) -> PodView:
    """The view of a Pod's JSON.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return _DECODER.decode(raw)


def node_id(pod: PodView) -> str:
    """The node that the pod runs; empty for a pod of nobody's."""
    return pod.metadata.annotations.get(ANNOTATION_NODE_ID, "")


def workflow_name(pod: PodView) -> str:
    """The workflow that the pod belongs to."""
    return pod.metadata.labels.get(LABEL_WORKFLOW, "")


def owner_uid(pod: PodView) -> str:
    """The uid of the workflow that controls the pod; names may be used again, uids are not."""
    return next((owner.uid for owner in pod.metadata.owner_references if owner.controller), "")


def framed_record(pod: PodView) -> Framed | None:
    """What to look for in the log of `main`, when the record did not fit into the termination message."""
    ended = _terminated(pod, MAIN)
    found = parse_message(ended.message) if ended else None
    return found if isinstance(found, Framed) else None


def read_pod(pod: PodView, record: Record | None = None) -> NodeReport:
    """What the pod's status says of its node.

    Args:
        pod: The pod.
        record: What the log's frame says, where `framed_record` asked for it.
    """
    phase, message = _phase(pod)
    main = _terminated(pod, MAIN)
    if record is None and main is not None:
        found = parse_message(main.message)
        record = found if isinstance(found, Record) else None
    is_final = phase not in (PENDING, RUNNING)
    starts = [at for at in (_started(status) for status in pod.status.container_statuses) if at]
    ends = [s.state.terminated.finished_at for s in pod.status.container_statuses if s.state.terminated]
    return NodeReport(
        node_id=node_id(pod),
        phase=phase,
        message=message,
        uid=pod.metadata.uid,
        ready=bool(pod.status.container_statuses) and all(status.ready for status in pod.status.container_statuses),
        is_infrastructure=pod.status.reason in ("Evicted", "NodeLost", "NodeShutdown", "Terminated", "NodeAffinity"),
        exit_code=main.exit_code if main else None,
        result=record.result if record else None,
        parameters=record.parameters if record else {},
        missing=(*record.missing, *record.too_big) if record else (),
        pod_ip=pod.status.pod_ip,
        host_node_name=pod.spec.node_name,
        progress=pod.metadata.annotations.get(PREFIX + "progress", ""),
        started_at=min(starts, default=None),
        finished_at=max((at for at in ends if at), default=None) if is_final else None,
        resources_duration=resources_duration(pod) if is_final else {},
        is_final=is_final,
    )


def _statuses(pod: PodView) -> tuple[ContainerStatus, ...]:
    return (*pod.status.init_container_statuses, *pod.status.container_statuses)


def _terminated(pod: PodView, name: str) -> Terminated | None:
    return next((status.state.terminated for status in pod.status.container_statuses if status.name == name), None)


def _started(status: ContainerStatus) -> datetime | None:
    state = status.state
    if state.running is not None:
        return state.running.started_at
    return state.terminated.started_at if state.terminated else None


def _phase(pod: PodView) -> tuple[str, str]:
    match pod.status.phase:
        case "Pending" | "":
            return PENDING, _pending_message(pod)
        case "Running":
            return RUNNING, ""
        case "Succeeded":
            return SUCCEEDED, ""
        case "Failed":
            return _failed(pod)
        case other:
            return ERROR, f"Unexpected pod phase for {pod.metadata.name}: {other}"


def _pending_message(pod: PodView) -> str:
    for status in _statuses(pod):
        waiting = status.state.waiting
        if waiting is not None and waiting.reason not in ("", "PodInitializing", "ContainerCreating"):
            return f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason
    for condition in pod.status.conditions:
        if condition.reason == "Unschedulable":
            return f"Unschedulable: {condition.message}"
    waits = (status.state.waiting for status in pod.status.container_statuses)
    return next((waiting.reason for waiting in waits if waiting is not None), "")


def _failed(pod: PodView) -> tuple[str, str]:
    if pod.status.message:
        return FAILED, pod.status.message
    statuses = _statuses(pod)
    if not statuses:
        return FAILED, f"can't find failed message for pod {pod.metadata.name} namespace {pod.metadata.namespace}"
    sidecars = {container.name for container in pod.spec.init_containers if container.restart_policy == "Always"}
    is_main_done = False
    for status in sorted(statuses, key=lambda one: _place(one.name, pod, sidecars)):
        ended = status.state.terminated
        if status.state.waiting is not None and status.name == MAIN:
            waiting = status.state.waiting
            return ERROR, f"Pod failed before {status.name} container starts due to {waiting.reason}: {waiting.message}"
        if ended is None:
            continue
        if ended.exit_code == 0:
            is_main_done = is_main_done or status.name == MAIN
        elif status.name == MAIN or ended.exit_code not in _SIGNALLED:
            return FAILED, _ended_message(status.name, ended)
    return (SUCCEEDED, "") if is_main_done else (FAILED, "pod failed: main container did not complete successfully")


def _place(name: str, pod: PodView, sidecars: set[str]) -> int:
    if name in sidecars:
        return 2
    return 0 if any(container.name == name for container in pod.spec.init_containers) else 1 if name == MAIN else 2


def _ended_message(name: str, ended: Terminated) -> str:
    said = "" if parse_message(ended.message) else ended.message.strip()
    return f"{name}: {ended.reason} (exit code {ended.exit_code})" + (f": {said}" if said else "")


def quantity(text: str | float) -> float:
    """A Kubernetes quantity as a number; 0 for what is none."""
    written = str(text).strip()
    for suffix in (written[-2:], written[-1:]):
        if suffix in _SUFFIXES and len(suffix):
            number, scale = written[: -len(suffix)], _SUFFIXES[suffix]
            break
    else:
        number, scale = written, 1.0
    try:
        return float(number) * scale
    except ValueError:
        return 0.0


def resources_duration(pod: PodView) -> dict[str, int]:
    """Resource -> seconds, over all containers that ended. Source: argo-semantics 3.8."""
    asked = {container.name: container.resources for container in (*pod.spec.init_containers, *pod.spec.containers)}
    sums: dict[str, float] = {}
    for status in _statuses(pod):
        ended = status.state.terminated
        if ended is None or ended.started_at is None or ended.finished_at is None:
            continue
        seconds = (ended.finished_at - ended.started_at).total_seconds()
        resources = asked.get(status.name, Resources())
        amounts: dict[str, str | int | float] = {**_DEFAULT_REQUESTS, **resources.limits, **resources.requests}
        for name, amount in amounts.items():
            sums[name] = sums.get(name, 0.0) + seconds * quantity(amount) / _DENOMINATORS.get(name, 1.0)
    return {name: int(value) for name, value in sums.items()}
