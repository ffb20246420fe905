"""Days, weeks and months: every day asked for is in one period, and no number is lost."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.chart_periods import (
    MAX_DAYS,
    MAX_DAYS_BY_DAY,
    MAX_DAYS_BY_WEEK,
    Periods,
    Unit,
    periods_covering,
)

FRIDAY = date(2026, 4, 17)


def test_few_days_are_shown_one_by_one() -> None:
    assert periods_covering(3, FRIDAY) == Periods(
        unit=Unit.DAY, firsts=(date(2026, 4, 15), date(2026, 4, 16), FRIDAY), until=FRIDAY
    )


def test_weeks_begin_on_monday_and_the_first_is_whole() -> None:
    periods = periods_covering(MAX_DAYS_BY_DAY + 1, FRIDAY)
    assert (periods.unit, periods.since, periods.firsts[-1]) == (
        Unit.WEEK, date(2026, 3, 2), date(2026, 4, 13)
    )  # fmt: skip


def test_months_begin_on_the_first_and_the_first_is_whole() -> None:
    periods = periods_covering(MAX_DAYS_BY_WEEK + 1, FRIDAY)
    assert (periods.unit, periods.since, periods.firsts[-1], len(periods.firsts)) == (
        Unit.MONTH, date(2025, 4, 1), date(2026, 4, 1), 13
    )  # fmt: skip


@pytest.mark.parametrize("days", [0, -1, MAX_DAYS + 1])
def test_too_many_days_or_none_are_refused(days: int) -> None:
    with pytest.raises(ValueError, match=f"{days} is not"):
        periods_covering(days, FRIDAY)


@given(st.integers(1, MAX_DAYS), st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_every_day_is_in_the_period_that_began_last(days: int, until: date) -> None:
    periods = periods_covering(days, until)
    asked = until - timedelta(days=days - 1)
    assert periods.since <= asked < (periods.firsts[1] if len(periods.firsts) > 1 else until + timedelta(1))
    assert all(one < other for one, other in pairwise(periods.firsts))
    every = [periods.since + timedelta(days=n) for n in range((until - periods.since).days + 1)]
    assert [periods.index_of(day) for day in every] == [
        sum(first <= day for first in periods.firsts) - 1 for day in every
    ]
    outside = (periods.since - timedelta(days=1), until + timedelta(days=1))
    assert [periods.index_of(day) for day in outside] == [None, None]
    assert sum(periods.sums([(day, 2) for day in (*every, *outside)])) == 2 * len(every)
