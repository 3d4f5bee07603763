"""Pass: how long the pod may live. Source: argo-semantics 4.5."""

from tiphys.errors import SpecError
from tiphys.pods.draft import Draft

_PAUSES = frozenset({"ARGO_DEBUG_PAUSE_BEFORE", "ARGO_DEBUG_PAUSE_AFTER"})


def deadline(draft: Draft) -> None:
    """`activeDeadlineSeconds`: the template's or what is left of the workflow's; a template's `timeout` overrides both.

    Raises:
        SpecError: The template's is no number.
    """
    order, seconds = draft.order, list[float]()
    own = draft.template.active_deadline_seconds
    if own is not None and str(own).strip():
        try:
            seconds.append(int(str(own).strip()))
        except ValueError as e:
            raise SpecError(f"{own!r} is no number of seconds", path=draft.path("activeDeadlineSeconds")) from e
    if order.deadline is not None:
        seconds.append((order.deadline - draft.now).total_seconds())
    if order.timeout is not None:
        seconds = [(order.timeout - draft.now).total_seconds()]
    if seconds and not _is_paused(draft):
        draft.spec["activeDeadlineSeconds"] = max(1, int(min(seconds)))


def _is_paused(draft: Draft) -> bool:
    return any(entry.get("name") in _PAUSES for entry in draft.main.get("env", ()))
