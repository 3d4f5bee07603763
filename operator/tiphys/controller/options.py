"""What the controller is told when it starts."""

import msgspec

from tiphys.cluster.choice import Choice
from tiphys.settings import Environment


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The controller's options.

    Attributes:
        kubeconfig: Empty for KUBECONFIG's, or the pod's own.
        choice: What counts instead of what the kubeconfig says.
        namespace: Only workflows of this namespace; empty for all.
        instance_id: Only workflows that carry it; empty for those that carry none.
        metrics_port: 0 for none.
        health_port: 0 for none.
        executor_image: Runs resource templates, moves artifacts.
        executor_image_pull_policy: When nodes pull it; empty for Kubernetes' own default.
        config_map: Argo's configuration; our own is in the ConfigMap `tiphys`.
        environment: What environment variables say.
        record: Folder for histories of workflows; empty for none.
        state: Folder for what is to outlive the process; empty for none.
        shares: Other replicas do part of the work.
    """

    kubeconfig: str = ""
    choice: Choice = Choice()
    namespace: str = ""
    instance_id: str = ""
    log_level: str = "info"
    log_format: str = "text"
    metrics_port: int = 9090
    health_port: int = 6060
    executor_image: str = "quay.io/tiphys/tiphys:latest"
    executor_image_pull_policy: str = ""
    config_map: str = "workflow-controller-configmap"
    environment: Environment = Environment()
    record: str = ""
    state: str = ""
    shares: bool = False
