"""What a run takes for granted: stored templates and what the administrator set. Handed in with the first event."""

import msgspec

from tiphys.engine.estimates import Estimate
from tiphys.engine.library import Library
from tiphys.model.workflow import Workflow
from tiphys.settings.own import Policy


class Premises(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of a run.

    Attributes:
        library: Stored templates.
        defaults: Merged under every workflow; None for none.
        referencing: `Strict`, `Secure` or empty: whether workflows must reference a stored template.
        overrides: Spec fields that may be set beside such a reference, in addition to the usual ones.
        failed_pod_restarts: How often a runner may be made again that the cluster ended before the program started.
        is_held: It may not begin yet, since too many workflows run.
        pod_name_format: `v1` or `v2`, for workflows that begin.
        policies: Rules of the administrator about what may run.
        has_depth_limit: Whether templates may call each other only so deep.
        estimate: What the last workflow of this kind took.
        transient_error_pattern: A regular expression of messages that count as transient, beside the usual ones; empty for none.
        pod_gc_delay_seconds: How long a finished pod is kept where the workflow does not say.
    """

    library: Library = Library()
    defaults: Workflow | None = None
    referencing: str = ""
    overrides: tuple[str, ...] = ()
    failed_pod_restarts: int = 0
    pod_name_format: str = "v2"
    pod_gc_delay_seconds: float = 5.0
    estimate: Estimate | None = None
    has_depth_limit: bool = True
    is_held: bool = False
    transient_error_pattern: str = ""
    policies: tuple[Policy, ...] = ()
