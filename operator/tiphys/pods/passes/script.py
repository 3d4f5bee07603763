"""Pass: a script's source, from an annotation or, where it is long, a ConfigMap."""

from tiphys.model.names import LABEL_WORKFLOW
from tiphys.pods.draft import SCRIPT_VOLUME, Draft, owner_of

SCRIPT_PATH = "/argo/staging/script"
ANNOTATION_SCRIPT = "tiphys.io/script"
MAX_ANNOTATION = 200 * 1024


def script_source(draft: Draft) -> None:
    """Mount the script and run it."""
    script = draft.template.script
    if script is None or not script.get("source"):
        return
    source = str(script["source"])
    if len(source.encode()) <= MAX_ANNOTATION:
        draft.annotations[ANNOTATION_SCRIPT] = source
        items = [{"path": "script", "mode": 0o755, "fieldRef": {"fieldPath": f"metadata.annotations['{ANNOTATION_SCRIPT}']"}}]
        draft.add("volumes", {"name": SCRIPT_VOLUME, "downwardAPI": {"items": items}})
    else:
        name = f"{draft.order.pod_name}-script"[:253]
        meta = draft.workflow.metadata
        workflow = draft.workflow
        owner = owner_of(workflow)
        draft.config_maps.append({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"script": source},
            "metadata": {
                "name": name, "namespace": meta.namespace, "ownerReferences": [owner], "labels": {LABEL_WORKFLOW: meta.name}
            },
        })  # fmt: skip
        draft.add("volumes", {"name": SCRIPT_VOLUME, "configMap": {"name": name, "defaultMode": 0o755}})
    draft.main.setdefault("volumeMounts", [])
    draft.main["volumeMounts"] = [*draft.main["volumeMounts"], {"name": SCRIPT_VOLUME, "mountPath": "/argo/staging"}]
    draft.main["args"] = [*draft.main.get("args", ()), SCRIPT_PATH]
    if not draft.main.get("command"):
        # the image's own entry point would take the script for an argument: run it by its first line
        draft.main["command"] = [SCRIPT_PATH]
        draft.main["args"] = draft.main["args"][:-1]
