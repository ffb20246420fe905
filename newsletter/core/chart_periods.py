"""Divides a stretch of days into periods that a chart can show: days, weeks or months. Looks at no row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

MOST_DAYS = 1096  # three years: 37 months
BY_DAY = 42  # days; up to here each has a bar of its own: six weeks on a phone
BY_WEEK = 366  # days; up to here a bar is a week: 53 of them fit beside a name on a terminal


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

    def place(self, day: date) -> int | None:
        """Which period a day is in, 0 for the oldest; None outside."""
        if not self.since <= day <= self.until:
            return None
        return bisect_right(self.firsts, day) - 1

    def sums(self, counts: Iterable[tuple[date, int]]) -> tuple[int, ...]:
        """Numbers of days summed by period; those of days outside are left out."""
        found = [0] * len(self.firsts)
        for day, number in counts:
            place = self.place(day)
            if place is not None:
                found[place] += number
        return tuple(found)


def covering(days: int, until: date) -> Periods:
    """The periods that hold the last `days` days up to `until`; the first one is whole.

    Raises ValueError when `days` is not from 1 to MOST_DAYS.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"{days} is not from 1 to {MOST_DAYS} days")
    since = until - timedelta(days=days - 1)
    if days <= BY_DAY:
        firsts = tuple(since + timedelta(days=n) for n in range(days))
        return Periods(unit=Unit.DAY, firsts=firsts, until=until)
    if days <= BY_WEEK:
        monday = since - timedelta(days=since.weekday())
        weeks = (until - monday).days // 7 + 1
        firsts = tuple(monday + timedelta(days=7 * n) for n in range(weeks))
        return Periods(unit=Unit.WEEK, firsts=firsts, until=until)
    months = range(since.year * 12 + since.month - 1, until.year * 12 + until.month)
    firsts = tuple(date(month // 12, month % 12 + 1, 1) for month in months)
    return Periods(unit=Unit.MONTH, firsts=firsts, until=until)
