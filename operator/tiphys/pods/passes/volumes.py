"""Pass: volumes of workflow and template before those of the passes."""

from tiphys.pods.draft import Draft


def volumes(draft: Draft) -> None:
    """All volumes, the workflow's first."""
    draft.spec["volumes"] = [*draft.workflow.spec.volumes, *draft.template.volumes, *draft.spec.get("volumes", ())]
