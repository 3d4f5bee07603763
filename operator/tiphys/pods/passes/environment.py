"""Pass: variables that every container of a user may rely on. Source: argo-semantics 4.4."""

from tiphys.model.trace import traceparent
from tiphys.pods.draft import Draft

_NO_DEADLINE = "0001-01-01T00:00:00Z"


def environment(draft: Draft) -> None:
    """Names of workflow, node and container, unless the user set them."""
    order = draft.order
    values = {
        "ARGO_NODE_ID": order.node_id,
        "ARGO_WORKFLOW_NAME": draft.workflow.metadata.name,
        "ARGO_INCLUDE_SCRIPT_OUTPUT": "true" if order.wants_result else "false",
        "ARGO_DEADLINE": order.deadline.strftime("%Y-%m-%dT%H:%M:%SZ") if order.deadline else _NO_DEADLINE,
    }
    if draft.settings.is_traced:
        values["TRACEPARENT"] = traceparent(draft.workflow.metadata.uid, order.node_id)
    grace = draft.spec.get("terminationGracePeriodSeconds")
    if grace is not None:
        values["ARGO_TERMINATION_GRACE_PERIOD_SECONDS"] = str(grace)
    for container in draft.containers():
        written = {entry.get("name") for entry in container.get("env", ())}
        wanted = {"ARGO_CONTAINER_NAME": str(container.get("name", "")), **values}
        added = [{"name": name, "value": value} for name, value in wanted.items() if name not in written]
        container["env"] = [*container.get("env", ()), *added]
