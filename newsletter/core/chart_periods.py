"""Divides a range of days into periods that a chart can show: days, weeks or months. Reads no rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

MAX_DAYS = 1096  # three years are 37 months
MAX_DAYS_BY_DAY = 42  # up to here a bar is a day: six weeks fit on a phone
MAX_DAYS_BY_WEEK = 366  # up to here a bar is a week: 53 fit next to a name on a terminal


class Unit(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"  # from Monday on
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Consecutive periods, the oldest first."""

    unit: Unit
    firsts: tuple[date, ...]  # the first day of each
    until: date  # the last day of all; the last period may not be over yet

    @property
    def since(self) -> date:
        """The first day of all."""
        return self.firsts[0]

    def index_of(self, day: date) -> int | None:
        """The index of the period that a day is in, 0 for the oldest; None outside."""
        if not self.since <= day <= self.until:
            return None
        return bisect_right(self.firsts, day) - 1

    def sums(self, counts: Iterable[tuple[date, int]]) -> tuple[int, ...]:
        """Sums the numbers of days by period; leaves out days outside."""
        found = [0] * len(self.firsts)
        for day, number in counts:
            index = self.index_of(day)
            if index is not None:
                found[index] += number
        return tuple(found)


def periods_covering(days: int, until: date) -> Periods:
    """The periods that hold the last `days` days up to `until`; the first period is whole.

    Raises ValueError when `days` is not from 1 to MAX_DAYS.
    """
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"{days} is not from 1 to {MAX_DAYS} days")
    since = until - timedelta(days=days - 1)
    if days <= MAX_DAYS_BY_DAY:
        firsts = tuple(since + timedelta(days=n) for n in range(days))
        return Periods(unit=Unit.DAY, firsts=firsts, until=until)
    if days <= MAX_DAYS_BY_WEEK:
        monday = since - timedelta(days=since.weekday())
        weeks = (until - monday).days // 7 + 1
        firsts = tuple(monday + timedelta(days=7 * n) for n in range(weeks))
        return Periods(unit=Unit.WEEK, firsts=firsts, until=until)
    months = range(since.year * 12 + since.month - 1, until.year * 12 + until.month)
    firsts = tuple(date(month // 12, month % 12 + 1, 1) for month in months)
    return Periods(unit=Unit.MONTH, firsts=firsts, until=until)
