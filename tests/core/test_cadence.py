"""Slots: the right instant in every zone, through every jump of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.cadence import (
    Cadence,
    Slot,
    falls_on,
    is_zone,
    last_slot,
    local_instant,
    next_slot,
    slot_on,
    zone_of,
)

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")

cadences = st.builds(
    Cadence,
    kind=st.sampled_from(["daily", "weekdays", "weekly"]),
    weekday=st.sampled_from(["monday", "sunday"]),
    hour=st.integers(0, 23),
    timezone=st.sampled_from(ZONES),
)
instants = st.datetimes(
    min_value=datetime(2011, 1, 1),  # noqa: DTZ001  (hypothesis wants naive bounds)
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "hour", "expected"),
    [
        ("Europe/Berlin", date(2026, 1, 15), 7, "2026-01-15T06:00"),
        ("Europe/Berlin", date(2026, 7, 15), 7, "2026-07-15T05:00"),
        # 02:00 does not exist: the clock jumps from 02:00 to 03:00, which is the next valid instant
        ("Europe/Berlin", date(2026, 3, 29), 2, "2026-03-29T01:00"),
        # 02:00 comes twice: the first one, still in summer time
        ("Europe/Berlin", date(2026, 10, 25), 2, "2026-10-25T00:00"),
        # a jump of half an hour, from 02:00 to 02:30
        ("Australia/Lord_Howe", date(2026, 10, 4), 2, "2026-10-03T15:30"),
        # Samoa skipped the whole of 30 December 2011
        ("Pacific/Apia", date(2011, 12, 30), 7, "2011-12-30T10:00"),
        ("Asia/Kolkata", date(2026, 6, 1), 7, "2026-06-01T01:30"),
    ],
)
def test_local_instant_follows_the_zone(zone: str, day: date, hour: int, expected: str) -> None:
    assert local_instant(day, hour, ZoneInfo(zone)) == utc(expected)


def test_weekdays_skip_the_weekend() -> None:
    weekdays = Cadence(kind="weekdays")
    friday = utc("2026-04-17T07:00")
    assert next_slot(weekdays, friday) == Slot(at=utc("2026-04-20T07:00"), day=date(2026, 4, 20))
    assert last_slot(weekdays, utc("2026-04-19T12:00")) == Slot(at=friday, day=date(2026, 4, 17))


def test_weekly_falls_on_its_day_and_on_monday_when_none_is_given() -> None:
    assert falls_on(Cadence(kind="weekly", weekday="thursday"), date(2026, 4, 16))
    assert not falls_on(Cadence(kind="weekly", weekday="thursday"), date(2026, 4, 17))
    assert falls_on(Cadence(kind="weekly"), date(2026, 4, 20))
    assert slot_on(Cadence(kind="weekly"), date(2026, 4, 21)) is None


def test_a_slot_at_this_very_instant_is_the_last_and_not_the_next() -> None:
    now = utc("2026-04-17T07:00")
    assert last_slot(Cadence(), now).at == now
    assert next_slot(Cadence(), now).at == now + timedelta(days=1)


@given(cadences, instants)
def test_next_and_last_slot_enclose_now_with_nothing_between(cadence: Cadence, now: datetime) -> None:
    before, after = last_slot(cadence, now), next_slot(cadence, now)
    assert before.at <= now < after.at
    assert next_slot(cadence, before.at) == after
    assert last_slot(cadence, after.at) == after
    assert falls_on(cadence, before.day)
    assert falls_on(cadence, after.day)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd"])
def test_zone_that_this_machine_does_not_know_counts_as_utc(name: str) -> None:
    now = datetime(2026, 4, 13, 7, 30, tzinfo=UTC)
    assert not is_zone(name)
    assert zone_of(name) == ZoneInfo("UTC")
    assert last_slot(Cadence(timezone=name), now) == last_slot(Cadence(), now)
    assert next_slot(Cadence(timezone=name), now) == next_slot(Cadence(), now)
