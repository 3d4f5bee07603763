"""Pass: what is not supported yet is refused, never left out."""

from tiphys.errors import SpecError
from tiphys.pods.draft import Draft


def refuse_unsupported(draft: Draft) -> None:
    """Refuse what no pass builds."""
    template = draft.template
    if template.container_set is not None:
        raise SpecError("container sets are not supported yet", path=draft.path("containerSet"))
