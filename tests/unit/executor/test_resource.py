"""How long a resource template waits between two looks."""

from datetime import timedelta

import pytest

from tiphys.errors import UserError
from tiphys.executor.resource import ENV_INTERVAL, poll_interval


@pytest.mark.parametrize(("text", "seconds"), [(None, 2), ("", 2), ("500ms", 0.5), ("1m", 60), ("7", 7)])
def test_the_administrator_says_how_often_objects_are_looked_at(text, seconds):
    assert poll_interval({} if text is None else {ENV_INTERVAL: text}) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["soon", "0", "0s"])
def test_what_is_no_time_to_wait_is_refused_by_name(text):
    with pytest.raises(UserError):
        poll_interval({ENV_INTERVAL: text})
