"""A node's order becomes a Pod: one container as the user wrote it, and nothing that the step does not need.

Source: argo-semantics 4.
Differs from Argo: no init container, no wait container, no service-account token, no image look-up, unless the step needs it.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

import msgspec
import yaml

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.names import (
    ANNOTATION_NODE_ID,
    ANNOTATION_NODE_NAME,
    LABEL_COMPLETED,
    LABEL_INSTANCE_ID,
    LABEL_WORKFLOW,
    PREFIX,
)
from tiphys.model.order import NodeOrder
from tiphys.model.parse import to_json
from tiphys.model.template import Template
from tiphys.model.workflow import Workflow
from tiphys.pods.merge import strategic_merge
from tiphys.pods.settings import PodSettings

MAIN = "main"
SHIM_PATH = "/argo-shim/shim"
SCRIPT_PATH = "/argo/staging/script"
ANNOTATION_SCRIPT = "tiphys.io/script"
ANNOTATION_RESOURCE = "tiphys.io/resource-template"
MAX_ANNOTATION = 200 * 1024
_MESSAGE_BYTES, _ALL_MESSAGES_BYTES = 4096, 12 * 1024
"""What the kubelet keeps of one termination message, and of all messages of a pod."""
_SHIM_VOLUME = "tiphys-shim"
_SCRIPT_VOLUME = "argo-staging"


class PodPlan(msgspec.Struct, frozen=True):
    """What to create for a node.

    Attributes:
        pod: The Pod.
        config_maps: What it needs besides, owned by the workflow; to be created first.
        needs_shim: The namespace must hold the shim.
    """

    pod: Json
    config_maps: tuple[Json, ...] = ()
    needs_shim: bool = False


class _Draft:
    """A Pod in the making."""

    def __init__(self, order: NodeOrder, workflow: Workflow, settings: PodSettings, now: datetime) -> None:
        self.order = order
        self.template = order.template
        self.workflow = workflow
        self.settings = settings
        self.now = now
        self.main: Json = {}
        self.labels: dict[str, str] = {}
        self.annotations: dict[str, str] = {}
        self.spec: Json = {"restartPolicy": "Never"}
        self.config_maps: list[Json] = []
        self.needs_shim = False

    def path(self, text: str) -> str:
        """Where in the workflow the template stands."""
        return f"templates.{self.order.template_name}.{text}"

    def add(self, key: str, value: Any) -> None:
        """Append to a list of the spec."""
        self.spec.setdefault(key, []).append(value)


def build(order: NodeOrder, workflow: Workflow, settings: PodSettings, now: datetime) -> PodPlan:
    """The Pod of a node, ready to create.

    Args:
        order: What to run; substituted.
        workflow: Whose spec is substituted too.
        settings: What all pods share.
        now: For what is left of deadlines.

    Raises:
        SpecError: The template asks for what cannot be built; `path` names it.
    """
    draft = _Draft(order, workflow, settings, now)
    for step in _PASSES:
        step(draft)
    meta = workflow.metadata
    owner = {**_owner(workflow), "controller": True, "blockOwnerDeletion": True}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": order.pod_name,
            "namespace": meta.namespace,
            "labels": draft.labels,
            "annotations": draft.annotations,
            "ownerReferences": [owner],
        },
        "spec": {key: value for key, value in draft.spec.items() if value not in (None, [], {}, "")},
    }
    return PodPlan(pod, tuple(draft.config_maps), draft.needs_shim)


def _owner(workflow: Workflow) -> Json:
    meta = workflow.metadata
    return {"apiVersion": workflow.api_version, "kind": workflow.kind, "name": meta.name, "uid": meta.uid}


def _identify(draft: _Draft) -> None:
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


def _reject_artifacts(draft: _Draft) -> None:
    template = draft.template
    for kind, artifacts in (("inputs", template.inputs.artifacts), ("outputs", template.outputs.artifacts)):
        if artifacts:
            raise SpecError("artifacts are not supported yet", path=draft.path(f"{kind}.artifacts.{artifacts[0].name}"))
    if template.container_set is not None:
        raise SpecError("container sets are not supported yet", path=draft.path("containerSet"))


def _container(draft: _Draft) -> None:
    template = draft.template
    user = template.container or template.script
    if user is None:
        return
    draft.main = strategic_merge(draft.settings.main_container, {**user, "name": MAIN})
    draft.main.pop("source", None)


def _script(draft: _Draft) -> None:
    script = draft.template.script
    if script is None or not script.get("source"):
        return
    source = str(script["source"])
    if len(source.encode()) <= MAX_ANNOTATION:
        draft.annotations[ANNOTATION_SCRIPT] = source
        items = [{"path": "script", "mode": 0o755, "fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION_SCRIPT}']"}}]
        draft.add("volumes", {"name": _SCRIPT_VOLUME, "downwardAPI": {"items": items}})
    else:
        name = f"{draft.order.pod_name}-script"[:253]
        meta = draft.workflow.metadata
        workflow = draft.workflow
        owner = _owner(workflow)
        draft.config_maps.append({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"script": source},
            "metadata": {
                "name": name, "namespace": meta.namespace, "ownerReferences": [owner], "labels": {LABEL_WORKFLOW: meta.name}
            },
        })  # fmt: skip
        draft.add("volumes", {"name": _SCRIPT_VOLUME, "configMap": {"name": name, "defaultMode": 0o755}})
    draft.main.setdefault("volumeMounts", [])
    draft.main["volumeMounts"] = [*draft.main["volumeMounts"], {"name": _SCRIPT_VOLUME, "mountPath": "/argo/staging"}]
    draft.main["args"] = [*draft.main.get("args", ()), SCRIPT_PATH]
    if not draft.main.get("command"):
        # the image's own entry point would take the script for an argument: run it by its first line
        draft.main["command"] = [SCRIPT_PATH]
        draft.main["args"] = draft.main["args"][:-1]


def _resource(draft: _Draft) -> None:
    template = draft.template
    if template.resource is None:
        return
    wanted = msgspec.structs.replace(Template(), name=template.name, resource=template.resource, outputs=template.outputs)
    draft.annotations[ANNOTATION_RESOURCE] = json.dumps(to_json(wanted))
    meta = draft.workflow.metadata
    env = [
        {"name": "TIPHYS_TEMPLATE", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION_RESOURCE}']"}}},
        {"name": "TIPHYS_NAMESPACE", "value": meta.namespace},
        {"name": "TIPHYS_WORKFLOW", "value": meta.name},
        {"name": "TIPHYS_WORKFLOW_UID", "value": meta.uid},
    ]
    draft.main = {
        "name": MAIN,
        "image": draft.settings.executor_image,
        "imagePullPolicy": draft.settings.image_pull_policy,
        "command": ["tiphys", "executor", "resource"],
        "env": env,
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    draft.main = {key: value for key, value in draft.main.items() if value}


def _environment(draft: _Draft) -> None:
    order = draft.order
    values = {
        "ARGO_CONTAINER_NAME": MAIN,
        "ARGO_NODE_ID": order.node_id,
        "ARGO_WORKFLOW_NAME": draft.workflow.metadata.name,
        "ARGO_INCLUDE_SCRIPT_OUTPUT": "true" if order.wants_result else "false",
    }
    written = {entry.get("name") for entry in draft.main.get("env", ())}
    added = [{"name": name, "value": value} for name, value in values.items() if name not in written]
    draft.main["env"] = [*draft.main.get("env", ()), *added]


def shim_arguments(order: NodeOrder) -> list[str]:
    """The shim's options for what a node is to give back; empty when that is nothing."""
    made = ["--result"] if order.wants_result else []
    for parameter in order.template.outputs.parameters:
        source = parameter.value_from
        if source is None or not source.path:
            continue
        made += ["--parameter", f"{parameter.name}={source.path}"]
        if source.default is not None:
            made += ["--default", f"{parameter.name}={source.default}"]
    return made


def _wrap(draft: _Draft) -> None:
    wanted = shim_arguments(draft.order)
    if not wanted or draft.template.resource is not None:
        return
    command, image = list(draft.main.get("command", ())), str(draft.main.get("image", ""))
    arguments = list(draft.main.get("args", ()))
    if not command:
        entry = draft.settings.images.get(image)
        if entry is None:
            raise SpecError(
                f'the entry point of image "{image}" is not known: specify the command, since its outputs are wanted',
                path=draft.path("container.command"),
                hint="or list the image under `images` in the controller's configuration",
            )
        command, arguments = list(entry.command), arguments or list(entry.arguments)
    draft.needs_shim = True
    count = 1 + len(draft.template.init_containers) + len(draft.template.sidecars)
    if count * _MESSAGE_BYTES > _ALL_MESSAGES_BYTES:
        wanted = ["--limit", str(_ALL_MESSAGES_BYTES // count), *wanted]
    key = _architecture(draft)
    volume = {"name": draft.settings.shim_config_map, "defaultMode": 0o755, "items": [{"key": key, "path": "shim"}]}
    draft.add("volumes", {"name": _SHIM_VOLUME, "configMap": volume})
    mount = {"name": _SHIM_VOLUME, "mountPath": "/argo-shim", "readOnly": True}
    draft.main["volumeMounts"] = [*draft.main.get("volumeMounts", ()), mount]
    draft.main["command"] = [SHIM_PATH, *wanted, "--", *command]
    draft.main["args"] = arguments


def _architecture(draft: _Draft) -> str:
    selector = draft.template.node_selector or draft.workflow.spec.node_selector
    return selector.get("kubernetes.io/arch") or draft.settings.architectures[0]


def _containers(draft: _Draft) -> None:
    template = draft.template
    mounts = draft.main.get("volumeMounts", [])
    own = [mount for mount in mounts if mount["name"] not in (_SHIM_VOLUME, _SCRIPT_VOLUME)]

    def finished(container: Json) -> Json:
        made = {key: value for key, value in container.items() if key != "mirrorVolumeMounts"}
        if container.get("mirrorVolumeMounts"):
            made["volumeMounts"] = [*made.get("volumeMounts", ()), *own]
        return made

    draft.spec["initContainers"] = [
        *(finished(container) for container in template.init_containers),
        *({**finished(container), "restartPolicy": "Always"} for container in template.sidecars),
    ]
    draft.spec["containers"] = [{key: value for key, value in draft.main.items() if value not in (None, [], {})}]


def _first(*values: Any) -> Any:
    return next((value for value in values if value), None)


def _schedule(draft: _Draft) -> None:
    template, spec, target = draft.template, draft.workflow.spec, draft.spec
    target["nodeSelector"] = _first(template.node_selector, spec.node_selector)
    target["tolerations"] = list(_first(template.tolerations, spec.tolerations) or ())
    target["schedulerName"] = _first(template.scheduler_name, spec.scheduler_name)
    target["priorityClassName"] = _first(template.priority_class_name, spec.pod_priority_class_name)
    target["affinity"] = _avoiding(_first(template.affinity, spec.affinity) or {}, draft.order.avoid_hosts)
    target["hostAliases"] = [*spec.host_aliases, *template.host_aliases]
    target["hostNetwork"], target["dnsPolicy"], target["dnsConfig"] = spec.host_network, spec.dns_policy, spec.dns_config
    target["resources"] = _first(template.pod_resources, spec.pod_resources)
    target["resourceClaims"] = list(_first(template.resource_claims, spec.resource_claims) or ())


def _avoiding(affinity: Json, hosts: tuple[str, ...]) -> Json:
    """The affinity that also keeps off hosts where attempts failed. Source: argo-semantics 11.5."""
    if not hosts:
        return affinity
    avoid = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(hosts)}
    node = affinity.get("nodeAffinity", {})
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = required.get("nodeSelectorTerms") or [{}]
    kept = [{**term, "matchExpressions": [*term.get("matchExpressions", ()), avoid]} for term in terms]
    rule = {**node, "requiredDuringSchedulingIgnoredDuringExecution": {**required, "nodeSelectorTerms": kept}}
    return {**affinity, "nodeAffinity": rule}


def _identity(draft: _Draft) -> None:
    template, spec, target = draft.template, draft.workflow.spec, draft.spec
    account = template.service_account_name or spec.service_account_name
    target["serviceAccountName"] = account
    target["securityContext"] = _first(template.security_context, spec.security_context)
    target["imagePullSecrets"] = list(spec.image_pull_secrets)
    said = template.automount_service_account_token
    said = spec.automount_service_account_token if said is None else said
    target["automountServiceAccountToken"] = (bool(account) or template.resource is not None) if said is None else said


def _deadline(draft: _Draft) -> None:
    seconds: list[int] = []
    own = draft.template.active_deadline_seconds
    if own is not None and str(own).strip():
        try:
            seconds.append(int(str(own).strip()))
        except ValueError as e:
            raise SpecError(f"{own!r} is no number of seconds", path=draft.path("activeDeadlineSeconds")) from e
    if draft.order.deadline is not None:
        seconds.append(max(1, int((draft.order.deadline - draft.now).total_seconds())))
    if seconds:
        draft.spec["activeDeadlineSeconds"] = max(1, min(seconds))


def _volumes(draft: _Draft) -> None:
    draft.spec["volumes"] = [*draft.workflow.spec.volumes, *draft.template.volumes, *draft.spec.get("volumes", ())]


def _patch(draft: _Draft) -> None:
    for where, text in (("podSpecPatch", draft.workflow.spec.pod_spec_patch), ("podSpecPatch", draft.template.pod_spec_patch)):
        if not text:
            continue
        try:
            patch = yaml.safe_load(text)
        except yaml.YAMLError as e:
            raise SpecError(f"is no YAML: {e}", path=where) from e
        if not isinstance(patch, dict):
            raise SpecError("is no object", path=where)
        draft.spec = strategic_merge(draft.spec, cast("Json", patch))


_PASSES: tuple[Callable[[_Draft], None], ...] = (
    _reject_artifacts, _identify, _container, _script, _resource, _environment, _wrap, _volumes, _containers, _schedule,
    _identity, _deadline, _patch,
)  # fmt: skip
