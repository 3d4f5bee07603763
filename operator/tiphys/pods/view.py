"""The part of a Pod that reports are made of, as partial types: everything else of a pod is not even parsed."""

from datetime import datetime

import msgspec

from tiphys.model.base import ObjectMeta
from tiphys.model.names import ANNOTATION_NODE_ID, LABEL_WORKFLOW


class Partial(msgspec.Struct, frozen=True, rename="camel"):
    """The root of these types."""


class Waiting(Partial, frozen=True):
    """Why a container has not started."""

    reason: str = ""
    message: str = ""


class Running(Partial, frozen=True):
    """Since when a container runs."""

    started_at: datetime | None = None


class Terminated(Partial, frozen=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class State(Partial, frozen=True):
    """One of three."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Partial, frozen=True):
    """One container; `last_state` is how its former life ended, where the kubelet started it again."""

    name: str
    ready: bool = False
    state: State = State()
    last_state: State = State()


class PodCondition(Partial, frozen=True):
    """A fact about the pod."""

    type: str = ""
    status: str = ""
    reason: str | None = ""
    message: str | None = ""
    last_transition_time: datetime | None = None


class PodStatus(Partial, frozen=True):
    """What we read of the status."""

    phase: str = ""
    message: str = ""
    reason: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[PodCondition, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()

    @property
    def all_containers(self) -> tuple[ContainerStatus, ...]:
        """Init containers first."""
        return (*self.init_container_statuses, *self.container_statuses)


class Resources(Partial, frozen=True):
    """What a container asks for."""

    limits: dict[str, str | int | float] = {}
    requests: dict[str, str | int | float] = {}


class Container(Partial, frozen=True):
    """What we read of a container's spec."""

    name: str
    resources: Resources = Resources()
    restart_policy: str = ""


class PodSpec(Partial, frozen=True):
    """What we read of the spec."""

    node_name: str = ""
    termination_grace_period_seconds: int = 30
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()

    @property
    def sidecars(self) -> frozenset[str]:
        """The native sidecars: init containers that run on beside the others."""
        return frozenset(container.name for container in self.init_containers if container.restart_policy == "Always")


class PodView(Partial, frozen=True):
    """The part of a Pod that reports are made of."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    def ended(self, name: str) -> Terminated | None:
        """How a regular container ended; None while it has not."""
        return next((one.state.terminated for one in self.status.container_statuses if one.name == name), None)


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
