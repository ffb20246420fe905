"""What an admin must hear of: decided from facts. No I/O, no clock; who is told, and how, is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

BASELINE = 10  # dumps of a source after which its usual size is known
FAILED = timedelta(days=1)  # that a mail which failed is an alarm
THIN = 0.4  # of the usual number of papers; fewer are worth a look, a third above all


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that is wrong."""

    key: str  # the same as long as it is the same thing
    words: str  # a sentence
    hint: str  # what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpFacts:
    """What is known of one dump."""

    file: str
    sha256: str
    format: str | None
    entries: int
    is_held: bool
    error: str  # why it is held


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckFile:
    """A file that lies in the inbox, or among those that were refused from it."""

    file: str
    why: str  # what can be seen to be wrong with it; empty: nothing
    since: datetime
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How things stand at one moment."""

    now: datetime  # aware
    last_dump_at: datetime | None  # when the latest dump came
    dumps: Sequence[DumpFacts]  # the latest, the newest first
    held_editions: Sequence[int]
    held_because: Mapping[int, str]  # those of them that were held by themselves, and why
    waiting_since: datetime | None  # since when the oldest mail that is due waits
    waiting: int  # mails that are due
    failed: int  # mails that failed within FAILED before a server was asked
    failed_because: str  # the latest of them; empty when there are none
    failed_requests: int  # of the public pages, set aside
    free_bytes: int | None  # where the state lies; None: not known
    leftovers: Sequence[StuckFile] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPolicy:
    """When something is wrong."""

    quiet: timedelta | None = timedelta(hours=36)  # without a new dump; None: never mind
    weekends: bool = True  # no dump is expected on Saturdays and Sundays
    zone: str = "UTC"  # whose weekends
    waiting: timedelta = timedelta(hours=2)  # that a mail may be late
    lying: timedelta = timedelta(hours=1)  # that a file may lie in the inbox
    free_bytes: int = 500 * 1024 * 1024


def alarms_of(facts: Facts, terms: AlarmPolicy) -> tuple[Alarm, ...]:
    """What is wrong, the most pressing first."""
    return (
        *_disk(facts, terms),
        *_mail(facts, terms),
        *_dumps(facts, terms),
        *of_inbox(facts.leftovers, now=facts.now, lying=terms.lying),
        *_people(facts),
    )


def expected_time(start: datetime, end: datetime, *, zone: str, weekends: bool) -> timedelta:
    """How much of the time between two instants counts: without the weekends of `zone`, if so asked."""
    if not weekends or end <= start:
        return max(end - start, timedelta(0))
    local = ZoneInfo(zone)
    counted = timedelta(0)
    at = start
    while at < end:
        day = at.astimezone(local)
        midnight = (day + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        until = min(midnight.astimezone(end.tzinfo), end)
        if day.weekday() < 5:
            counted += until - at
        at = until
    return counted


def usual_entries(dumps: Sequence[DumpFacts], format_: str | None) -> float | None:
    """The usual number of papers in a dump of that format; None before BASELINE of them are known."""
    counts = [dump.entries for dump in dumps if dump.format == format_ and not dump.is_held]
    return median(counts) if len(counts) >= BASELINE else None


def of_inbox(leftovers: Sequence[StuckFile], *, now: datetime, lying: timedelta) -> list[Alarm]:
    """What was refused, and what lies in the inbox for longer than `lying`."""
    found = {}
    for left in leftovers:
        if left.is_refused:
            key = f"refused {left.file}"
            words = f"{left.file} was refused, and lies in inbox/refused/"
            hint = "`newsletter ingest` with that file says why. Mend it and put it back, or delete it."
        elif now - left.since > lying:
            key = f"inbox {left.file}"
            words = f"{left.file} lies in the inbox and is not taken{f': {left.why}' if left.why else ''}"
            hint = (
                "Mend it and put it back, or delete it."
                if left.why
                else "Look whether `newsletter run` or `newsletter schedule` is at work; its log says why."
            )
        else:
            continue
        found[key] = Alarm(key=key, words=words, hint=hint)
    return list(found.values())


def _disk(facts: Facts, terms: AlarmPolicy) -> list[Alarm]:
    if facts.free_bytes is None or facts.free_bytes >= terms.free_bytes:
        return []
    return [
        Alarm(
            key="disk",
            words=f"only {facts.free_bytes // 2**20} MiB are free where the state directory lies",
            hint="Make room; when the disk is full, nothing is stored and nothing is sent.",
        )
    ]


def _mail(facts: Facts, terms: AlarmPolicy) -> list[Alarm]:
    found = []
    if facts.waiting_since is not None and facts.now - facts.waiting_since > terms.waiting:
        hours = (facts.now - facts.waiting_since) // timedelta(hours=1)
        found.append(
            Alarm(
                key="outbox",
                words=f"{facts.waiting} mails wait to be sent, the oldest for {hours} hours",
                hint="`newsletter deliveries list` says why; `newsletter smtp check` tries the server.",
            )
        )
    if facts.failed:
        mails = "mail failed" if facts.failed == 1 else "mails failed"
        found.append(
            Alarm(
                key="failed",
                words=f"{facts.failed} {mails} here within a day: {facts.failed_because}",
                hint="`newsletter deliveries list --state failed` lists them; their papers come again.",
            )
        )
    for number in facts.held_editions:
        because = facts.held_because.get(number)
        found.append(
            Alarm(
                key=f"edition {number}",
                words=f"edition {number} {f'was held by itself: {because}' if because else 'is held'}",
                hint=f"`newsletter editions show {number}`, then `newsletter editions release {number}`"
                f"{' goes on with the mails that wait' if because else ''}.",
            )
        )
    return found


def _dumps(facts: Facts, terms: AlarmPolicy) -> list[Alarm]:
    found = []
    for number, dump in enumerate(facts.dumps):
        name = dump.sha256[:12]
        if dump.is_held:
            found.append(
                Alarm(
                    key=f"dump {name}",
                    words=f"{dump.file} is held: {dump.error}",
                    hint=f"`newsletter dumps show {name}`, then `newsletter dumps release {name}`.",
                )
            )
            continue
        usual = usual_entries(facts.dumps[number + 1 :], dump.format)
        if usual is not None and dump.entries < THIN * usual:
            found.append(
                Alarm(
                    key=f"thin {name}",
                    words=f"{dump.file} holds {dump.entries} papers, where {usual:.0f} are usual",
                    hint=f"`newsletter dumps show {name}` says what was read; the page may have changed.",
                )
            )
    if terms.quiet is not None and facts.last_dump_at is not None:
        quiet = expected_time(facts.last_dump_at, facts.now, zone=terms.zone, weekends=terms.weekends)
        if quiet > terms.quiet:
            found.append(
                Alarm(
                    key="quiet",
                    words=f"no new dump came since {facts.last_dump_at:%A %d %B %H:%M} UTC",
                    hint="Look whether whatever brings the dumps still runs.",
                )
            )
    return found


def _people(facts: Facts) -> list[Alarm]:
    if not facts.failed_requests:
        return []
    return [
        Alarm(
            key="requests",
            words=f"{facts.failed_requests} requests of the web pages could not be answered",
            hint="The log of `newsletter serve` says why; they are kept in the table signup_requests.",
        )
    ]
