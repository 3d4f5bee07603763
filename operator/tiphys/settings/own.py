"""Settings of our own, in the ConfigMap `tiphys`: Argo's tools read the other one strictly, so these stand apart."""

from typing import Literal

from tiphys.settings.base import Settings


class Policy(Settings, frozen=True):
    """A rule of the administrator about what users may run, in CEL, as in Kubernetes' own admission policies.

    Attributes:
        name: Shown when it is broken.
        expression: Must be true. It reads `workflow`, `namespace`, `user` (`name`, `email`), and `template` or `pod`.
        message: What users are told; the expression where it is empty.
        action: `deny`: what breaks it does not run; `warn`: it runs, and says so.
        over: What is looked at: the `workflow` as it is executed, each `template` of it, or each `pod` before it is made.
    """

    name: str
    expression: str
    message: str = ""
    action: Literal["deny", "warn"] = "deny"
    over: Literal["workflow", "template", "pod"] = "workflow"


class OwnConfiguration(Settings, frozen=True):
    """The whole of the ConfigMap `tiphys`.

    Attributes:
        metric_series_limit: Label combinations of one custom metric; more are dropped and counted.
        image_pull_policy: For the executor image.
        architectures: Of the cluster's nodes; empty for what the controller finds when it starts.
        pod_security: `restricted` for pods that the pod security standard of that name admits; empty for what users wrote.
        policies: What users may run.
        label_completed_pods: Put `completed=true` on pods that have ended and are kept, as Argo does: a request for each.
    """

    metric_series_limit: int = 1000
    image_pull_policy: str = ""
    architectures: tuple[str, ...] = ()
    pod_security: Literal["", "restricted"] = ""
    policies: tuple[Policy, ...] = ()
    label_completed_pods: bool = False
