"""Pass: labels and annotations.

Source: argo-semantics 4.2.
Differs from Argo: what says which node a pod runs cannot be overridden by the metadata of a template.
"""

from tiphys.model.names import (
    ANNOTATION_NODE_ID,
    ANNOTATION_NODE_NAME,
    LABEL_COMPLETED,
    LABEL_INSTANCE_ID,
    LABEL_WORKFLOW,
    PREFIX,
)
from tiphys.model.trace import annotations
from tiphys.pods.draft import MAIN, Draft

ANNOTATION_POD_GC = PREFIX + "pod-gc-strategy"
FINALIZER_STATUS = PREFIX + "status"
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def identify(draft: Draft) -> None:
    """Labels and annotations: the workflow's `podMetadata`, the template's `metadata` over it."""
    order, spec = draft.order, draft.workflow.spec
    labels = {LABEL_WORKFLOW: draft.workflow.metadata.name}
    if draft.settings.instance_id:
        labels[LABEL_INSTANCE_ID] = draft.settings.instance_id
    draft.labels = {LABEL_COMPLETED: "false"}
    if order.is_exit_handler:
        draft.labels[PREFIX + "on-exit"] = "true"
    draft.annotations = {_DEFAULT_CONTAINER: MAIN}
    if spec.pod_gc is not None and spec.pod_gc.strategy:
        delay = spec.pod_gc.delete_delay_duration or draft.settings.pod_gc_delay
        draft.annotations[ANNOTATION_POD_GC] = f"{spec.pod_gc.strategy}/{delay}"
    if draft.settings.is_traced:
        draft.annotations |= annotations(draft.workflow.metadata.uid, order.node_id)
    for metadata in (spec.pod_metadata, draft.template.metadata):
        if metadata is not None:
            draft.labels |= metadata.labels
            draft.annotations |= metadata.annotations
    draft.labels |= labels
    if draft.settings.keeps_status:
        draft.finalizers.append(FINALIZER_STATUS)
    draft.annotations |= {ANNOTATION_NODE_NAME: order.node_name, ANNOTATION_NODE_ID: order.node_id}
