"""Pass: a script's source, from an annotation or, where it is long, a ConfigMap."""

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.names import LABEL_WORKFLOW
from tiphys.pods.draft import SCRIPT_VOLUME, Draft, owner_of

SCRIPT_PATH = "/argo/staging/script"
ANNOTATION_SCRIPT = "tiphys.io/script"
MAX_ANNOTATIONS, MAX_CONFIG_MAP = 200 * 1024, 1024 * 1024 - 4096
"""A pod's annotations hold 256 KiB together, those of others' webhooks included; a ConfigMap holds 1 MiB."""


def script_source(draft: Draft) -> None:
    """Mount the script and run it.

    Raises:
        SpecError: It is longer than a ConfigMap can hold.
    """
    script = draft.template.script
    if script is None or not script.get("source"):
        return
    source = str(script["source"])
    size = len(source.encode())
    others = sum(len(key.encode()) + len(text.encode()) for key, text in draft.annotations.items())
    if size + others <= MAX_ANNOTATIONS:
        draft.annotations[ANNOTATION_SCRIPT] = source
        items = [{"path": "script", "mode": 0o755, "fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION_SCRIPT}']"}}]
        draft.add("volumes", {"name": SCRIPT_VOLUME, "downwardAPI": {"items": items}})
    elif size <= MAX_CONFIG_MAP:
        name = own_config_map(draft, "script", source)
        draft.add("volumes", {"name": SCRIPT_VOLUME, "configMap": {"name": name, "defaultMode": 0o755}})
    else:
        raise SpecError(f"is {size} bytes long, more than the {MAX_CONFIG_MAP} that can be handed on",
                        path=draft.path("script.source"), hint="put it into the image or an artifact")  # fmt: skip
    main = draft.main
    main["volumeMounts"] = [*main.get("volumeMounts", ()), {"name": SCRIPT_VOLUME, "mountPath": "/argo/staging"}]
    if main.get("command"):
        main["args"] = [*main.get("args", ()), SCRIPT_PATH]
    else:
        # the image's own entry point would take the script for an argument: run it by its first line
        main["command"] = [SCRIPT_PATH]


def own_config_map(draft: Draft, key: str, text: str) -> str:
    """Hand a long text on in a ConfigMap under `key`; the ConfigMap's name."""
    meta = draft.workflow.metadata
    name = f"{draft.order.pod_name[: 252 - len(key)]}-{key}"
    config_map: Json = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "data": {key: text},
        "metadata": {
            "name": name,
            "namespace": meta.namespace,
            "ownerReferences": [owner_of(draft.workflow)],
            "labels": {LABEL_WORKFLOW: meta.name},
        },
    }
    draft.config_maps.append(config_map)
    return name
