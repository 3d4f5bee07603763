"""`submit --from KIND/NAME`: a stored object becomes a workflow.

Source: argo-semantics 14.3.
"""

from typing import Any

from tiphys.cluster.api import Api
from tiphys.errors import SpecError
from tiphys.model.names import LABEL_CLUSTER_WORKFLOW_TEMPLATE, LABEL_CRON_WORKFLOW, LABEL_WORKFLOW_TEMPLATE
from tiphys.model.parse import nearest, parse_as, to_json
from tiphys.model.workflow import CronWorkflow, WorkflowTemplate

_KINDS = {
    "workflowtemplate": "WorkflowTemplate",
    "wftmpl": "WorkflowTemplate",
    "clusterworkflowtemplate": "ClusterWorkflowTemplate",
    "clusterworkflowtmpl": "ClusterWorkflowTemplate",
    "cwft": "ClusterWorkflowTemplate",
    "cronworkflow": "CronWorkflow",
    "cronwf": "CronWorkflow",
    "cwf": "CronWorkflow",
}


def parse_source(text: str) -> tuple[str, str]:
    """Kind and name that `KIND/NAME` means.

    Raises:
        SpecError: It has another form, or the kind is none to submit from.
    """
    kind, slash, name = text.partition("/")
    if not slash or not name:
        raise SpecError(f"--from {text!r}: expected KIND/NAME", hint="for example --from workflowtemplate/hello")
    if kind.lower() not in _KINDS:
        raise SpecError(f"--from {text!r}: unknown kind {kind!r}{nearest(kind, _KINDS)}", hint=f"one of {', '.join(_KINDS)}")
    return _KINDS[kind.lower()], name


async def manifest_from(api: Api, namespace: str, text: str) -> dict[str, Any]:
    """The workflow that submits a stored object.

    Raises:
        SpecError: The text is no source.
        NotFound: There is no such object.
    """
    kind, name = parse_source(text)
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
