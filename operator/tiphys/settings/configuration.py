"""Every key of `workflow-controller-configmap`, with Argo's names and defaults. Types only: reading is `settings.read`.

Source: argo-semantics 27.
"""

from datetime import timedelta
from typing import Literal

import msgspec

from tiphys.model.base import AnyString, Json
from tiphys.model.locations import ArtifactRepository
from tiphys.model.workflow import Workflow
from tiphys.settings.base import Duration, Settings
from tiphys.settings.database import Persistence, Synchronization
from tiphys.settings.sign_in import SSO


class NodeEvents(Settings, frozen=True):
    """Kubernetes Events of nodes; `send_as_pod` makes them the pod's."""

    enabled: bool = True
    send_as_pod: bool = False


class WorkflowEvents(Settings, frozen=True):
    """Kubernetes Events of workflows."""

    enabled: bool = True


class ResourceRateLimit(Settings, frozen=True):
    """Pods created a second, and how many at once."""

    limit: float = 0.0
    burst: int = 0


class KubeConfig(Settings, frozen=True):
    """A Secret with the kubeconfig that executors use."""

    secret_name: str = ""
    secret_key: str = ""
    volume_name: str = ""
    mount_path: str = ""


class ArtifactDriver(Settings, frozen=True):
    """An artifact plugin and its image."""

    name: str = ""
    image: str = ""
    connection_timeout_seconds: int = 5


class MetricModifier(Settings, frozen=True):
    """What is left out of one metric, or its buckets."""

    disabled: bool = False
    disabled_attributes: tuple[str, ...] = ()
    histogram_buckets: tuple[float, ...] = ()


class MetricsConfig(Settings, frozen=True):
    """The metrics endpoint; `modifiers` by metric name without its prefix. `disable_legacy` is read and ignored, as Argo does."""

    enabled: bool = True
    path: str = "/metrics"
    port: int = 9090
    ignore_errors: bool = False
    secure: bool = True
    metrics_ttl: Duration = msgspec.field(default=timedelta(0), name="metricsTTL")
    modifiers: dict[str, MetricModifier] = {}
    temporality: Literal["", "Cumulative", "Delta"] = ""
    disable_legacy: bool = False


class WorkflowRestrictions(Settings, frozen=True):
    """What workflows may say beside a `workflowTemplateRef`."""

    template_referencing: Literal["", "Strict", "Secure"] = ""


class Link(Settings, frozen=True):
    """A link that the user interface shows."""

    name: str = ""
    scope: str = ""
    url: str = ""
    target: str = ""


class Column(Settings, frozen=True):
    """A column of the user interface's list."""

    name: str = ""
    type: str = ""
    key: str = ""


class Image(Settings, frozen=True):
    """What an image runs where a template does not say."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()


class PodSpecLogStrategy(Settings, frozen=True):
    """Which pods' specs are logged."""

    failed_pod: bool = False
    all_pods: bool = False


class RetentionPolicy(Settings, frozen=True):
    """How many finished workflows of each phase are kept; 0 means all."""

    completed: int = 0
    failed: int = 0
    errored: int = 0


class FailedPodRestart(Settings, frozen=True):
    """Whether pods that never started are made again."""

    enabled: bool = False
    max_restarts: int = 3


class InitlessPod(Settings, frozen=True):
    """Argo's pods without an init container; Tiphys has none unless artifacts are loaded, so nothing follows from it."""

    enabled: bool = False


class Configuration(Settings, frozen=True):
    """The whole of the controller's ConfigMap.

    Attributes:
        parallelism: Workflows at once; 0 for no limit. `namespace_parallelism`: of one namespace.
        images: Image -> what it runs.
        workflow_defaults: Merged under every workflow.
        pod_gc_grace_period_seconds: None for the pod's own.
        pod_gc_delete_delay_duration: Between a pod's end and its deletion.
    """

    instance_id: AnyString = msgspec.field(default="", name="instanceID")
    namespace: str = ""
    parallelism: int = 0
    namespace_parallelism: int = 0
    resource_rate_limit: ResourceRateLimit | None = None
    node_events: NodeEvents = NodeEvents()
    workflow_events: WorkflowEvents = WorkflowEvents()
    executor: Json | None = None
    main_container: Json | None = None
    kube_config: KubeConfig | None = None
    artifact_repository: ArtifactRepository | None = None
    artifact_drivers: tuple[ArtifactDriver, ...] = ()
    metrics_config: MetricsConfig = MetricsConfig()
    telemetry_config: MetricsConfig | None = None
    persistence: Persistence | None = None
    workflow_defaults: Workflow | None = None
    workflow_restrictions: WorkflowRestrictions = WorkflowRestrictions()
    links: tuple[Link, ...] = ()
    columns: tuple[Column, ...] = ()
    nav_color: str = ""
    images: dict[str, Image] = {}
    initial_delay: Duration = timedelta(0)
    pod_spec_log_strategy: PodSpecLogStrategy = PodSpecLogStrategy()
    pod_gc_grace_period_seconds: int | None = msgspec.field(default=None, name="podGCGracePeriodSeconds")
    pod_gc_delete_delay_duration: Duration = msgspec.field(default=timedelta(seconds=5), name="podGCDeleteDelayDuration")
    retention_policy: RetentionPolicy | None = None
    synchronization: Synchronization | None = None
    sso: SSO | None = None
    failed_pod_restart: FailedPodRestart = FailedPodRestart()
    disable_agent_pod_creation: bool = False
    initless_pod: InitlessPod = InitlessPod()
