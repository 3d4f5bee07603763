"""The next starts of schedules, as the page shows them."""

from datetime import UTC, datetime

import pytest

from tiphys.errors import SpecError
from tiphys.server.upcoming import upcoming

NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


def _hours(schedules: list[str], zone: str, count: int) -> list[str]:
    return [one.astimezone(UTC).strftime("%d %H:%M") for one in upcoming(schedules, zone, NOW, count)]


def test_several_schedules_are_told_together_and_each_time_once() -> None:
    assert _hours(["0 13 * * *", "*/30 12-13 * * *"], "", 3) == ["28 12:30", "28 13:00", "28 13:30"]


def test_the_time_zone_counts_and_so_does_its_change_of_hours() -> None:
    assert _hours(["30 6 * * *"], "Europe/Berlin", 2) == ["29 04:30", "30 04:30"]
    assert _hours(["30 6 * * *"], "", 1) == ["29 06:30"]


def test_a_day_that_never_comes_has_no_next_start() -> None:
    assert _hours(["0 0 30 2 *"], "", 3) == []


def test_what_cannot_be_read_is_told() -> None:
    with pytest.raises(SpecError):
        upcoming(["not a schedule"], "", NOW, 1)
    with pytest.raises(SpecError):
        upcoming(["* * * * *"], "Nowhere/City", NOW, 1)
