"""Reads dates as pages print them: "Dec 12", "Apr 10, 2024", "10 April 2024", "2024-04-10".

It decides no missing year (`newsletter.core.papers.dating` does).
"""

from __future__ import annotations

import re

from newsletter.core.papers.listing import PartialDate

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS_IN = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MOST_COMMENTS = 10**9
_YEARS = range(1900, 2101)  # other numbers of four digits after a day count something else
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DATE = re.compile(
    rf"""(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\ )?
    (?:(?P<month>{_MONTH})\.?\ (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\ ?(?<=[ ,])(?P<year>\d{{4}}))?
      |(?P<day_first>\d{{1,2}})(?:st|nd|rd|th)?\ (?P<month_then>{_MONTH})\.?(?:,?\ (?P<year_then>\d{{4}}))?
      |(?P<iso_year>\d{{4}})-(?P<iso_month>\d{{2}})-(?P<iso_day>\d{{2}}))
    (?:\ (?P<count>\d{{1,3}}(?:,\d{{3}})+|\d+(?:\.\d+)?k|\d+)(?:\ comments?)?)?$""",
    re.IGNORECASE | re.VERBOSE,
)
_STARTS = frozenset("JFMASONDjfmasondTWtw0123456789")  # first characters of dates; most lines fail here


def read_date(line: str) -> tuple[PartialDate, int | None] | None:
    """Return the date that fills `line`, and the number of comments printed after it, if any.

    None for any other line, and for a day that is in no calendar.
    """
    if not line or line[0] not in _STARTS or len(line) > 60:
        return None
    match = _DATE.match(line)
    if match is None:
        return None
    month_name = match["month"] or match["month_then"]
    month = _MONTHS.index(month_name[:3].lower()) + 1 if month_name else int(match["iso_month"])
    day = int(match["day"] or match["day_first"] or match["iso_day"])
    year_text = match["year"] or match["year_then"] or match["iso_year"]
    year = int(year_text) if year_text else None
    count = read_count(match["count"]) if match["count"] else None
    if year is not None and year not in _YEARS:
        if count is not None:
            return None
        year, count = None, year
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS_IN[month - 1]:
        return None
    if year is not None and (month, day) == (2, 29) and (year % 4 or (year % 100 == 0 and year % 400)):
        return None
    return PartialDate(month=month, day=day, year=year), count


def read_count(text: str) -> int | None:
    """Read "12", "1,024" or "1.2k"; None for a number that is too large."""
    text = text.lower().replace(",", "")
    number = round(float(text[:-1]) * 1000) if text.endswith("k") else int(text)
    return number if number <= _MOST_COMMENTS else None
