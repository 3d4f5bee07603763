"""Settings of our own, in the ConfigMap `tiphys`: Argo's tools read the other one strictly, so these stand apart."""

from tiphys.settings.base import Settings


class OwnConfiguration(Settings, frozen=True):
    """The whole of the ConfigMap `tiphys`.

    Attributes:
        metric_series_limit: Label combinations of one custom metric; more are dropped and counted.
        image_pull_policy: For the executor image.
        architectures: Of the cluster's nodes; empty for what the controller finds.
    """

    metric_series_limit: int = 1000
    image_pull_policy: str = ""
    architectures: tuple[str, ...] = ()
