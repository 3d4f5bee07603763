"""How long calls took in earlier runs of the same workflow, for plans.

Source: argo-semantics 26.3 for what runs of the same kind are; there one run is looked at, here several.
"""

import re
from collections.abc import Iterable, Mapping
from statistics import median

from tiphys.model.names import LABEL_CLUSTER_WORKFLOW_TEMPLATE, LABEL_WORKFLOW_TEMPLATE
from tiphys.model.phases import SUCCEEDED
from tiphys.model.workflow import Workflow

_BODIES = ("Steps", "DAG", "StepGroup", "TaskGroup")
_NO_CALL = re.compile(r"\[\d+\]|\([^()]*\)")


def is_earlier_run(planned: Workflow, other: Workflow) -> bool:
    """Whether another workflow is a run of the planned one that went well: of the same stored template, or named alike."""
    if other.status.phase != SUCCEEDED:
        return False
    ref, meta = planned.spec.workflow_template_ref, planned.metadata
    if ref is not None:
        label = LABEL_CLUSTER_WORKFLOW_TEMPLATE if ref.cluster_scope else LABEL_WORKFLOW_TEMPLATE
        return other.metadata.labels.get(label) == ref.name
    name = other.metadata.name
    prefix = meta.generate_name
    return name == meta.name or bool(prefix and name.startswith(prefix) and "-" not in name.removeprefix(prefix))


def measured(runs: Iterable[Workflow]) -> Mapping[str, float]:
    """Call's id, as a forecast spells it, and template's name -> the median of the seconds that it took."""
    taken: dict[str, list[float]] = {}
    for run in runs:
        for node in run.status.nodes.values():
            is_attempt = node.node_flag is not None and bool(node.node_flag.retried)
            has_run = node.phase == SUCCEEDED and node.started_at is not None and node.finished_at is not None
            if node.type in _BODIES or is_attempt or not has_run:
                continue
            assert node.started_at is not None and node.finished_at is not None  # noqa: S101, PT018 as was just seen
            seconds = (node.finished_at - node.started_at).total_seconds()
            path = _NO_CALL.sub("", node.name.removeprefix(run.metadata.name))
            for key in {f"{run.spec.entrypoint}{path}", node.template_name}:
                taken.setdefault(key, []).append(seconds)
    return {key: median(many) for key, many in taken.items()}
