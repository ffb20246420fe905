from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.core.papers.dating import decide_listed_on, resolve_printed
from newsletter.core.papers.listing import ListedOn, PartialDate

TODAY = date(2026, 11, 22)


def on(month: int, day: int, year: int | None = None) -> PartialDate:
    return PartialDate(month=month, day=day, year=year)


def old(*years: int) -> list[PartialDate]:
    return [on(6, 1, year) for year in years]


DEC_12 = on(12, 12)
OCT_29 = on(10, 29)
MAR_11 = on(3, 11)

CASES = {
    # the option decides alone
    "option": (
        {"printed": DEC_12, "option": date(2024, 12, 12), "entries_printed": old(2024, 2024, 2024)},
        ListedOn(date=date(2024, 12, 12), source="option"),
    ),
    "option on another day": (
        {"printed": DEC_12, "option": date(2024, 12, 13)},
        ListedOn(date=date(2024, 12, 13), source="option"),
    ),
    # contents: the year after the largest printed one, when that occurs three times
    "three of the year before": (
        {"printed": OCT_29, "entries_printed": [*old(2013, 2024, 2024, 2024), on(7, 16), on(9, 26)]},
        ListedOn(date=date(2025, 10, 29), source="contents"),
    ),
    "twice is chance": (
        {"printed": OCT_29, "entries_printed": old(2013, 2024, 2024)},
        ListedOn(date=date(2026, 10, 29), source="clock", guess=True),
    ),
    "year printed in the header": (
        {"printed": on(12, 12, 2024), "entries_printed": old(2023, 2023, 2023)},
        ListedOn(date=date(2024, 12, 12), source="contents"),
    ),
    # the clock: the latest day that is not in the future
    "nothing but the day": (
        {"printed": MAR_11},
        ListedOn(date=date(2026, 3, 11), source="clock", guess=True),
    ),
    "today": ({"printed": on(11, 22)}, ListedOn(date=TODAY, source="clock", guess=True)),
    "two days ahead": (
        {"printed": on(11, 24)},
        ListedOn(date=date(2026, 11, 24), source="clock", guess=True),
    ),
    "three days ahead": (
        {"printed": on(11, 25)},
        ListedOn(date=date(2025, 11, 25), source="clock", guess=True),
    ),
    "over the turn of the year": (
        {"printed": on(1, 1), "today": date(2026, 12, 31)},
        ListedOn(date=date(2027, 1, 1), source="clock", guess=True),
    ),
    "leap day": (
        {"printed": on(2, 29)},
        ListedOn(date=date(2024, 2, 29), source="clock", guess=True),
    ),
    "leap day by contents": (
        {"printed": on(2, 29), "entries_printed": old(2019, 2019, 2019)},
        ListedOn(date=date(2020, 2, 29), source="contents"),
    ),
    "leap day, and the year after has none": (
        {"printed": on(2, 29), "entries_printed": old(2020, 2020, 2020)},
        ListedOn(date=date(2024, 2, 29), source="clock", guess=True),
    ),
    "a paper of a leap day without a year": (
        {"printed": MAR_11, "entries_printed": [on(2, 29)]},
        ListedOn(date=date(2024, 3, 11), source="clock", guess=True),
    ),
    # the file's name
    "date in the file's name": (
        {"printed": on(4, 13), "filename": "2024-04-13.txt"},
        ListedOn(date=date(2024, 4, 13), source="filename"),
    ),
    "nearest to the date in the file's name": (
        {"printed": on(12, 31), "filename": "saved 2025-01-02 by me.txt"},
        ListedOn(date=date(2024, 12, 31), source="filename"),
    ),
    "the name beats contents": (
        {"printed": OCT_29, "filename": "2026-10-29.txt", "entries_printed": old(2024, 2024, 2024)},
        ListedOn(date=date(2026, 10, 29), source="filename"),
    ),
    "digits that are no date": (
        {"printed": MAR_11, "filename": "000_3e8dfadb474fb505-20251212-2025-13-40.txt"},
        ListedOn(date=date(2026, 3, 11), source="clock", guess=True),
    ),
    "a name from the future": (
        {"printed": MAR_11, "filename": "2031-03-11.txt"},
        ListedOn(date=date(2026, 3, 11), source="clock", guess=True),
    ),
    # other dumps
    "known elsewhere with its year": (
        {"printed": OCT_29, "filename": "2026-10-29.txt", "known_years": [2025]},
        ListedOn(date=date(2025, 10, 29), source="known-papers"),
    ),
    "of several the most frequent": (
        {"printed": OCT_29, "known_years": [2024, 2025, 2024]},
        ListedOn(date=date(2024, 10, 29), source="known-papers"),
    ),
    "of as many the latest": (
        {"printed": OCT_29, "known_years": [2024, 2025]},
        ListedOn(date=date(2025, 10, 29), source="known-papers"),
    ),
    "known of a year that cannot be": (
        {"printed": DEC_12, "known_years": [2026]},
        ListedOn(date=date(2025, 12, 12), source="clock", guess=True),
    ),
    "known year against printed dates": (
        {"printed": OCT_29, "known_years": [2024], "entries_printed": old(2024, 2024, 2024)},
        ListedOn(date=date(2024, 10, 29), source="known-papers", guess=True),
    ),
    # contradictions
    "viewed in the year after": (
        {"printed": DEC_12, "entries_printed": [*old(2025, 2025, 2025), on(12, 10, 2025)]},
        ListedOn(date=date(2025, 12, 12), source="clock", guess=True),
    ),
    "viewed in the year after, by name": (
        {"printed": DEC_12, "filename": "2025-12-12.txt", "entries_printed": old(2025)},
        ListedOn(date=date(2025, 12, 12), source="filename", guess=True),
    ),
    "a paper later than any possible day": (
        {"printed": DEC_12, "entries_printed": [on(11, 1, 2026)]},
        ListedOn(date=date(2025, 12, 12), source="clock", guess=True),
    ),
    "a misprint of the future tells nothing": (
        {"printed": OCT_29, "entries_printed": [*old(2024, 2024, 2024), on(1, 1, 2099)]},
        ListedOn(date=date(2025, 10, 29), source="contents"),
    ),
    "a header of the future": (
        {"printed": on(12, 12, 2099), "entries_printed": old(2024, 2024, 2024)},
        ListedOn(date=date(2025, 12, 12), source="contents"),
    ),
    # no date in the header
    "no date": ({"printed": None}, ListedOn(date=TODAY, source="clock", guess=True)),
    "no date but a name": (
        {"printed": None, "filename": "2025-12-12.txt"},
        ListedOn(date=date(2025, 12, 12), source="filename"),
    ),
    "no date but an option": (
        {"printed": None, "option": date(2025, 1, 1), "filename": "2025-12-12.txt"},
        ListedOn(date=date(2025, 1, 1), source="option"),
    ),
    "no such day": ({"printed": on(2, 30)}, ListedOn(date=TODAY, source="clock", guess=True)),
}


@pytest.mark.parametrize(("given_values", "expected"), CASES.values(), ids=CASES)
def test_listing_date_is_decided_by_the_rules_in_their_order(
    given_values: dict[str, object], expected: ListedOn
) -> None:
    values = {"entries_printed": [], "today": TODAY} | given_values
    printed = values.pop("printed")
    assert decide_listed_on(printed, **values) == expected  # type: ignore[arg-type]


partial_dates = st.builds(
    PartialDate,
    month=st.integers(1, 12),
    day=st.integers(1, 31),
    year=st.none() | st.integers(1950, 2040),
)


@given(
    printed=st.none() | partial_dates,
    entries=st.lists(partial_dates),
    today=st.dates(date(2000, 1, 1), date(2035, 1, 1)),
    filename=st.sampled_from(["x.txt", "2025-12-12.txt", "1990-01-01.txt"]),
    known=st.lists(st.integers(1990, 2040), max_size=3),
)
def test_any_dates_give_a_day_that_is_printed_and_not_in_the_future(
    printed: PartialDate | None, entries: list[PartialDate], today: date, filename: str, known: list[int]
) -> None:
    found = decide_listed_on(
        printed, entries_printed=entries, today=today, filename=filename, known_years=known
    )
    assert (found.date - today).days <= 2
    if printed is not None and (found.date.month, found.date.day) != (printed.month, printed.day):
        assert (found.source, printed.month, printed.day > 28) in [
            ("clock", printed.month, True),
            ("filename", printed.month, True),
        ]


RESOLVED = {
    "its own year": (on(4, 10, 2024), date(2025, 12, 12), date(2024, 4, 10)),
    "the listing's year": (on(10, 29), date(2025, 12, 12), date(2025, 10, 29)),
    "the listing's day": (on(12, 12), date(2025, 12, 12), date(2025, 12, 12)),
    "two days ahead": (on(12, 14), date(2025, 12, 12), date(2025, 12, 14)),
    "later than the listing": (on(12, 15), date(2025, 12, 12), date(2024, 12, 15)),
    "leap day": (on(2, 29), date(2024, 3, 11), date(2024, 2, 29)),
    "leap day in another year": (on(2, 29), date(2025, 3, 11), date(2024, 2, 29)),
}


@pytest.mark.parametrize(("printed", "listed_on", "expected"), RESOLVED.values(), ids=RESOLVED)
def test_printed_date_resolves_by_the_listing(printed: PartialDate, listed_on: date, expected: date) -> None:
    assert resolve_printed(printed, listed_on) == expected


def test_day_that_is_in_no_calendar_is_an_error() -> None:
    with pytest.raises(ValueError, match="in no calendar"):
        resolve_printed(on(2, 30), TODAY)
