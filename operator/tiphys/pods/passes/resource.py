"""Pass: the container of a resource template."""

import json

import msgspec

from tiphys.model.base import Json
from tiphys.model.names import ANNOTATION_DELETE_ON_STOP
from tiphys.model.parse import to_json
from tiphys.model.template import Template
from tiphys.pods.draft import MAIN, Draft
from tiphys.pods.passes.executor import executor_container
from tiphys.pods.passes.script import own_config_map
from tiphys.pods.passes.staging import MANIFEST_PATH

ANNOTATION_RESOURCE = "tiphys.io/resource-template"
MAX_VARIABLE = 100 * 1024
"""The kernel takes 128 KiB for one variable."""
_FOLDER, _KEY, _VOLUME = "/argo/template", "template", "tiphys-template"


def resource_container(draft: Draft) -> None:
    """The executor, told what to do by an annotation, or a file where that is long."""
    template = draft.template
    if template.resource is None:
        return
    wanted = msgspec.structs.replace(Template(), name=template.name, resource=template.resource, outputs=template.outputs)
    meta = draft.workflow.metadata
    main = executor_container(draft, MAIN, ["tiphys", "executor", "resource"])
    env = [
        {"name": "TIPHYS_NAMESPACE", "value": meta.namespace},
        {"name": "TIPHYS_WORKFLOW", "value": meta.name},
        {"name": "TIPHYS_WORKFLOW_UID", "value": meta.uid},
    ]
    if template.annotations.get(ANNOTATION_DELETE_ON_STOP) == "true":
        env.append({"name": "TIPHYS_DELETE_ON_STOP", "value": "true"})
    source = template.resource.manifest_from
    if source is not None and source.artifact is not None:
        brought = (artifact.path for artifact in template.inputs.artifacts if artifact.name == source.artifact.name)
        env.append({"name": "TIPHYS_MANIFEST", "value": next(brought, "") or MANIFEST_PATH})
    draft.main = {**main, "env": [*main.get("env", ()), _hand_on(draft, main, json.dumps(to_json(wanted))), *env]}
    _use_kubeconfig(draft)


def _hand_on(draft: Draft, main: Json, text: str) -> Json:
    if len(text) <= MAX_VARIABLE:
        draft.annotations[ANNOTATION_RESOURCE] = text
        path = f"metadata.annotations['{ANNOTATION_RESOURCE}']"
        return {"name": "TIPHYS_TEMPLATE", "valueFrom": {"fieldRef": {"fieldPath": path}}}
    draft.add("volumes", {"name": _VOLUME, "configMap": {"name": own_config_map(draft, _KEY, text)}})
    main["volumeMounts"] = [*main.get("volumeMounts", ()), {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}]
    return {"name": "TIPHYS_TEMPLATE_FILE", "value": f"{_FOLDER}/{_KEY}"}


def _use_kubeconfig(draft: Draft) -> None:
    """The executor talks to the API server of a Secret's kubeconfig, where the configuration says so (`kubeConfig`)."""
    wanted = draft.settings.kube_config
    if wanted is None:
        return
    volume, path = wanted.volume_name or "kubeconfig", wanted.mount_path or "/kube/config"
    main = draft.main
    mount = {"name": volume, "mountPath": path, "subPath": wanted.secret_key, "readOnly": True}
    main["volumeMounts"] = [*main.get("volumeMounts", ()), mount]
    main["env"] = [*main.get("env", ()), {"name": "KUBECONFIG", "value": path}]
    draft.add("volumes", {"name": volume, "secret": {"secretName": wanted.secret_name}})
