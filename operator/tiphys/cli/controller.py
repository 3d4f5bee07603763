"""`controller`: the process that follows workflows."""

import logging
import os
from typing import Annotated

from cyclopts import Parameter

from tiphys.cluster.connection import find_access
from tiphys.controller.options import Options
from tiphys.controller.serve import run_controller
from tiphys.settings import parse_environment
from tiphys.settings.environment import without_effect
from tiphys.telemetry.logs import set_up_logs

log = logging.getLogger(__name__)


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
    share: bool = False,
) -> int:
    """Follow workflows until asked to end; with `--share`, beside other replicas."""
    set_up_logs(loglevel, log_format)
    for sentence in without_effect(os.environ):
        log.warning("environment variable %s", sentence)
    own = find_access(kubeconfig).namespace if namespaced and not managed_namespace else ""
    return run_controller(
        Options(
            kubeconfig=kubeconfig,
            namespace=managed_namespace or own,
            instance_id=instance_id,
            log_level=loglevel,
            log_format=log_format,
            metrics_port=metrics_port,
            health_port=health_port,
            executor_image=executor_image,
            config_map=configmap,
            environment=parse_environment(os.environ),
            shares=share,
        )
    )
