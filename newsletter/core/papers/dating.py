"""Decides the year that a page does not print, for a listing and for its papers.

The rules are those of docs/explanation/sources.md, “The year of a listing”. It reads no file and no clock and
looks nothing up: the caller hands in the years that other dumps print.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from newsletter.core.errors import UsageError
from newsletter.core.papers.listing import ListedOn, PartialDate

GRACE = timedelta(days=2)  # a page from a zone ahead of ours, or saved on a clock that is a little fast
EARLIEST_YEAR = 1991  # of a listing: arXiv began
ENOUGH_PRINTED = 3  # papers with the largest printed year; fewer may be chance
_ISO_DATE = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")


def check_no_future(day: date, *, today: date) -> None:
    """Raise UsageError for a date of a listing that has yet to come. today: in UTC."""
    if day > today + GRACE:
        raise UsageError(
            f"{day} has yet to come: today is {today}", hint="Give the day on which the papers were listed."
        )


def decide_listed_on(
    printed: PartialDate | None,
    *,
    entries_printed: Sequence[PartialDate],
    today: date,
    option: date | None = None,
    filename: str = "",
    known_years: Iterable[int] = (),
) -> ListedOn:
    """Return the date of a listing and how it was found. The page named above has the rules in their order.

    printed: the listing's own date as its header prints it. entries_printed: the dates of its papers. today:
    in UTC. option: the admin's date; it decides alone. filename: searched for an ISO date. known_years: one
    year for each paper whose date lacks the year here, while another dump prints the same day with a year.
    The page was viewed in that year, so one such paper decides alone; of several years the most frequent.

    `guess` is true when the clock alone decided, and when the dates contradict each other. Then the rule that
    a page prints only other years than its own is dropped first, since a page viewed long after its date
    prints that year too. After it the dates of the papers are dropped.
    """
    if option is not None:
        return ListedOn(date=option, source="option")
    named = _date_in(filename)
    if named is not None and named > today + GRACE:
        named = None
    full = _full(printed, today)
    if full is not None:
        return ListedOn(date=full, source="contents")
    candidates = _candidates(printed, today)
    if not candidates:  # no date in the header, or one that is in no calendar
        return (
            ListedOn(date=named, source="filename")
            if named
            else ListedOn(date=today, source="clock", guess=True)
        )

    past = [entry for entry in entries_printed if not _is_later(entry, today + GRACE)]  # later: a misprint
    years = Counter(entry.year for entry in past if entry.year is not None)
    largest = max(years, default=None)
    strict = [day for day in candidates if _may_list(day, past, largest)]
    lenient = [day for day in candidates if _not_before(day, past)]
    left = strict or lenient or candidates
    contradicted = not strict

    for year, _count in Counter(sorted(known_years, reverse=True)).most_common():
        for pool in (left, candidates):
            if known := next((day for day in pool if day.year == year), None):
                return ListedOn(date=known, source="known-papers", guess=contradicted or pool is not left)
    if named is not None:
        nearest = min(left, key=lambda day: (abs(day - named), -day.year))
        return ListedOn(date=nearest, source="filename", guess=contradicted)
    if strict and largest is not None and years[largest] >= ENOUGH_PRINTED:
        following = next((day for day in left if day.year == largest + 1), None)
        if following is not None:
            return ListedOn(date=following, source="contents")
    return ListedOn(date=max(left), source="clock", guess=True)


def resolve_printed(printed: PartialDate, listed_on: date) -> date:
    """Return the full date of a paper printed in a listing of `listed_on`.

    A date without a year gets the year of the listing. A paper is not listed before it is out: when the day
    is later than the listing, or that year does not have it, the latest earlier year that fits is taken.
    Raises ValueError for a day that is in no calendar (the formats let none through).
    """
    if printed.year is not None:
        return date(printed.year, printed.month, printed.day)
    for year in range(
        listed_on.year, listed_on.year - 9, -1
    ):  # 1896 and 1904 are the leap years furthest apart
        found = _on(printed, year)
        if found is not None and found <= listed_on + GRACE:
            return found
    raise ValueError(f"a date that is in no calendar: {printed!r}")


def _on(printed: PartialDate, year: int) -> date | None:
    """The printed day in a given year; None when that year has none (February 29)."""
    try:
        return date(year, printed.month, printed.day)
    except ValueError:
        return None


def _full(printed: PartialDate | None, today: date) -> date | None:
    """The header's date when it prints its year and is not in the future."""
    if printed is None or printed.year is None:
        return None
    full = _on(printed, printed.year)
    return full if full is not None and full <= today + GRACE else None


def _candidates(printed: PartialDate | None, today: date) -> list[date]:
    """The listing's day in each year that has it and is not in the future, oldest first."""
    if printed is None:
        return []
    days = (_on(printed, year) for year in range(EARLIEST_YEAR, (today + GRACE).year + 1))
    return [day for day in days if day is not None and day <= today + GRACE]


def _is_later(entry: PartialDate, limit: date) -> bool:
    return entry.year is not None and (entry.year, entry.month, entry.day) > (
        limit.year,
        limit.month,
        limit.day,
    )


def _may_list(day: date, entries: Sequence[PartialDate], largest: int | None) -> bool:
    """Whether a page of `day` may print these dates: none of its own year, none after it."""
    return (largest is None or day.year > largest) and _not_before(day, entries)


def _not_before(day: date, entries: Sequence[PartialDate]) -> bool:
    """Whether `day` is not before any of these dates, and its year has those printed without a year.

    A date without a year that is later than `day` excludes no candidate: `resolve_printed` takes it for the
    year before.
    """
    for entry in entries:
        if entry.year is None:
            if (entry.month, entry.day) == (2, 29) and _on(entry, day.year) is None:
                return False
        elif (entry.year, entry.month, entry.day) > (day.year, day.month, day.day):
            return False
    return True


def _date_in(filename: str) -> date | None:
    """The first ISO 8601 date in a file's name."""
    for text in _ISO_DATE.findall(filename):
        try:
            return date.fromisoformat(text)
        except ValueError:
            continue  # 2025-13-40: digits of something else
    return None
