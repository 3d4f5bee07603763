"""Pass: variables that every container of a user may rely on. Source: argo-semantics 4.3."""

from tiphys.pods.draft import MAIN, Draft


def environment(draft: Draft) -> None:
    """Names of workflow, node and container, unless the user set them."""
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
