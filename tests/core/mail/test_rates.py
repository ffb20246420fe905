from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.mail.rates import Rate, parse_rates

NOW = datetime(2026, 4, 17, 7, 0, tzinfo=UTC)
HOUR = Rate(100, 3600)


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("", ()),
        ("20/second", (Rate(20, 1),)),
        (" 100 / Minute ,5000 per days", (Rate(100, 60), Rate(5000, 86_400))),
        ("1/hour,", (HOUR.__class__(1, 3600),)),
    ],
)
def test_parse_rates_reads_what_people_write(text: str, rates: tuple[Rate, ...]) -> None:
    assert parse_rates(text) == rates


@pytest.mark.parametrize(
    "text", ["20", "0/hour", "20/week", "-1/hour", "1.5/hour", "20/hour 30/day", "∞/day"]
)
def test_parse_rates_names_what_is_no_limit(text: str) -> None:
    with pytest.raises(ValueError, match="no limit: "):
        parse_rates(text)


def test_rates_are_written_as_they_are_read() -> None:
    assert ", ".join(map(str, parse_rates("20/second, 1/day"))) == "20/second, 1/day"


def test_a_rate_lets_all_go_together_and_then_waits_for_the_window() -> None:
    counts: dict[int, int] = {}
    assert HOUR.room(counts, NOW) == 100
    counts[HOUR.slice_at(NOW)] = 100
    assert HOUR.room(counts, NOW + timedelta(minutes=59)) == 0
    opens = HOUR.opens_at(counts, NOW)
    assert opens == NOW + timedelta(minutes=66)  # an hour, and three slices of two minutes
    assert HOUR.room(counts, opens - timedelta(seconds=1)) == 0
    assert HOUR.room(counts, opens) == 100


@given(
    mails=st.integers(1, 20),
    seconds=st.sampled_from([1, 60, 3600]),
    steps=st.lists(st.tuples(st.floats(0, 2), st.integers(1, 30)), max_size=60),
)
def test_a_rate_never_lets_more_go_in_any_window_and_opens_when_it_says(
    mails: int, seconds: int, steps: list[tuple[float, int]]
) -> None:
    rate, at = Rate(mails, seconds), NOW
    counts: dict[int, int] = {}
    gone: list[datetime] = []
    for pause, wanted in steps:
        at += timedelta(seconds=pause * seconds)
        room = rate.room(counts, at)
        opens = rate.opens_at(counts, at)
        assert (room > 0) == (opens == at)
        assert rate.room(counts, opens) > 0
        granted = min(room, wanted)
        counts[rate.slice_at(at)] = counts.get(rate.slice_at(at), 0) + granted
        gone += [at] * granted
    window = timedelta(seconds=seconds)
    assert all(sum(start <= other < start + window for other in gone) <= mails for start in gone)
