"""Pass: how long the pod may live."""

from tiphys.errors import SpecError
from tiphys.pods.draft import Draft


def deadline(draft: Draft) -> None:
    """`activeDeadlineSeconds`, the nearest of all."""
    seconds: list[int] = []
    own = draft.template.active_deadline_seconds
    if own is not None and str(own).strip():
        try:
            seconds.append(int(str(own).strip()))
        except ValueError as e:
            raise SpecError(f"{own!r} is no number of seconds", path=draft.path("activeDeadlineSeconds")) from e
    if draft.order.deadline is not None:
        seconds.append(max(1, int((draft.order.deadline - draft.now).total_seconds())))
    if seconds:
        draft.spec["activeDeadlineSeconds"] = max(1, min(seconds))
