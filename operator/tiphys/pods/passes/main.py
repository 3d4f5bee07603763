"""Pass: the container `main` as the user wrote it."""

from tiphys.pods.draft import MAIN, Draft, filled
from tiphys.pods.merge import strategic_merge


def main_container(draft: Draft) -> None:
    """The user's container, over the defaults of the configuration (`mainContainer`)."""
    user = draft.template.container or draft.template.script
    if user is None:
        return
    merged = strategic_merge(draft.settings.main_container, {**user, "name": MAIN}, draft.path("container"))
    draft.main = filled({key: value for key, value in merged.items() if key != "source"})
