"""Pass: the container `main` as the user wrote it."""

from tiphys.pods.draft import MAIN, Draft
from tiphys.pods.merge import strategic_merge


def main_container(draft: Draft) -> None:
    """The user's container, over the defaults of the configuration."""
    template = draft.template
    user = template.container or template.script
    if user is None:
        return
    draft.main = strategic_merge(draft.settings.main_container, {**user, "name": MAIN})
    draft.main.pop("source", None)
