"""Pass: labels and annotations. Source: argo-semantics 4.2."""

from tiphys.model.names import (
    ANNOTATION_NODE_ID,
    ANNOTATION_NODE_NAME,
    LABEL_COMPLETED,
    LABEL_INSTANCE_ID,
    LABEL_WORKFLOW,
    PREFIX,
)
from tiphys.pods.draft import MAIN, Draft


def identify(draft: Draft) -> None:
    """Labels and annotations; users' own win."""
    order, spec = draft.order, draft.workflow.spec
    draft.labels = {LABEL_WORKFLOW: draft.workflow.metadata.name, LABEL_COMPLETED: "false"}
    if order.is_exit_handler:
        draft.labels[PREFIX + "on-exit"] = "true"
    if draft.settings.instance_id:
        draft.labels[LABEL_INSTANCE_ID] = draft.settings.instance_id
    draft.annotations = {
        ANNOTATION_NODE_NAME: order.node_name,
        ANNOTATION_NODE_ID: order.node_id,
        "kubectl.kubernetes.io/default-container": MAIN,
    }
    for metadata in (spec.pod_metadata, draft.template.metadata):
        if metadata is not None:
            draft.labels |= metadata.labels
            draft.annotations |= metadata.annotations
