"""A stored object becomes a workflow: `submit --from KIND/NAME`, and the server's `submit`.

Source: argo-semantics 14.3.
"""

from typing import Any

from tiphys.cluster.api import Api
from tiphys.errors import SpecError
from tiphys.model.names import LABEL_CLUSTER_WORKFLOW_TEMPLATE, LABEL_CRON_WORKFLOW, LABEL_WORKFLOW_TEMPLATE
from tiphys.model.parse import nearest, parse_as, to_json
from tiphys.model.workflow import CronWorkflow, WorkflowTemplate

_NAMES = {
    "WorkflowTemplate": ("workflowtemplate", "workflowtemplates", "wftmpl"),
    "ClusterWorkflowTemplate": (
        "clusterworkflowtemplate", "clusterworkflowtemplates", "clusterworkflowtmpl", "clusterwftmpl", "cwft",
    ),
    "CronWorkflow": ("cronworkflow", "cronworkflows", "cronwf", "cwf"),
}  # fmt: skip
_KINDS = {name: kind for kind, names in _NAMES.items() for name in names}


def kind_named(word: str) -> str | None:
    """The kind to submit from that a word means: kind, plural or short name in any case; None for no such kind."""
    return _KINDS.get(word.lower())


def parse_source(text: str) -> tuple[str, str]:
    """Kind and name that `KIND/NAME` means.

    Raises:
        SpecError: It has another form, or the kind is none to submit from.
    """
    kind, slash, name = text.partition("/")
    if not slash or not name:
        raise SpecError(f"--from {text!r}: expected KIND/NAME", hint="for example --from workflowtemplate/hello")
    found = kind_named(kind)
    if found is None:
        raise SpecError(f"--from {text!r}: unknown kind {kind!r}{nearest(kind, _KINDS)}", hint=f"one of {', '.join(_KINDS)}")
    return found, name


async def manifest_from(api: Api, namespace: str, text: str) -> dict[str, Any]:
    """The workflow that submits a stored object.

    Raises:
        SpecError: The text is no source.
        NotFound: There is no such object.
    """
    return await manifest_of(api, namespace, *parse_source(text))


async def manifest_of(api: Api, namespace: str, kind: str, name: str) -> dict[str, Any]:
    """The workflow that submits the stored object of this kind and name.

    Raises:
        NotFound: There is no such object.
    """
    raw = await api.read(kind, namespace, name)
    meta: dict[str, Any] = {"generateName": f"{name}-"}
    if kind == "CronWorkflow":
        cron = parse_as(CronWorkflow, raw)
        given = cron.spec.workflow_metadata
        meta |= {"labels": {**given.labels, LABEL_CRON_WORKFLOW: name}, "annotations": dict(given.annotations)}
        return _workflow(meta, to_json(cron.spec.workflow_spec))
    parse_as(WorkflowTemplate, raw)
    is_cluster = kind == "ClusterWorkflowTemplate"
    meta["labels"] = {LABEL_CLUSTER_WORKFLOW_TEMPLATE if is_cluster else LABEL_WORKFLOW_TEMPLATE: name}
    return _workflow(meta, {"workflowTemplateRef": {"name": name, **({"clusterScope": True} if is_cluster else {})}})


def _workflow(meta: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta, "spec": spec}
