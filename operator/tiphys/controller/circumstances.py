"""What the configuration means for runs and for pods."""

import msgspec

from tiphys.engine.library import Library
from tiphys.engine.premises import Premises
from tiphys.model.drivers import ArtifactDriver
from tiphys.pods.settings import ImageEntry, PodSettings
from tiphys.settings import Configuration, Environment, OwnConfiguration


def premises_of(
    argo: Configuration, environment: Environment, library: Library, *, own: OwnConfiguration | None = None
) -> Premises:
    """What a run takes for granted."""
    return Premises(
        library=library,
        defaults=argo.workflow_defaults,
        referencing=argo.workflow_restrictions.template_referencing,
        overrides=environment.workflow_user_override_allowlist,
        pod_gc_delay_seconds=argo.pod_gc_delete_delay_duration.total_seconds(),
        failed_pod_restarts=argo.failed_pod_restart.max_restarts if argo.failed_pod_restart.enabled else 0,
        pod_name_format="v1" if environment.pod_names == "v1" else "v2",
        has_depth_limit=not environment.disable_max_recursion,
        transient_error_pattern=str(environment.transient_error_pattern),
        policies=own.policies if own is not None else (),
    )


def pod_settings_of(base: PodSettings, argo: Configuration, own: OwnConfiguration) -> PodSettings:
    """What all pods share: `base` is what the command line says, which configuration cannot change."""
    executor = dict(argo.executor or {})
    executor.pop("image", None)
    return msgspec.structs.replace(
        base,
        image_pull_policy=own.image_pull_policy or str(executor.pop("imagePullPolicy", "")) or base.image_pull_policy,
        executor=executor,
        main_container=argo.main_container or {},
        architectures=own.architectures or base.architectures,
        images={name: ImageEntry(image.entrypoint, image.cmd) for name, image in argo.images.items()},
        kube_config=argo.kube_config,
        artifact_drivers={one.name: ArtifactDriver(one.image, one.connection_timeout_seconds) for one in argo.artifact_drivers},
        security=own.pod_security,
        pod_gc_delay=f"{argo.pod_gc_delete_delay_duration.total_seconds():g}s",
    )
