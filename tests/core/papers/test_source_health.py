"""A source is judged by its own history: on real days, and on simulated ones with faults."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest

from newsletter.core.papers.source_health import SourceBatch, SourceState, judge
from tests.shared_data import SHARED, needs_shared

START = date(2026, 3, 2)  # a Monday
KEPT = 90  # batches, as the store hands them over


def batch(
    day: date, new: int, *, hour: float = 9, entries: int | None = None, unread: float = 0
) -> SourceBatch:
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=hour)
    return SourceBatch(
        received_at=at,
        listed_on=day,
        entries=new if entries is None else entries,
        new=new,
        unread_share=unread,
    )


def workdays(number: int, *, start: date = START) -> list[date]:
    days = (start + timedelta(days=n) for n in range(2 * number))
    return [day for day in days if day.weekday() < 5][:number]


def state(batches: Iterable[SourceBatch], day: date, hour: float = 20) -> tuple[SourceState, str]:
    at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=hour)
    health = judge([item for item in batches if item.received_at <= at][-KEPT:], now=at)
    return health.state, health.reason


def usual(number: int = 20, *, seed: int = 1) -> list[SourceBatch]:
    rng = random.Random(seed)
    return [batch(day, rng.randrange(9, 22), hour=rng.uniform(7, 9)) for day in workdays(number)]


def test_usual_days_are_well_on_weekends_too() -> None:
    batches = usual()
    last = batches[-1].listed_on
    assert last.weekday() == 4
    for day in (last, last + timedelta(days=1), last + timedelta(days=2)):
        assert state(batches, day) == (SourceState.OK, "")


def test_nothing_is_said_before_its_habits_are_known() -> None:
    batches = usual(5)
    assert state(batches, batches[-1].listed_on + timedelta(days=30)) == (SourceState.OK, "")


def test_day_without_a_new_paper_is_told_on_that_day() -> None:
    batches = usual()
    monday = batches[-1].listed_on + timedelta(days=3)
    assert state(batches, monday, hour=9) == (SourceState.OK, "")  # it may still come
    found = state(batches, monday, hour=17)
    assert found == (SourceState.QUIET, "no new paper since 2026-03-27, and Monday usually brings some")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (batch(date(2026, 3, 30), 0, entries=14), "the same batch again"),
        (batch(date(2026, 3, 30), 1), "1 new papers on 2026-03-30, where"),
        (batch(date(2026, 3, 30), 12, unread=0.09), "could not be read"),
    ],
    ids=["yesterday's batch", "far fewer", "read worse"],
)
def test_faults_of_a_batch_are_told_on_their_day(fault: SourceBatch, words: str) -> None:
    found = state([*usual(), fault], date(2026, 3, 30))
    assert (found[0], words in found[1]) == (SourceState.STALE, True)


@pytest.mark.parametrize(
    "second",
    [batch(date(2026, 3, 27), 0, entries=15, hour=14), batch(date(2026, 3, 30), 0, entries=2, hour=14)],
)
def test_second_look_at_a_day_is_no_fault(second: SourceBatch) -> None:
    day = second.listed_on
    batches = [*usual(), *([batch(day, 14)] if day > usual()[-1].listed_on else []), second]
    assert state(batches, day) == (SourceState.OK, "")


def test_small_days_next_to_a_holiday_are_no_fault() -> None:
    batches = [batch(day, 14) for day in workdays(20, start=date(2026, 6, 1)) if day < date(2026, 6, 19)]
    assert state([*batches, batch(date(2026, 6, 22), 1)], date(2026, 6, 22)) == (SourceState.OK, "")


def test_failures_are_told_from_the_third_on() -> None:
    at = datetime(2026, 3, 30, 20, tzinfo=UTC)
    assert judge(usual(), now=at.replace(day=27), failures=2, error="503").state is SourceState.OK
    health = judge(usual(), now=at, failures=3, error="the server answered 503")
    assert (health.state, health.reason) == (
        SourceState.FAILING,
        "3 fetches in a row failed: the server answered 503",
    )


@pytest.mark.parametrize("seed", range(5))
def test_twenty_faults_in_ninety_days_are_each_told_within_a_day(seed: int) -> None:
    """Five of each kind: no file, the same batch again, far fewer papers, a page that is read worse."""
    rng = random.Random(seed)
    days = [day for day in workdays(64, start=date(2026, 1, 26)) if day not in {date(2026, 2, 16)}]
    faulty = dict(zip(sorted(rng.sample(days[15:-1], 20)), [*range(4)] * 5, strict=True))
    batches: list[SourceBatch] = []
    told: list[date] = []
    for day in days:
        new = rng.randrange(9, 22)
        fault = faulty.get(day)
        if fault is None:
            batches.append(batch(day, new, hour=rng.uniform(7, 9)))
        elif fault == 1:
            batches.append(batch(day, 0, entries=new))
        elif fault == 2:
            batches.append(batch(day, 1))
        elif fault == 3:
            batches.append(batch(day, new, unread=0.08))
        if state(batches, day, hour=17)[0] is not SourceState.OK:
            told.append(day)
    assert told == sorted(faulty)


@needs_shared
def test_435_real_days_raise_few_alarms() -> None:
    """Days that the collection lacks count as quiet; the others are right."""
    with gzip.open(SHARED / "archive" / "hf-daily-papers-2024-05-27_2026-02-28.jsonl.gz", "rt") as lines:
        days = Counter(json.loads(line)["day"] for line in lines)
    rng = random.Random(3)
    batches = [
        batch(date.fromisoformat(day), new, hour=rng.uniform(8, 10)) for day, new in sorted(days.items())
    ]
    episodes: list[str] = []
    before = SourceState.OK
    day = batches[0].listed_on
    while day <= batches[-1].listed_on:
        found, reason = state(batches, day)
        if found is not before and found is not SourceState.OK:
            episodes.append(f"{day} {found}: {reason}")
        before = found
        day += timedelta(days=1)
    assert len(episodes) <= 3, episodes
