"""Pass: the container of a resource template."""

import json

import msgspec

from tiphys.model.parse import to_json
from tiphys.model.template import Template
from tiphys.pods.draft import MAIN, Draft
from tiphys.pods.passes.executor import executor_container

ANNOTATION_RESOURCE = "tiphys.io/resource-template"


def resource_container(draft: Draft) -> None:
    """The executor, told what to do by an annotation."""
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
    main = executor_container(draft, MAIN, ["tiphys", "executor", "resource"])
    draft.main = {**main, "env": [*main.get("env", ()), *env]}
