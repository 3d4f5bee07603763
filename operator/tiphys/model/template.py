"""What a template says: the kinds of template, loops, retries, hooks, metrics.

Source: Argo's API, version v1alpha1. Types that pods own (containers, volumes, affinity) stay as they were written.
"""

from typing import Any

from tiphys.model.arguments import Arguments, Artifact, ArtifactLocation, ArtifactPaths, Inputs, Metadata, Outputs
from tiphys.model.base import Json, KeySelector, Model


class TemplateRef(Model, frozen=True):
    """A template of another object."""

    name: str = ""
    cluster_scope: bool | None = None
    template: str = ""


class LifecycleHook(Model, frozen=True):
    """A template run when an expression becomes true, or at exit."""

    arguments: Arguments | None = None
    expression: str = ""
    template: str = ""
    template_ref: TemplateRef | None = None


class ContinueOn(Model, frozen=True):
    """Phases of a child that do not stop its parent."""

    error: bool | None = None
    failed: bool | None = None


class Sequence(Model, frozen=True):
    """Numbers to loop over."""

    count: int | str | None = None
    end: int | str | None = None
    format: str = ""
    start: int | str | None = None


class WorkflowStep(Model, frozen=True):
    """One step of a steps template."""

    name: str = ""
    arguments: Arguments = Arguments()
    continue_on: ContinueOn | None = None
    hooks: dict[str, LifecycleHook] = {}
    inline: "Template | None" = None
    on_exit: str = ""
    template: str = ""
    template_ref: TemplateRef | None = None
    when: str = ""
    with_items: tuple[Any, ...] = ()
    with_param: str = ""
    with_sequence: Sequence | None = None


class DAGTask(Model, frozen=True):
    """One task of a DAG."""

    name: str = ""
    arguments: Arguments = Arguments()
    continue_on: ContinueOn | None = None
    dependencies: tuple[str, ...] = ()
    depends: str = ""
    hooks: dict[str, LifecycleHook] = {}
    inline: "Template | None" = None
    on_exit: str = ""
    template: str = ""
    template_ref: TemplateRef | None = None
    when: str = ""
    with_items: tuple[Any, ...] = ()
    with_param: str = ""
    with_sequence: Sequence | None = None


class DAGTemplate(Model, frozen=True):
    """Tasks and what they wait for."""

    fail_fast: bool | None = None
    target: str = ""
    tasks: tuple[DAGTask, ...] = ()


class Backoff(Model, frozen=True):
    """How long to wait between attempts."""

    cap: str = ""
    duration: str = ""
    factor: int | str | None = None
    max_duration: str = ""


class RetryNodeAntiAffinity(Model, frozen=True):
    """Prefer a node that has not failed this step."""

    # no fields: its presence is its meaning


class RetryAffinity(Model, frozen=True):
    """Where attempts may run."""

    node_anti_affinity: RetryNodeAntiAffinity | None = None


class RetryStrategy(Model, frozen=True):
    """Whether and how often a failed template runs again."""

    affinity: RetryAffinity | None = None
    backoff: Backoff | None = None
    expression: str = ""
    limit: int | str | None = None
    retry_policy: str = ""


class ContainerSetRetryStrategy(Model, frozen=True):
    """Attempts inside a container set."""

    duration: str = ""
    retries: int | str | None = None


class ContainerSetTemplate(Model, frozen=True):
    """Several containers in one pod, in an order."""

    containers: tuple[Json, ...] = ()
    retry_strategy: ContainerSetRetryStrategy | None = None
    volume_mounts: tuple[Json, ...] = ()


class TransformationStep(Model, frozen=True):
    """One expression over data."""

    expression: str = ""


class DataSource(Model, frozen=True):
    """Where data comes from."""

    artifact_paths: ArtifactPaths | None = None


class DataTemplate(Model, frozen=True):
    """Read names of artifacts and transform them."""

    source: DataSource | None = None
    transformation: tuple[TransformationStep, ...] = ()


class HTTPBodySource(Model, frozen=True):
    """The body as bytes."""

    bytes: str = ""


class HTTPHeaderSource(Model, frozen=True):
    """A header's value from a secret."""

    secret_key_ref: KeySelector | None = None


class HTTPHeader(Model, frozen=True):
    """One header of a request."""

    name: str = ""
    value: str = ""
    value_from: HTTPHeaderSource | None = None


class HTTPTemplate(Model, frozen=True):
    """A request made without a pod of its own."""

    body: str = ""
    body_from: HTTPBodySource | None = None
    headers: tuple[HTTPHeader, ...] = ()
    insecure_skip_verify: bool | None = None
    method: str = ""
    success_condition: str = ""
    timeout_seconds: int | None = None
    url: str = ""


class ManifestFrom(Model, frozen=True):
    """A manifest from an artifact."""

    artifact: Artifact | None = None


class ResourceTemplate(Model, frozen=True):
    """An action on a Kubernetes object, and what to wait for."""

    action: str = ""
    failure_condition: str = ""
    flags: tuple[str, ...] = ()
    manifest: str = ""
    manifest_from: ManifestFrom | None = None
    merge_strategy: str = ""
    set_owner_reference: bool | None = None
    success_condition: str = ""


class SuspendTemplate(Model, frozen=True):
    """Wait for somebody, or for a time."""

    duration: str = ""


class MemoizeCache(Model, frozen=True):
    """The ConfigMap of a memo."""

    config_map: Json | None = None


class Memoize(Model, frozen=True):
    """Remember a template's outputs under a key."""

    cache: MemoizeCache | None = None
    key: str = ""
    max_age: str = ""


class Mutex(Model, frozen=True):
    """One holder at a time."""

    name: str = ""
    database: bool | None = None
    namespace: str = ""


class SyncDatabaseRef(Model, frozen=True):
    """A limit kept in the database."""

    key: str = ""


class SemaphoreRef(Model, frozen=True):
    """As many holders as the limit says."""

    config_map_key_ref: KeySelector | None = None
    database: SyncDatabaseRef | None = None
    namespace: str = ""


class Synchronization(Model, frozen=True):
    """Locks to hold while running."""

    mutexes: tuple[Mutex, ...] = ()
    semaphores: tuple[SemaphoreRef, ...] = ()


class Counter(Model, frozen=True):
    """A counter metric."""

    value: str = ""


class Gauge(Model, frozen=True):
    """A gauge metric."""

    operation: str = ""
    realtime: bool | None = None
    value: str = ""


class Histogram(Model, frozen=True):
    """A histogram metric."""

    buckets: tuple[float, ...] = ()
    value: str = ""


class MetricLabel(Model, frozen=True):
    """One label of a metric."""

    key: str = ""
    value: str = ""


class Prometheus(Model, frozen=True):
    """A metric that the template defines."""

    name: str = ""
    counter: Counter | None = None
    gauge: Gauge | None = None
    help: str = ""
    histogram: Histogram | None = None
    labels: tuple[MetricLabel, ...] = ()
    when: str = ""


class Metrics(Model, frozen=True):
    """Metrics that the template defines."""

    prometheus: tuple[Prometheus, ...] = ()


class ExecutorConfig(Model, frozen=True):
    """The identity of the executor."""

    service_account_name: str = ""


class Template(Model, frozen=True):
    """A unit of work; exactly one kind is set."""

    metadata: Metadata | None = None
    name: str = ""
    active_deadline_seconds: int | str | None = None
    affinity: Json | None = None
    annotations: dict[str, str] = {}
    archive_location: ArtifactLocation | None = None
    automount_service_account_token: bool | None = None
    container: Json | None = None
    container_set: ContainerSetTemplate | None = None
    daemon: bool | None = None
    dag: DAGTemplate | None = None
    data: DataTemplate | None = None
    executor: ExecutorConfig | None = None
    fail_fast: bool | None = None
    host_aliases: tuple[Json, ...] = ()
    http: HTTPTemplate | None = None
    init_containers: tuple[Json, ...] = ()
    inputs: Inputs = Inputs()
    memoize: Memoize | None = None
    metrics: Metrics | None = None
    node_selector: dict[str, str] = {}
    outputs: Outputs = Outputs()
    parallelism: int | None = None
    pending_timeout: str = ""
    plugin: Json | None = None
    pod_resources: Json | None = None
    pod_spec_patch: str = ""
    priority_class_name: str = ""
    resource: ResourceTemplate | None = None
    resource_claims: tuple[Json, ...] = ()
    retry_strategy: RetryStrategy | None = None
    scheduler_name: str = ""
    script: Json | None = None
    security_context: Json | None = None
    service_account_name: str = ""
    sidecars: tuple[Json, ...] = ()
    steps: tuple[tuple[WorkflowStep, ...], ...] = ()
    suspend: SuspendTemplate | None = None
    synchronization: Synchronization | None = None
    timeout: str = ""
    tolerations: tuple[Json, ...] = ()
    volumes: tuple[Json, ...] = ()
