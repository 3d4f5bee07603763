from datetime import UTC, datetime, timedelta

import pytest

from tiphys.engine.expiry import expires_at
from tiphys.model.spec import TTLStrategy

END = datetime(2026, 1, 1, tzinfo=UTC)
ALL = TTLStrategy(seconds_after_completion=1, seconds_after_success=2, seconds_after_failure=3)


@pytest.mark.parametrize(
    ("ttl", "phase", "seconds"),
    [
        (None, "Succeeded", None),
        (TTLStrategy(), "Succeeded", None),
        (ALL, "Succeeded", 2),
        (ALL, "Failed", 3),
        (ALL, "Error", 1),
        (TTLStrategy(seconds_after_completion=1), "Succeeded", 1),
        (TTLStrategy(seconds_after_completion=1), "Failed", 1),
        (TTLStrategy(seconds_after_failure=3), "Error", None),
        (TTLStrategy(seconds_after_success=2), "Failed", None),
        (TTLStrategy(seconds_after_completion=9, seconds_after_success=0), "Succeeded", 0),
    ],
)
def test_the_phase_says_which_time_counts(ttl, phase, seconds):
    want = None if seconds is None else END + timedelta(seconds=seconds)
    assert expires_at(ttl, phase, END) == want


def test_a_workflow_without_an_end_does_not_expire():
    assert expires_at(ALL, "Succeeded", None) is None
