"""Which facts are an alarm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from newsletter.core.alarms import (
    AlarmPolicy,
    DumpFacts,
    Facts,
    RestingRelay,
    StuckFile,
    alarms_of,
    expected_time,
)
from newsletter.core.papers.source_health import SourceHealth, SourceState

WEDNESDAY = datetime(2026, 4, 15, 12, tzinfo=UTC)
FRIDAY = datetime(2026, 4, 17, 12, tzinfo=UTC)
WELL = Facts(
    now=WEDNESDAY,
    last_dump_at=WEDNESDAY - timedelta(hours=5),
    dumps=(),
    held_editions=(),
    held_because={},
    waiting_since=None,
    waiting=0,
    failed=0,
    failed_because="",
    failed_requests=0,
    free_bytes=10**12,
)


def dump(number: int, entries: int = 40, *, held: bool = False, format_: str = "a") -> DumpFacts:
    return DumpFacts(
        file=f"{number}.txt",
        sha256=f"{number:012}" + "0" * 52,
        format=format_,
        entries=entries,
        is_held=held,
        error="a third of it cannot be read" if held else "",
    )


def keys(facts: Facts, policy: AlarmPolicy | None = None) -> list[str]:
    return [alarm.key for alarm in alarms_of(facts, policy or AlarmPolicy())]


def test_no_alarm_when_all_is_well() -> None:
    assert keys(WELL) == []
    assert keys(replace(WELL, last_dump_at=None, free_bytes=None)) == []


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (FRIDAY, FRIDAY + timedelta(hours=10), 10),
        (FRIDAY, FRIDAY + timedelta(days=3), 24),  # half of Friday, half of Monday
        (FRIDAY + timedelta(days=1), FRIDAY + timedelta(days=2), 0),
        (FRIDAY, FRIDAY + timedelta(days=7), 5 * 24),
        (FRIDAY, FRIDAY - timedelta(days=1), 0),
    ],
)
def test_weekends_do_not_count(start: datetime, end: datetime, hours: int) -> None:
    assert expected_time(start, end, zone="UTC", weekends=True) == timedelta(hours=hours)


def test_weekends_are_those_of_the_zone_and_can_be_made_to_count() -> None:
    end = FRIDAY + timedelta(days=3)
    assert expected_time(FRIDAY, end, zone="UTC", weekends=False) == timedelta(days=3)
    # in Auckland, twelve hours ahead, Friday noon is the beginning of Saturday
    assert expected_time(FRIDAY, end, zone="Pacific/Auckland", weekends=True) == timedelta(hours=24)
    spring = datetime(2026, 3, 27, 12, tzinfo=UTC)  # the clock in Berlin jumps on that Sunday
    assert expected_time(
        spring, spring + timedelta(days=3), zone="Europe/Berlin", weekends=True
    ) == timedelta(hours=25)


def test_no_new_dump_for_long_is_an_alarm_but_not_over_a_weekend() -> None:
    facts = replace(WELL, last_dump_at=FRIDAY, now=FRIDAY + timedelta(days=3))
    assert keys(facts) == []
    assert keys(replace(facts, now=FRIDAY + timedelta(days=4))) == ["quiet"]
    assert keys(replace(facts, now=FRIDAY + timedelta(days=40)), AlarmPolicy(max_quiet=None)) == []


def test_a_held_dump_and_a_held_edition_are_named() -> None:
    facts = replace(WELL, dumps=(dump(1, held=True),), held_editions=(7,))
    edition, held = alarms_of(facts, AlarmPolicy())
    assert (edition.words, held.words) == (
        "edition 7 is held, and nothing of it goes out until it is released",
        "1.txt is held: a third of it cannot be read",
    )


@pytest.mark.parametrize("state", list(SourceState))
def test_source_that_is_not_well_is_an_alarm(state: SourceState) -> None:
    facts = replace(WELL, sources={"hf": SourceHealth(state=state, reason="nothing came")})
    found = [(alarm.key, alarm.words) for alarm in alarms_of(facts, AlarmPolicy())]
    told = [(f"source hf {state}", "the source hf: nothing came")]
    assert found == ([] if state is SourceState.OK else told)


def test_mail_that_waits_too_long_a_full_disk_and_failed_requests_are_alarms() -> None:
    late = replace(WELL, waiting_since=WEDNESDAY - timedelta(hours=3), waiting=5)
    (alarm,) = alarms_of(late, AlarmPolicy())
    assert alarm.words == "5 mails wait to be sent, the oldest for 3 hours"
    assert keys(replace(late, waiting_since=WEDNESDAY - timedelta(hours=1))) == []
    assert keys(replace(WELL, free_bytes=10**6, failed_requests=2)) == ["disk", "requests"]
    assert keys(replace(WELL, postponed_requests=1, postponed_until=WELL.now)) == ["unconfirmed"]


def test_deliveries_that_failed_before_a_server_was_asked_are_an_alarm() -> None:
    (alarm,) = alarms_of(replace(WELL, failed=1, failed_because="its content is damaged"), AlarmPolicy())
    words = "1 mail failed here within a day: its content is damaged"
    assert (alarm.key, alarm.words) == ("failed", words)


def test_old_and_refused_files_of_the_inbox_are_alarms() -> None:
    fresh, old = (WEDNESDAY - timedelta(minutes=minutes) for minutes in (59, 61))
    stuck = [
        StuckFile(file="fresh.txt", why="", since=fresh),
        StuckFile(file="big.txt", why="the file is too large", since=old),
        StuckFile(file="old.txt", why="", since=old),
        StuckFile(file="big.txt", why="no listing", since=fresh, is_refused=True),
    ]
    found = alarms_of(replace(WELL, stuck_files=stuck), AlarmPolicy())
    assert [(alarm.key, alarm.words) for alarm in found] == [
        ("inbox big.txt", "big.txt lies in the inbox and is not taken: the file is too large"),
        ("inbox old.txt", "old.txt lies in the inbox and is not taken"),
        ("refused big.txt", "big.txt was refused, and lies in inbox/refused/"),
    ]
    assert "delete it" in found[0].hint
    assert "newsletter run" in found[1].hint


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (WEDNESDAY + timedelta(hours=1), "it is tried again at 2026-04-15 13:00 UTC."),
        (WEDNESDAY, "the next send tries"),
    ],
)
def test_relay_that_rests_does_not_hold_what_another_takes(until: datetime, words: str) -> None:
    rest = RestingRelay(relay="mx.example:587", since=WEDNESDAY, until=until, reply="535 no", reason="login")
    (alarm,) = alarms_of(replace(WELL, resting_relays=(rest,)), AlarmPolicy())
    assert alarm.hint.startswith("Mail waits, unless another server of yours takes it; ")
    assert words in alarm.hint
