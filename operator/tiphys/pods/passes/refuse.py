"""Pass: what is not supported yet is refused, never left out."""

from tiphys.errors import SpecError
from tiphys.pods.draft import Draft


def refuse_unsupported(draft: Draft) -> None:
    """Refuse what no pass builds."""
    template = draft.template
    for kind, artifacts in (("inputs", template.inputs.artifacts), ("outputs", template.outputs.artifacts)):
        if artifacts:
            raise SpecError("artifacts are not supported yet", path=draft.path(f"{kind}.artifacts.{artifacts[0].name}"))
    if template.container_set is not None:
        raise SpecError("container sets are not supported yet", path=draft.path("containerSet"))
