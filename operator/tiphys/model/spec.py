"""What a workflow runs: its spec and the parts of it.

Source: Argo's API, version v1alpha1. Types that pods own (containers, volumes, affinity) stay as they were written.
"""

from tiphys.model.arguments import Arguments, Metadata
from tiphys.model.base import Json, Model, ObjectMeta
from tiphys.model.locations import ArtifactRepositoryRef
from tiphys.model.template import ExecutorConfig, LifecycleHook, Metrics, RetryStrategy, Synchronization, Template


class ExecutorPluginSidecar(Model, frozen=True):
    """The container of an executor plugin."""

    automount_service_account_token: bool | None = None
    container: Json | None = None


class ExecutorPluginSpec(Model, frozen=True):
    """What an executor plugin runs."""

    sidecar: ExecutorPluginSidecar | None = None


class ExecutorPlugin(Model, frozen=True):
    """A plugin for plugin templates."""

    metadata: ObjectMeta = ObjectMeta()
    spec: ExecutorPluginSpec | None = None


class LabelValueFrom(Model, frozen=True):
    """A label's value by expression."""

    expression: str = ""


class WorkflowMetadata(Model, frozen=True):
    """Labels and annotations for the workflow itself."""

    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    labels_from: dict[str, LabelValueFrom] = {}


class PodGC(Model, frozen=True):
    """When finished pods are deleted."""

    delete_delay_duration: str = ""
    label_selector: Json | None = None
    strategy: str = ""


class TTLStrategy(Model, frozen=True):
    """When finished workflows are deleted, in seconds."""

    seconds_after_completion: int | None = None
    seconds_after_failure: int | None = None
    seconds_after_success: int | None = None


class VolumeClaimGC(Model, frozen=True):
    """When volume claims are deleted."""

    strategy: str = ""


class WorkflowLevelArtifactGC(Model, frozen=True):
    """Artifact collection for the whole workflow."""

    force_finalizer_removal: bool | None = None
    pod_metadata: Metadata | None = None
    pod_spec_patch: str = ""
    service_account_name: str = ""
    strategy: str = ""


class WorkflowTemplateRef(Model, frozen=True):
    """A stored spec to run."""

    name: str = ""
    cluster_scope: bool | None = None


class WorkflowSpec(Model, frozen=True):
    """What to run."""

    active_deadline_seconds: int | None = None
    affinity: Json | None = None
    archive_logs: bool | None = None
    arguments: Arguments = Arguments()
    artifact_gc: WorkflowLevelArtifactGC | None = None
    artifact_repository_ref: ArtifactRepositoryRef | None = None
    automount_service_account_token: bool | None = None
    dns_config: Json | None = None
    dns_policy: str = ""
    entrypoint: str = ""
    executor: ExecutorConfig | None = None
    executor_plugins: tuple[ExecutorPlugin, ...] = ()
    hooks: dict[str, LifecycleHook] = {}
    host_aliases: tuple[Json, ...] = ()
    host_network: bool | None = None
    image_pull_secrets: tuple[Json, ...] = ()
    metrics: Metrics | None = None
    node_selector: dict[str, str] = {}
    on_exit: str = ""
    parallelism: int | None = None
    pod_disruption_budget: Json | None = None
    pod_gc: PodGC | None = None
    pod_metadata: Metadata | None = None
    pod_priority_class_name: str = ""
    pod_resources: Json | None = None
    pod_spec_patch: str = ""
    priority: int | None = None
    resource_claims: tuple[Json, ...] = ()
    retry_strategy: RetryStrategy | None = None
    scheduler_name: str = ""
    security_context: Json | None = None
    service_account_name: str = ""
    shutdown: str = ""
    suspend: bool | None = None
    synchronization: Synchronization | None = None
    template_defaults: Template | None = None
    templates: tuple[Template, ...] = ()
    tolerations: tuple[Json, ...] = ()
    ttl_strategy: TTLStrategy | None = None
    volume_claim_gc: VolumeClaimGC | None = None
    volume_claim_templates: tuple[Json, ...] = ()
    volumes: tuple[Json, ...] = ()
    workflow_metadata: WorkflowMetadata | None = None
    workflow_template_ref: WorkflowTemplateRef | None = None
