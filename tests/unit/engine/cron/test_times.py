"""Schedules by the rules of the standard cron parser, summer time in both directions."""

import json
import pathlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiphys.engine.cron.times import Every, parse_schedule
from tiphys.errors import SpecError

PARIS, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York")


def next_times(text: str, start: str, count: int = 1) -> list[str]:
    at: datetime | None = datetime.fromisoformat(start)
    found = []
    schedule = parse_schedule(text)
    for _ in range(count):
        assert at is not None
        at = schedule.after(at)
        found.append("never" if at is None else at.isoformat())
    return found


@pytest.mark.parametrize(
    ("text", "start", "want"),
    [
        ("* * * * *", "2026-01-01T00:00:30+00:00", "2026-01-01T00:01:00+00:00"),
        ("* * * * *", "2026-01-01T00:01:00+00:00", "2026-01-01T00:02:00+00:00"),
        ("0/15 * * * *", "2026-07-09T14:45:00+00:00", "2026-07-09T15:00:00+00:00"),
        ("20-35/15 * * * *", "2026-07-09T14:45:00+00:00", "2026-07-09T15:20:00+00:00"),
        ("15 3 * * *", "2026-12-31T23:59:59+00:00", "2027-01-01T03:15:00+00:00"),
        ("0 0 29 2 *", "2026-03-01T00:00:00+00:00", "2028-02-29T00:00:00+00:00"),
        ("0 0 * * MON", "2026-11-24T10:00:00+00:00", "2026-11-30T00:00:00+00:00"),
        ("0 0 * Feb Mon", "2026-03-01T00:00:00+00:00", "2027-02-01T00:00:00+00:00"),
        ("0 0 31 * *", "2026-04-01T00:00:00+00:00", "2026-05-31T00:00:00+00:00"),
        ("@yearly", "2026-04-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("@weekly", "2026-11-24T00:00:00+00:00", "2026-11-29T00:00:00+00:00"),
        ("@hourly", "2026-11-24T10:30:00+00:00", "2026-11-24T11:00:00+00:00"),
        ("@every 90m", "2026-11-24T10:30:00.700000+00:00", "2026-11-24T12:00:00+00:00"),
        ("@every 1ms", "2026-11-24T10:30:00+00:00", "2026-11-24T10:30:01+00:00"),
        ("CRON_TZ=Europe/Paris 0 6 * * *", "2026-11-24T00:00:00+00:00", "2026-11-24T05:00:00+00:00"),
        ("TZ=Asia/Kolkata 0 0 * * *", "2026-11-24T00:00:00+00:00", "2026-11-24T18:30:00+00:00"),
    ],
)
def test_the_next_time_is_the_first_that_fits(text: str, start: str, want: str) -> None:
    assert next_times(text, start) == [want]


def test_a_date_that_never_comes_is_never_due() -> None:
    assert next_times("0 0 30 2 *", "2026-01-01T00:00:00+00:00") == ["never"]


def test_two_restricted_days_are_due_on_either() -> None:
    assert next_times("0 0 15 * MON", "2026-11-10T00:00:00+00:00", 3) == [
        "2026-11-15T00:00:00+00:00",
        "2026-11-16T00:00:00+00:00",
        "2026-11-23T00:00:00+00:00",
    ]


def test_an_open_day_leaves_the_other_alone_to_decide() -> None:
    assert next_times("0 0 */1 * MON", "2026-11-10T00:00:00+00:00", 2) == ["2026-11-16T00:00:00+00:00", "2026-11-23T00:00:00+00:00"]


def test_a_step_over_all_days_restricts_them() -> None:
    # every second day of the month, or a Monday
    assert next_times("0 0 */2 * MON", "2026-11-15T12:00:00+00:00", 2) == ["2026-11-16T00:00:00+00:00", "2026-11-17T00:00:00+00:00"]


def test_a_time_left_out_in_spring_is_skipped() -> None:
    start = datetime(2026, 3, 8, 0, 0, tzinfo=NEW_YORK)
    got = parse_schedule("30 2 * * *").after(start)
    assert got == datetime(2026, 3, 9, 2, 30, tzinfo=NEW_YORK)


def test_an_hourly_schedule_goes_on_through_spring() -> None:
    at: datetime | None = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    seen = []
    for _ in range(3):
        assert at is not None
        at = parse_schedule("0 * * * *", PARIS).after(at)
        assert at is not None
        seen.append(at.astimezone(PARIS).hour)
    assert seen == [3, 4, 5]


def test_a_repeated_hour_in_autumn_is_due_twice() -> None:
    schedule = parse_schedule("30 1 * * *", NEW_YORK)
    first = schedule.after(datetime(2026, 11, 1, 4, 0, tzinfo=UTC))
    assert first == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    second = schedule.after(first)
    assert second == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("* * * *", "expected exactly 5 fields, found 4"),
        ("* * * * * *", "seconds are not supported"),
        ("60 * * * *", "60 is not between 0 and 59"),
        ("* 24 * * *", "24 is not between 0 and 23"),
        ("* * 0 * *", "0 is not between 1 and 31"),
        ("* * * 13 *", "13 is not between 1 and 12"),
        ("* * * * 7", "7 is not between 0 and 6"),
        ("5-3 * * * *", "beyond its end"),
        ("*/0 * * * *", "positive"),
        ("x * * * *", "as a number"),
        ("* * * * fri-mon", "beyond its end"),
        ("* * L * *", "as a number"),
        ("@never", "unrecognized descriptor"),
        ("@every soon", "invalid duration"),
        ("CRON_TZ=Mars/Olympus * * * * *", "bad location"),
    ],
)
def test_what_is_no_schedule_is_told(text: str, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        parse_schedule(text)


@given(
    st.integers(1_577_836_800, 1_893_456_000).flatmap(
        lambda seconds: st.sampled_from([UTC, PARIS, NEW_YORK]).map(lambda place: datetime.fromtimestamp(seconds, place))
    ),
    st.sampled_from(["* * * * *", "*/7 3-20 * * *", "0 0 1 * *", "30 2 * * 1-5", "@hourly", "17 1,2,3 * 3,10,11 *"]),
)
def test_the_next_time_is_later_and_nothing_fits_between(at: datetime, text: str) -> None:
    schedule = parse_schedule(text)
    found = schedule.after(at)
    assert found is not None
    assert found.timestamp() > at.timestamp()  # wall clocks repeat themselves
    just_before = found.astimezone(UTC) - timedelta(seconds=1)  # a wall clock may have no such second
    if just_before.astimezone(UTC) >= at.astimezone(UTC):
        assert schedule.after(just_before.astimezone(at.tzinfo)) == found


def test_every_keeps_its_distance() -> None:
    assert parse_schedule("@every 2h") == Every(timedelta(hours=2))


def test_a_change_of_half_an_hour_leaves_no_day_out() -> None:
    place = ZoneInfo("Australia/Lord_Howe")
    schedule = parse_schedule("0 3 * * *", place)
    at: datetime | None = datetime(2026, 10, 2, 12, 0, tzinfo=UTC)
    days = []
    for _ in range(3):
        assert at is not None
        at = schedule.after(at)
        assert at is not None
        days.append(at.astimezone(place).strftime("%d %H:%M"))
    assert days == ["03 03:00", "04 03:00", "05 03:00"]


def test_argos_own_library_gives_the_same_times() -> None:
    """The answers of the Go library that Argo uses (`tests/oracle/cron`), around every kind of change of the clock."""
    wrong = []
    for case in json.loads((pathlib.Path(__file__).parent / "corpus.json").read_text()):
        try:
            schedule = parse_schedule(case["schedule"])
        except SpecError:
            got = None
        else:
            at: datetime | None = datetime.fromisoformat(case["start"]).astimezone(ZoneInfo(case["zone"]))
            got = []
            while at is not None and len(got) < 4:
                at = schedule.after(at)
                got.append("never" if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if got != (None if case.get("refused") else case["due"]):
            wrong.append((case, got))
    assert wrong == []
