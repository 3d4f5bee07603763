"""The pod that deletes a batch of a workflow's artifacts: our own program, with the secrets of the stores as files.

Source: argo-semantics 20.6.
"""

import msgspec
import yaml

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.collecting import ENV_PLAN_FILE, Batch, CollectRecord, parse_collect_record
from tiphys.model.names import LABEL_COMPLETED, LABEL_COMPONENT, LABEL_INSTANCE_ID, LABEL_WORKFLOW, PREFIX
from tiphys.model.workflow import Workflow
from tiphys.pods.draft import MAIN, filled, owner_of
from tiphys.pods.drivers import driver_containers, driver_mounts, driver_names, driver_volumes
from tiphys.pods.merge import strategic_merge
from tiphys.pods.secrets import secret_mounts, secret_volumes
from tiphys.pods.settings import PodSettings
from tiphys.pods.view import PodView

COMPONENT = "artifact-gc"
_STRATEGY = PREFIX + "artifact-gc-strategy"
PLAN_FILE = "plan.json"
_FOLDER, _VOLUME = "/argo/collect", "tiphys-collect-plan"
_FOREGROUND = "foregroundDeletion"
_SECONDS = 600
"""How long a pod may take; deleting again does no harm, so another attempt goes on where this one ended."""
_REQUESTS = {"requests": {"cpu": "10m", "memory": "64Mi"}}


def collection_objects(batch: Batch, workflow: Workflow, settings: PodSettings) -> tuple[Json, Json]:
    """The ConfigMap that holds the plan, to be created first, and the pod.

    Raises:
        SpecError: `artifactGC.podSpecPatch` is no patch, or an artifact needs a driver that is not configured.
    """
    meta: Json = {
        "name": batch.pod_name,
        "namespace": workflow.metadata.namespace,
        "labels": {LABEL_WORKFLOW: workflow.metadata.name, LABEL_COMPONENT: COMPONENT, LABEL_COMPLETED: "false"},
        # in a deletion that takes dependants first, an owner would take this pod away before it has done anything
        "ownerReferences": [] if _FOREGROUND in workflow.metadata.finalizers else [owner_of(workflow)],
    }
    if settings.instance_id:
        meta["labels"][LABEL_INSTANCE_ID] = settings.instance_id
    text = msgspec.json.encode(batch.plan).decode()
    config_map: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": filled(meta), "data": {PLAN_FILE: text}}
    labels = {**batch.metadata.labels, **meta["labels"]}
    pod: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": filled({**meta, "labels": labels, "annotations": {**batch.metadata.annotations, _STRATEGY: batch.strategy}}),
        "spec": _spec(batch, workflow, settings),
    }
    return config_map, pod


def _spec(batch: Batch, workflow: Workflow, settings: PodSettings) -> Json:
    artifacts = [deletion.artifact for deletion in batch.plan.deletions]
    container = {
        "resources": _REQUESTS,
        **settings.executor,
        "name": MAIN,
        "image": settings.executor.get("image") or settings.executor_image,
        "imagePullPolicy": settings.executor.get("imagePullPolicy") or settings.image_pull_policy,
        "command": ["tiphys", "executor", "delete"],
        "args": [],
        "env": [*settings.executor.get("env", ()), {"name": ENV_PLAN_FILE, "value": f"{_FOLDER}/{PLAN_FILE}"}],
        "volumeMounts": [{"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}, *secret_mounts(artifacts),
                         *driver_mounts(artifacts)],
    }
    if driver_names(artifacts) and settings.security != "restricted":  # a driver's socket may be for its own user only
        container["securityContext"] = {"runAsUser": 0, **(container.get("securityContext") or {})}
    spec = workflow.status.stored_workflow_template_spec or workflow.spec
    made = filled({
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _SECONDS,
        "serviceAccountName": batch.service_account,
        "automountServiceAccountToken": bool(batch.service_account),
        "imagePullSecrets": list(spec.image_pull_secrets),
        "initContainers": driver_containers(artifacts, settings.artifact_drivers, pull=settings.image_pull_policy),
        "containers": [filled(container)],
        "volumes": [{"name": _VOLUME, "configMap": {"name": batch.pod_name}}, *secret_volumes(artifacts),
                    *driver_volumes(artifacts)],
    })  # fmt: skip
    made["automountServiceAccountToken"] = bool(batch.service_account)
    patch = spec.artifact_gc.pod_spec_patch if spec.artifact_gc is not None else ""
    return strategic_merge(made, _patch(patch), "spec.artifactGC.podSpecPatch") if patch.strip() else made


def _patch(text: str) -> Json:
    path = "spec.artifactGC.podSpecPatch"
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise SpecError(f"is neither JSON nor YAML: {e}", path=path) from e
    if not isinstance(found, dict):
        raise SpecError("is no object", path=path)
    return found


def is_collection(pod: PodView) -> bool:
    """Whether the pod deletes artifacts."""
    return pod.metadata.labels.get(LABEL_COMPONENT) == COMPONENT


def collected(pod: PodView) -> tuple[CollectRecord, str] | None:
    """What came of it and, where it could do nothing, why; None while it is at work."""
    if pod.status.phase not in ("Succeeded", "Failed"):
        return None
    ended = pod.ended(MAIN)
    record = parse_collect_record(ended.message) if ended is not None else None
    if record is not None:
        return record, ""
    said = ended.message.strip() or f"{ended.reason} (exit code {ended.exit_code})" if ended is not None else ""
    return CollectRecord(), pod.status.message or said or "the pod ended without a word"
