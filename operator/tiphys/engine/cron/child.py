"""The workflow that a schedule submits for a slot.

Source: argo-semantics 24.3.
"""

from datetime import UTC, datetime

from tiphys.model.base import ObjectMeta, OwnerReference
from tiphys.model.names import ANNOTATION_SCHEDULED_TIME, LABEL_CRON_WORKFLOW, LABEL_INSTANCE_ID, PREFIX
from tiphys.model.workflow import CronWorkflow, Workflow

_CREATOR = PREFIX + "creator"


def slot_text(slot: datetime) -> str:
    """RFC 3339 in UTC."""
    return slot.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def child_name(cron: str, slot: datetime) -> str:
    """`<cron>-<unix seconds of the slot>`."""
    return f"{cron}-{int(slot.timestamp())}"


def child_of(cron: CronWorkflow, slot: datetime, *, name: str = "", labels: dict[str, str] | None = None) -> Workflow:
    """The workflow for a slot.

    Args:
        cron: The schedule.
        slot: When it is due.
        name: Instead of the slot's name, for backfills.
        labels: Of the caller's, over all others.
    """
    meta, extra = cron.metadata, cron.spec.workflow_metadata
    own = {LABEL_CRON_WORKFLOW: meta.name}
    own |= {key: text for key, text in meta.labels.items() if key.startswith(_CREATOR) or key == LABEL_INSTANCE_ID}
    owner = OwnerReference(
        api_version=cron.api_version, kind=cron.kind, name=meta.name, uid=meta.uid, controller=True, block_owner_deletion=True
    )
    return Workflow(
        metadata=ObjectMeta(
            name=name or child_name(meta.name, slot),
            namespace=meta.namespace,
            labels={**own, **extra.labels, **(labels or {})},
            annotations={ANNOTATION_SCHEDULED_TIME: slot_text(slot), **extra.annotations},
            owner_references=(owner,),
            finalizers=extra.finalizers,
        ),
        spec=cron.spec.workflow_spec,
    )
