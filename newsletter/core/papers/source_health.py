"""Judges a source by its own history: quiet, stale, thin, or read worse than before. Reads no clock.

A source has its days: the weekdays on which it brought new papers lately, and the hour by which they were
there. Weekends and the holidays of the United States, which arXiv and Hugging Face keep, expect nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from statistics import median, quantiles

import holidays

MIN_DAYS = 8  # with new papers; with fewer nothing is known of a source's habits
WEEKDAY_WEEKS = 6  # weeks that are looked at for the weekdays of a source
WEEKDAY_SHARE = 0.5  # of these weeks' days; a weekday with new papers on fewer of them expects none
GRACE = timedelta(hours=6)  # after the hour by which new papers were usually there
VERY_THIN_SHARE = 0.15  # of the usual number of new papers: a day with fewer is told at once
THIN_SHARE = 0.4  # three such days in a row are told; one or two are common
STALE_ENTRIES = 3  # a batch with fewer says nothing when all are known
UNREAD_FLOOR, UNREAD_TIMES = 0.04, 4  # share of a dump that is unread, and times the usual share
FAILURES = 3  # fetches in a row


class SourceState(StrEnum):
    """How a source is."""

    OK = "ok"
    QUIET = "quiet"  # no new paper in the usual time
    STALE = "stale"  # the same batch again, far fewer papers, or a dump that was read worse than usual
    FAILING = "failing"  # it cannot be fetched, or its dumps are refused


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBatch:
    """One ingested dump of a source."""

    received_at: datetime  # aware
    listed_on: date
    entries: int
    new: int
    unseen: int = 0  # papers that this source had not listed before, of the latest batch; others may have
    unread_share: float = 0.0  # of its lines or records


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """The state of a source and its habits."""

    state: SourceState
    reason: str = ""  # one sentence without a full stop; when it is ok, mostly empty
    usual: int | None = None  # new papers of a usual day; None: not known yet
    last_dump_at: datetime | None = None
    last_new_paper_at: datetime | None = None


def judge(
    batches: Sequence[SourceBatch], *, now: datetime, failures: int = 0, error: str = ""
) -> SourceHealth:
    """The health of a source. batches: the latest ones, the oldest first. failures: fetches in a row."""
    fresh = [batch for batch in batches if batch.new]
    per_day: Counter[date] = Counter()
    for batch in fresh:
        per_day[batch.received_at.astimezone(UTC).date()] += batch.new
    known = len(per_day) >= MIN_DAYS
    usual = round(median(per_day.values())) if known else None
    state, reason = SourceState.OK, ""
    if failures >= FAILURES:
        state, reason = SourceState.FAILING, f"{failures} fetches in a row failed: {error}"
    elif (words := _stale(batches) or (_read_worse(batches) if len(batches) >= MIN_DAYS else "")) or (
        known and (words := _thin(batches, per_day, now=now))
    ):
        state, reason = SourceState.STALE, words
    elif known and (words := _quiet(fresh, per_day, now=now)):
        state, reason = SourceState.QUIET, words
    elif failures:
        reason = f"the latest fetch failed: {error}"  # one or two are the network's
    return SourceHealth(
        state=state,
        reason=reason,
        usual=usual,
        last_dump_at=batches[-1].received_at if batches else None,
        last_new_paper_at=fresh[-1].received_at if fresh else None,
    )


def _stale(batches: Sequence[SourceBatch]) -> str:
    """The newest batch bears a new date and holds only what this source had listed before."""
    if len(batches) < 2 or batches[-1].entries < STALE_ENTRIES:
        return ""
    last = batches[-1]
    if last.new or last.unseen or last.listed_on <= max(batch.listed_on for batch in batches[:-1]):
        return ""  # the same day once more: a second look, not a second batch
    return (
        f"the listing of {last.listed_on} holds {last.entries} papers and none is new: the same batch again"
    )


def _read_worse(batches: Sequence[SourceBatch]) -> str:
    usual = median(batch.unread_share for batch in batches[:-1])
    share = batches[-1].unread_share
    if share <= max(UNREAD_FLOOR, UNREAD_TIMES * usual):
        return ""
    return f"{share:.0%} of the latest dump could not be read, {usual:.0%} usually: the page may have changed"


def _thin(batches: Sequence[SourceBatch], per_day: Counter[date], *, now: datetime) -> str:
    """Far fewer papers on the latest days than on others; only once the day's usual hour has passed.

    Days next to a holiday are small in all years, so they say nothing.
    """
    days = sorted(per_day)
    off = _days_off(days[0].year, days[-1].year + 1)
    ordinary = [day for day in days if not _near_holiday(day, off)]
    if not ordinary or ordinary[-1] != days[-1] or len(ordinary) <= MIN_DAYS:
        return ""
    if now < _due(days[-1], [batch for batch in batches if batch.new]):
        return ""
    usual = median(per_day[day] for day in ordinary[:-1])
    shares = [per_day[day] / usual for day in ordinary[-3:]]
    if shares[-1] >= VERY_THIN_SHARE and max(shares) >= THIN_SHARE:
        return ""
    return f"{per_day[days[-1]]} new papers on {days[-1]}, where {round(usual)} are usual"


def _near_holiday(day: date, off: holidays.HolidayBase) -> bool:
    """Whether a holiday is at most one working day away; the days from Christmas to New Year count too."""
    near = [day]
    for step in (timedelta(days=1), timedelta(days=-1)):
        other = day + step
        while other.weekday() > 4:
            near.append(other)
            other += step
        near.append(other)
    return any(other in off for other in near) or (day.month, day.day) >= (12, 24)


def _quiet(fresh: Sequence[SourceBatch], per_day: Counter[date], *, now: datetime) -> str:
    """A day that usually brings new papers has passed without one."""
    expected = _weekdays(per_day)
    off = _days_off(min(per_day).year, now.year)
    last = max(per_day)
    day = last + timedelta(days=1)
    while day <= now.date():
        if day.weekday() in expected and day not in off and now >= _due(day, fresh):
            return f"no new paper since {last}, and {day:%A} usually brings some"
        day += timedelta(days=1)
    return ""


def _weekdays(per_day: Counter[date]) -> set[int]:
    """The weekdays that usually bring new papers."""
    newest = max(per_day)
    since = max(newest - timedelta(weeks=WEEKDAY_WEEKS), min(per_day))
    weeks = max(1.0, ((newest - since).days + 1) / 7)
    counts = Counter(day.weekday() for day in per_day if day >= since)
    return {weekday for weekday, count in counts.items() if count >= WEEKDAY_SHARE * weeks}


def _due(day: date, fresh: Sequence[SourceBatch]) -> datetime:
    """The instant by which the new papers of a day are there, with the grace."""
    hours = [_hours(batch.received_at) for batch in fresh]
    usual = quantiles(hours, n=10)[-1] if len(hours) > 1 else 24.0
    return datetime.combine(day, time(), UTC) + timedelta(hours=usual) + GRACE


def _hours(at: datetime) -> float:
    local = at.astimezone(UTC)
    return local.hour + local.minute / 60


def _days_off(first: int, last: int) -> holidays.HolidayBase:
    return holidays.country_holidays("US", years=range(first, last + 1))
