"""`controller`: the process that follows workflows."""

import logging
import os
from dataclasses import dataclass, fields
from typing import Annotated

from cyclopts import Parameter

from tiphys.cli.reach import Reach
from tiphys.cluster.connection import find_access
from tiphys.controller.options import Options
from tiphys.controller.serve import run_controller
from tiphys.errors import SpecError
from tiphys.settings import parse_environment
from tiphys.settings.environment import without_effect
from tiphys.telemetry.logs import set_up_logs

log = logging.getLogger(__name__)


@Parameter(name="*")
@dataclass(kw_only=True)
class Tuning:
    """Flags of Argo's controller that have nothing to tune here; they are taken, so that its manifests start ours, and told."""

    workflow_workers: int = 0
    workflow_ttl_workers: int = 0
    pod_cleanup_workers: int = 0
    cron_workflow_workers: int = 0
    workflow_archive_workers: int = 0
    qps: float = 0
    burst: int = 0
    gloglevel: int = 0
    executor_plugins: bool = False
    workflow_level_executor_plugins: bool = False

    def sentences(self) -> list[str]:
        """What to tell of those that were given."""
        why = {
            "qps": "requests are as many as the API server takes",
            "burst": "requests are as many as the API server takes",
            "gloglevel": "there is one log",
            "executor_plugins": "plugins are known by their ConfigMaps",
            "workflow_level_executor_plugins": "plugins are known by their ConfigMaps",
        }
        return [
            f"--{field.name.replace('_', '-')} has no effect: {why.get(field.name, 'one loop does all the work')}"
            for field in fields(self)
            if getattr(self, field.name)
        ]


def controller(  # noqa: PLR0913 as many options as there are
    *,
    namespaced: bool = False,
    managed_namespace: str = "",
    instance_id: str = "",
    loglevel: str = "info",
    log_format: str = "text",
    metrics_port: int = 9090,
    health_port: int = 6060,
    kubeconfig: str = "",
    executor_image: str = "quay.io/tiphys/tiphys:latest",
    configmap: Annotated[str, Parameter(name="--configmap")] = "workflow-controller-configmap",
    executor_image_pull_policy: str = "",
    share: bool = False,
    record: str = "",
    state_directory: str = "",
    tuning: Tuning | None = None,
    reach: Reach | None = None,
) -> int:
    """Follow workflows until asked to end; with `--share`, beside other replicas; `--record` names a folder for histories.

    `--state-directory` names one for workflows that are deleted while they wait for the archive.
    """
    set_up_logs(loglevel, log_format)
    for sentence in without_effect(os.environ):
        log.warning("environment variable %s", sentence)
    for sentence in (tuning or Tuning()).sentences():
        log.warning("%s", sentence)
    choice = (reach or Reach()).choice
    if choice.is_for_another:
        raise SpecError("the controller acts for itself: --as, --as-group and --as-uid are for users' commands")
    own = find_access(kubeconfig, choice).namespace if namespaced and not managed_namespace else ""
    return run_controller(
        Options(
            kubeconfig=kubeconfig,
            choice=choice,
            namespace=managed_namespace or own,
            instance_id=instance_id,
            log_level=loglevel,
            log_format=log_format,
            metrics_port=metrics_port,
            health_port=health_port,
            executor_image=executor_image,
            executor_image_pull_policy=executor_image_pull_policy,
            config_map=configmap,
            environment=parse_environment(os.environ),
            shares=share,
            record=record,
            state=state_directory,
        )
    )
