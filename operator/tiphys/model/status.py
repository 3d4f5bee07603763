"""What a run has done so far: nodes and the status of a workflow.

Source: Argo's API, version v1alpha1. Types that pods own (containers, volumes, affinity) stay as they were written.
"""

from datetime import datetime

from tiphys.model.arguments import Inputs, Outputs
from tiphys.model.base import Json, Model
from tiphys.model.locations import ArtifactRepositoryRefStatus
from tiphys.model.spec import WorkflowSpec
from tiphys.model.template import Template, TemplateRef


class NodeFlag(Model, frozen=True):
    """Whether a node is a hook's or an attempt."""

    hooked: bool | None = None
    retried: bool | None = None


class MemoizationStatus(Model, frozen=True):
    """Whether a memo answered."""

    cache_name: str = ""
    hit: bool | None = None
    key: str = ""


class NodeSynchronizationStatus(Model, frozen=True):
    """The lock a node waits for."""

    waiting: str = ""


class NodeStatus(Model, frozen=True):
    """One node of the run; immutable, replaced on change."""

    name: str = ""
    boundary_id: str = ""
    children: tuple[str, ...] = ()
    daemoned: bool | None = None
    display_name: str = ""
    estimated_duration: int | None = None
    failed_pod_restarts: int | None = None
    finished_at: datetime | None = None
    host_node_name: str = ""
    id: str = ""
    inputs: Inputs | None = None
    memoization_status: MemoizationStatus | None = None
    message: str = ""
    node_flag: NodeFlag | None = None
    outbound_nodes: tuple[str, ...] = ()
    outputs: Outputs | None = None
    phase: str = ""
    pod_ip: str = ""
    progress: str = ""
    resources_duration: dict[str, int] = {}
    restarting_pod_uid: str = ""
    started_at: datetime | None = None
    synchronization_status: NodeSynchronizationStatus | None = None
    task_result_synced: bool | None = None
    template_name: str = ""
    template_ref: TemplateRef | None = None
    template_scope: str = ""
    type: str = ""

    @property
    def executed_template(self) -> str:
        """The name of the template that it runs, wherever that is stored; empty for an inline one."""
        return self.template_ref.template if self.template_ref else self.template_name


class Condition(Model, frozen=True):
    """A fact about the workflow."""

    message: str = ""
    status: str = ""
    type: str = ""


class ArtifactGCStatus(Model, frozen=True):
    """What artifact collection has done."""

    not_specified: bool | None = None
    pods_recouped: dict[str, bool] = {}
    strategies_processed: dict[str, bool] = {}


class MutexHolding(Model, frozen=True):
    """Who holds a mutex."""

    holder: str = ""
    mutex: str = ""


class MutexStatus(Model, frozen=True):
    """Mutexes held and awaited."""

    holding: tuple[MutexHolding, ...] = ()
    waiting: tuple[MutexHolding, ...] = ()


class SemaphoreHolding(Model, frozen=True):
    """Who holds a semaphore."""

    holders: tuple[str, ...] = ()
    semaphore: str = ""


class SemaphoreStatus(Model, frozen=True):
    """Semaphores held and awaited."""

    holding: tuple[SemaphoreHolding, ...] = ()
    waiting: tuple[SemaphoreHolding, ...] = ()


class SynchronizationStatus(Model, frozen=True):
    """Locks held and awaited."""

    mutex: MutexStatus | None = None
    semaphore: SemaphoreStatus | None = None


class WorkflowStatus(Model, frozen=True):
    """What the run has done; `nodes` maps node id to node, in order of creation."""

    artifact_gc_status: ArtifactGCStatus | None = None
    artifact_repository_ref: ArtifactRepositoryRefStatus | None = None
    compressed_nodes: str = ""
    conditions: tuple[Condition, ...] = ()
    estimated_duration: int | None = None
    finished_at: datetime | None = None
    message: str = ""
    nodes: dict[str, NodeStatus] = {}
    offload_node_status_version: str = ""
    outputs: Outputs | None = None
    persistent_volume_claims: tuple[Json, ...] = ()
    phase: str = ""
    progress: str = ""
    resources_duration: dict[str, int] = {}
    started_at: datetime | None = None
    stored_templates: dict[str, Template] = {}
    stored_workflow_template_spec: WorkflowSpec | None = None
    synchronization: SynchronizationStatus | None = None
    task_results_completion_status: dict[str, bool] = {}
