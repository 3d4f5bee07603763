"""What the controller's configuration says about every pod."""

from collections.abc import Mapping

import msgspec

from tiphys.model.base import Json
from tiphys.model.drivers import ArtifactDriver
from tiphys.settings.configuration import KubeConfig

SHIM_CONFIG_MAP = "tiphys-shim"


class ImageEntry(msgspec.Struct, frozen=True):
    """What an image runs when nobody says what."""

    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


class PodSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that all pods share.

    Attributes:
        executor_image: Runs resource templates.
        image_pull_policy: For the executor image.
        executor: Defaults under every executor container: resources, environment, security context.
        main_container: Defaults under every user container.
        instance_id: Of the controller; empty for none.
        shim_config_map: Holds the shim in each namespace, one key for each architecture.
        architectures: Of the cluster's nodes; where there are several, a pod finds out by itself which one it is on.
        images: Image -> what it runs, where templates do not say.
        kube_config: The Secret whose kubeconfig resource templates use; None for the pod's own account.
        pod_gc_delay: How long finished pods are kept, as a Go duration.
        keeps_status: Pods that are deleted stay until their last status is recorded.
        artifact_drivers: Name -> driver of artifacts that the configuration adds to ours.
        progress_milliseconds: How often the file of a pod is looked at that tells its progress; 0 for never.
        host_label: Of nodes, by which retries avoid hosts.
        is_traced: Pods carry the ids of their spans, so that programs in them can go on with the trace.
        security: `restricted` for pods that the pod security standard of that name admits; empty for what users wrote.
    """

    executor_image: str = "quay.io/tiphys/tiphys:latest"
    image_pull_policy: str = ""
    executor: Json = {}
    main_container: Json = {}
    instance_id: str = ""
    shim_config_map: str = SHIM_CONFIG_MAP
    architectures: tuple[str, ...] = ("amd64",)
    images: Mapping[str, ImageEntry] = {}
    kube_config: KubeConfig | None = None
    pod_gc_delay: str = "5s"
    keeps_status: bool = False
    security: str = ""
    artifact_drivers: Mapping[str, ArtifactDriver] = {}
    progress_milliseconds: int = 3000
    host_label: str = "kubernetes.io/hostname"
    is_traced: bool = False
