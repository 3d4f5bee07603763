"""Settings of our own, in the ConfigMap `tiphys`: Argo's tools read the other one strictly, so these stand apart."""

from typing import Literal

from tiphys.settings.base import Settings


class OwnConfiguration(Settings, frozen=True):
    """The whole of the ConfigMap `tiphys`.

    Attributes:
        metric_series_limit: Label combinations of one custom metric; more are dropped and counted.
        image_pull_policy: For the executor image.
        architectures: Of the cluster's nodes; empty for what the controller finds.
        pod_security: `restricted` for pods that the pod security standard of that name admits; empty for what users wrote.
    """

    metric_series_limit: int = 1000
    image_pull_policy: str = ""
    architectures: tuple[str, ...] = ()
    pod_security: Literal["", "restricted"] = ""
