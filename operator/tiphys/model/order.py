"""What the engine asks a runner for: one leaf node, ready to run. The counterpart of `report.NodeReport`."""

from datetime import datetime

import msgspec

from tiphys.model.arguments import Artifact
from tiphys.model.locations import ArtifactRepository
from tiphys.model.spec import WorkflowSpec
from tiphys.model.template import Template


class NodeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One leaf node to run: everything a runner must know besides the workflow it belongs to.

    Attributes:
        node_id: Id of the leaf (an attempt, never its Retry parent).
        node_name: Full name, as in the annotation `node-name`.
        pod_name: Deterministic, so that asking twice starts one pod.
        template: Substituted, template defaults merged; what to run.
        template_name: The template's name as labels show it; empty for an inline template.
        wants_result: Somebody reads `outputs.result`.
        deadline: The workflow's, for all nodes but those of exit handlers; None for never.
        timeout: The template's; it counts instead of every other deadline.
        is_exit_handler: Runs although the workflow is being stopped.
        avoid_hosts: Hosts of failed attempts that affinity should avoid.
        repository: What artifacts that are but a key are completed with.
        log_artifacts: `<container>-logs` of each container whose log is stored, with its key.
        spec: What the workflow says of its pods, where that reads inputs or the pod's name; None where it is the same for all.
        may_lack_logs: Where a container's log cannot be kept, it is to run without; otherwise that is an error.
    """

    node_id: str
    node_name: str
    pod_name: str
    template: Template
    template_name: str = ""
    wants_result: bool = False
    deadline: datetime | None = None
    timeout: datetime | None = None
    is_exit_handler: bool = False
    avoid_hosts: tuple[str, ...] = ()
    repository: ArtifactRepository | None = None
    log_artifacts: tuple[Artifact, ...] = ()
    may_lack_logs: bool = False
    spec: WorkflowSpec | None = None
