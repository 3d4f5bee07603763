"""Objects beside a workflow that end with it: its disruption budget and its volume claims.

Source: argo-semantics 1.4, 2.5, 21.3.
"""

from typing import TYPE_CHECKING

import msgspec

from tiphys.engine.actions import CreateBudget, DeleteOwned
from tiphys.model.base import Json
from tiphys.model.names import LABEL_WORKFLOW
from tiphys.model.phases import SUCCEEDED
from tiphys.model.spec import VolumeClaimGC

if TYPE_CHECKING:
    from tiphys.engine.run import Run

BUDGET = "PodDisruptionBudget"
CLAIM = "PersistentVolumeClaim"


def protect(run: "Run") -> None:
    """Ask for the disruption budget that the spec wants."""
    spec = run.spec.pod_disruption_budget
    if spec is None:
        return
    meta = run.workflow.metadata
    labels = {LABEL_WORKFLOW: run.name}
    owner = {"apiVersion": run.workflow.api_version, "kind": run.workflow.kind, "name": meta.name, "uid": meta.uid,
             "controller": True, "blockOwnerDeletion": True}  # fmt: skip
    manifest: Json = {
        "apiVersion": "policy/v1",
        "kind": BUDGET,
        "metadata": {"name": run.name, "namespace": meta.namespace, "labels": labels, "ownerReferences": [owner]},
        "spec": {"selector": {"matchLabels": labels}, **spec},
    }
    run.act(CreateBudget(manifest))


def are_claims_due(gc: VolumeClaimGC | None, phase: str) -> bool:
    """Whether the claims of a workflow go that ended so."""
    return phase == SUCCEEDED or (gc is not None and gc.strategy == "OnWorkflowCompletion")


def release(run: "Run") -> None:
    """The workflow has ended: its budget goes, and its claims where the strategy says so."""
    if run.spec.pod_disruption_budget is not None:
        run.act(DeleteOwned(BUDGET, run.name))
    claims = run.status.persistent_volume_claims
    if not claims or not are_claims_due(run.spec.volume_claim_gc, run.status.phase):
        return
    for volume in claims:
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        if name:
            run.act(DeleteOwned(CLAIM, name))
    run.status = msgspec.structs.replace(run.status, persistent_volume_claims=())
