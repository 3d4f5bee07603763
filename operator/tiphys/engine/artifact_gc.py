"""Which artifacts are to be deleted, when, and by whom. Pure: what has been done is told by the stored status.

Pods are written down (`podsRecouped: false`) before they are created, and what they did before they are forgotten, so that a
crash between any two steps loses nothing and deletes nothing twice.

Source: argo-semantics 20.6.
Differs from Argo: there are several attempts, and the finalizer of a workflow that is being deleted goes after the last of them,
or when its time is over: what could not be deleted is told, and the workflow does not stay for ever.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from tiphys.model.arguments import Artifact, Metadata
from tiphys.model.base import Json
from tiphys.model.collecting import Batch, CollectPlan, CollectRecord, Deletion
from tiphys.model.names import fnv1a32
from tiphys.model.parse import parse_as, to_json
from tiphys.model.phases import POD
from tiphys.model.spec import WorkflowSpec
from tiphys.model.status import ArtifactGCStatus, Condition, NodeStatus
from tiphys.model.storage import relocated, repository_location
from tiphys.model.workflow import Workflow

ERROR_CONDITION = "ArtifactGCError"
FINALIZER = "workflows.argoproj.io/artifact-gc"
ON_COMPLETION, ON_DELETION = "OnWorkflowCompletion", "OnWorkflowDeletion"
_SHORT = {ON_COMPLETION: "wfcomp", ON_DELETION: "wfdel"}
MAX_ITEMS = 1000
"""Artifacts that one pod deletes at most."""
ATTEMPTS = 3
RELEASE_AFTER = timedelta(minutes=10)
"""How long the deletion of a workflow waits for its artifacts at most."""
_ATTEMPT = re.compile(r"-a(\d+)$")


class Rest(msgspec.Struct, frozen=True):
    """Nothing is to be done until the workflow changes."""


class Await(msgspec.Struct, frozen=True):
    """These pods are at work, or have ended and must be asked what they did."""

    pods: tuple[str, ...]


class Start(msgspec.Struct, frozen=True):
    """Create these pods, after writing down that they are to be."""

    strategy: str
    batches: tuple[Batch, ...]


class Release(msgspec.Struct, frozen=True):
    """Take the finalizer away.

    Attributes:
        left: How many artifacts stay behind.
    """

    left: int = 0


def next_step(workflow: Workflow, now: datetime) -> Rest | Await | Start | Release:
    """What is to be done for a workflow that has completed."""
    status, meta = workflow.status.artifact_gc_status or ArtifactGCStatus(), workflow.metadata
    is_deleted = meta.deletion_timestamp is not None
    left, whole = remaining(workflow, in_scope(workflow)), remaining(workflow)
    if not whole:
        return Release()
    if meta.deletion_timestamp is not None and now >= meta.deletion_timestamp + RELEASE_AFTER:
        return Release(len(whole))
    open_pods = tuple(name for name, is_done in status.pods_recouped.items() if not is_done)
    if open_pods:
        return Await(open_pods)
    strategy = ON_DELETION if is_deleted else ON_COMPLETION
    attempt = _attempts(status, f"{meta.name}-artgc-{_SHORT[strategy]}-")
    own = executed_spec(workflow).artifact_gc
    is_forced = own is not None and bool(own.force_finalizer_removal)
    if left and attempt < (1 if is_forced and attempt else ATTEMPTS):
        return Start(strategy, tuple(batches(workflow, strategy, attempt, left)))
    return Release(len(whole)) if is_deleted or (is_forced and left) else Rest()


def _attempts(status: ArtifactGCStatus, prefix: str) -> int:
    """How many attempts the pods that were written down make."""
    made = [name for name in status.pods_recouped if name.startswith(prefix)]
    numbers = (_ATTEMPT.search(name) for name in made)
    return max((int(found.group(1)) if found else 0 for found in numbers), default=-1) + 1


def is_wanted(spec: WorkflowSpec) -> bool:
    """Whether any artifact of a workflow is to be deleted at any time."""
    own = spec.artifact_gc.strategy if spec.artifact_gc is not None else ""
    templates = (*spec.templates, *((spec.template_defaults,) if spec.template_defaults is not None else ()))
    named = (a.artifact_gc.strategy for t in templates for a in t.outputs.artifacts if a.artifact_gc is not None)
    return any(strategy in _SHORT for strategy in (own, *named))


def strategy_of(artifact: Artifact, spec: WorkflowSpec) -> str:
    """When an artifact is deleted; empty for never."""
    own = artifact.artifact_gc.strategy if artifact.artifact_gc is not None else ""
    chosen = own or (spec.artifact_gc.strategy if spec.artifact_gc is not None else "")
    return chosen if chosen in _SHORT else ""


def in_scope(workflow: Workflow) -> tuple[str, ...]:
    """The strategies whose time has come for a completed workflow."""
    return (ON_COMPLETION, ON_DELETION) if workflow.metadata.deletion_timestamp is not None else (ON_COMPLETION,)


def remaining(workflow: Workflow, strategies: tuple[str, ...] = (ON_COMPLETION, ON_DELETION)) -> list[Deletion]:
    """Artifacts of pods that are not deleted yet and one day are to be, with their locations; in order of the nodes."""
    return [Deletion(node=node_id, artifact=artifact) for node_id, artifact in _remaining(workflow, strategies)]


def _remaining(workflow: Workflow, strategies: tuple[str, ...]) -> Iterator[tuple[str, Artifact]]:
    spec, status = executed_spec(workflow), workflow.status
    known = status.artifact_repository_ref
    base = repository_location(known.artifact_repository if known is not None else None, "")
    for node_id, node in status.nodes.items():
        if node.type != POD or node.outputs is None:
            continue
        for artifact in node.outputs.artifacts:
            if not artifact.deleted and strategy_of(artifact, spec) in strategies:
                yield node_id, relocated(artifact, base)


def batches(workflow: Workflow, strategy: str, attempt: int, items: list[Deletion]) -> list[Batch]:
    """The pods that delete the items: one for each service account and metadata, and as many more as there are items for.

    Args:
        workflow: Whose artifacts they are.
        strategy: Whose time it is, for the pods' names.
        attempt: 0 for the first; a later one has pods of its own.
        items: What `remaining` says.
    """
    groups: dict[str, tuple[str, Metadata, list[Deletion]]] = {}
    for item in items:
        account, metadata = _identity(item.artifact, executed_spec(workflow))
        groups.setdefault(_identity_text(account, metadata), (account, metadata, []))[2].append(item)
    made = []
    for text, (account, metadata, found) in groups.items():
        for number, start in enumerate(range(0, len(found), MAX_ITEMS)):
            name = "-".join([
                f"{workflow.metadata.name}-artgc-{_SHORT[strategy]}-{fnv1a32(text)}",
                *([f"p{number}"] if number else []), *([f"a{attempt}"] if attempt else []),
            ])  # fmt: skip
            plan = CollectPlan(deletions=tuple(found[start : start + MAX_ITEMS]))
            made.append(Batch(name, strategy, account, metadata, plan))
    return made


def _identity(artifact: Artifact, spec: WorkflowSpec) -> tuple[str, Metadata]:
    own, common = artifact.artifact_gc, spec.artifact_gc
    account = (own.service_account_name if own is not None else "") or (common.service_account_name if common else "")
    metadata = (own.pod_metadata if own is not None else None) or (common.pod_metadata if common else None)
    return account, metadata or Metadata()


def _identity_text(account: str, metadata: Metadata) -> str:
    parts = [f"{key},{parts[key]}" for parts in (metadata.labels, metadata.annotations) for key in sorted(parts)]
    return "".join([account, *parts])


def executed_spec(workflow: Workflow) -> WorkflowSpec:
    """The spec that ran: the stored one where the workflow referenced a template."""
    return workflow.status.stored_workflow_template_spec or workflow.spec


def written_down(start: Start) -> Json:
    """The patch of the status that says which pods are to be."""
    return {
        "artifactGCStatus": {
            "strategiesProcessed": {start.strategy: True},
            "podsRecouped": {batch.pod_name: False for batch in start.batches},
        }
    }


def recouped(workflow: Workflow, pod: str, plan: CollectPlan, record: CollectRecord, fault: str) -> Json:
    """The patch of the status that says what a pod has done.

    Args:
        workflow: As it is stored.
        pod: Its name.
        plan: What it was told; empty when that is lost with it.
        record: What it did.
        fault: Why it could do nothing; empty when it could.
    """
    gone: dict[str, set[str]] = {}
    for index, deletion in enumerate(plan.deletions):
        if record.is_deleted(index):
            gone.setdefault(deletion.node, set()).add(deletion.artifact.name)
    nodes = {node_id: _marked(workflow.status.nodes[node_id], names) for node_id, names in gone.items()}
    patch: Json = {"artifactGCStatus": {"podsRecouped": {pod: True}}, **({"nodes": nodes} if nodes else {})}
    failed = len(plan.deletions) - sum(map(len, gone.values()))
    if failed or fault:
        why = fault or (record.errors[0] if record.errors else "unknown")
        patch["conditions"] = _conditions(workflow, f"{failed or 'some'} artifacts could not be deleted by pod {pod}: {why}")
    elif any(one.type == ERROR_CONDITION for one in workflow.status.conditions):
        patch["conditions"] = _conditions(workflow, "")
    return patch


def with_marks(workflow: Workflow, patch: Json) -> Workflow:
    """The workflow with the nodes that such a patch of its status changes."""
    nodes = dict(workflow.status.nodes)
    for node_id, change in (patch.get("status") or {}).get("nodes", {}).items():
        node = to_json(nodes[node_id])
        nodes[node_id] = parse_as(NodeStatus, {**node, "outputs": {**node["outputs"], **change["outputs"]}})
    return msgspec.structs.replace(workflow, status=msgspec.structs.replace(workflow.status, nodes=nodes))


def _marked(node: NodeStatus, names: set[str]) -> Json:
    artifacts = node.outputs.artifacts if node.outputs is not None else ()
    marked = [msgspec.structs.replace(one, deleted=True) if one.name in names else one for one in artifacts]
    return {"outputs": {"artifacts": [to_json(one) for one in marked]}}


def _conditions(workflow: Workflow, message: str) -> list[Json]:
    kept = [one for one in workflow.status.conditions if one.type != ERROR_CONDITION]
    made = (Condition(type=ERROR_CONDITION, status="True", message=message),) if message else ()
    return [to_json(one) for one in (*kept, *made)]
