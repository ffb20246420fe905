from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.papers.listing import PartialDate
from newsletter.sources.printed_dates import read_count, read_date

DATES = {
    "Dec 12": ((12, 12, None), None),
    "Apr 10, 2024": ((4, 10, 2024), None),
    "May 23, 2024 1": ((5, 23, 2024), 1),
    "Aug 5 4": ((8, 5, None), 4),
    "Aug 5 2024": ((8, 5, 2024), None),
    "Aug 5 3024": ((8, 5, None), 3024),
    "Aug 5, 2024 1,024": ((8, 5, 2024), 1024),
    "Aug 5 1.2k": ((8, 5, None), 1200),
    "Aug 5 2 comments": ((8, 5, None), 2),
    "Sept. 10, 2024": ((9, 10, 2024), None),
    "September 10th": ((9, 10, None), None),
    "10 Sep 2024": ((9, 10, 2024), None),
    "Fri, Dec 12": ((12, 12, None), None),
    "2024-09-10 3": ((9, 10, 2024), 3),
    "Feb 29": ((2, 29, None), None),
    "Feb 29, 2024": ((2, 29, 2024), None),
}
NO_DATES = [
    "",
    "Dec",
    "Dec 32",
    "Feb 30",
    "Feb 29, 2023",
    "Dec 12 and more",
    "Dec 12 at night",
    "Mayday 5",
    "12",
    "2024",
]


@pytest.mark.parametrize(("line", "expected"), DATES.items(), ids=DATES)
def test_printed_date_is_read(line: str, expected: tuple[tuple[int, int, int | None], int | None]) -> None:
    (month, day, year), count = expected
    assert read_date(line) == (PartialDate(month=month, day=day, year=year), count)


@pytest.mark.parametrize("line", NO_DATES)
def test_other_line_is_no_date(line: str) -> None:
    assert read_date(line) is None


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.none() | st.integers(0, 999))
def test_any_date_reads_back(day: date, count: int | None) -> None:
    line = f"{day:%b} {day.day}, {day.year}" + (f" {count}" if count is not None else "")
    assert read_date(line) == (PartialDate(month=day.month, day=day.day, year=day.year), count)


def test_counts_that_are_too_large_are_none() -> None:
    assert [read_count(text) for text in ("1000000000", "1000000001", "1000000.1k")] == [10**9, None, None]
    assert read_date("Apr 13 99999999999") == (PartialDate(month=4, day=13, year=None), None)


def test_counts_are_read() -> None:
    assert [read_count(text) for text in ("12", "1,024", "1.2k", "3K")] == [12, 1024, 1200, 3000]
