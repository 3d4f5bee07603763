"""What a runner saw of one node: the only thing the engine learns of pods, containers and processes."""

from datetime import datetime

import msgspec

from tiphys.model.arguments import Outputs


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One observation of the thing that runs a node; a later one replaces an earlier one.

    Attributes:
        node_id: Id of the leaf node (an attempt, never its Retry parent).
        phase: Pending, Running, Succeeded, Failed or Error.
        message: What users see; empty when there is nothing to say.
        ready: A daemon's containers are all ready.
        is_infrastructure: The node failed for a reason outside the user's program (eviction, deletion, node loss).
        restart_reason: Why the runner may be made again, since the program never started; empty when it may not.
        exit_code: Of the container `main`; None while it runs or where there is none.
        result: Captured standard output, one trailing newline removed; None when not captured.
        parameters: Output parameter name -> value, as far as the runner read them.
        missing: Output parameters that had neither a file nor a default.
        started_at: When the first container started.
        finished_at: When the last container ended.
        resources_duration: Resource name -> seconds.
        containers: Container name -> report of one member of a container set.
        is_staged: The executor has stored artifacts and logs, except those that `unsaved` names.
        unsaved: Artifacts (and `<container>-logs`) that are not where they should be.
        outputs: Of an agent's task, as it gave them.
        is_final: Nothing more will be reported: phase, outputs and times are complete.
    """

    node_id: str
    phase: str
    message: str = ""
    uid: str = ""
    ready: bool = False
    is_infrastructure: bool = False
    restart_reason: str = ""
    exit_code: int | None = None
    result: str | None = None
    parameters: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    pod_ip: str = ""
    host_node_name: str = ""
    progress: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    resources_duration: dict[str, int] = {}
    containers: "dict[str, NodeReport]" = {}
    outputs: Outputs | None = None
    is_final: bool = False
    is_staged: bool = False
    unsaved: tuple[str, ...] = ()
