"""When a finished workflow may be deleted.

Source: argo-semantics 21.2.
"""

from datetime import datetime, timedelta

from tiphys.model.phases import FAILED, SUCCEEDED
from tiphys.model.spec import TTLStrategy


def expires_at(ttl: TTLStrategy | None, phase: str, finished_at: datetime | None) -> datetime | None:
    """The end of a finished workflow's time to live; None for never. Phase Error knows `secondsAfterCompletion` only."""
    if ttl is None or finished_at is None:
        return None
    special = {SUCCEEDED: ttl.seconds_after_success, FAILED: ttl.seconds_after_failure}.get(phase)
    seconds = special if special is not None else ttl.seconds_after_completion
    return None if seconds is None else finished_at + timedelta(seconds=seconds)
