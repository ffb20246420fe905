"""Decides from facts what is an alarm. Reads no clock, and notifies nobody."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from newsletter.core import notices
from newsletter.core.mail.reply_remedies import remedy_for
from newsletter.core.notices import Notice
from newsletter.core.papers.source_health import SourceHealth, SourceState

FAILURE_PERIOD = timedelta(days=1)  # for which a failed delivery stays an alarm

_SOURCE_HINTS = {
    SourceState.FAILING: "`newsletter sources list` says since when; `sources test NAME` asks it once.",
    SourceState.QUIET: "`newsletter sources list` shows what is usual; check what brings its files.",
    SourceState.STALE: "Look at its latest dump with `newsletter dumps list` and `dumps show`.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that an admin must know."""

    key: str  # stays the same while the cause does
    words: str  # the fact, without a full stop
    hint: str  # the next step


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpFacts:
    """One dump, as far as alarms need it."""

    file: str
    sha256: str
    format: str | None
    entries: int
    is_held: bool
    error: str  # why it is held


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckFile:
    """A file in the inbox or in its folder of refused files."""

    file: str
    why: str  # its visible fault; empty: none is visible
    since: datetime
    is_refused: bool = False
    path: str = ""  # as a command takes it


@dataclass(frozen=True, slots=True, kw_only=True)
class RestingRelay:
    """A mail server that refuses us."""

    relay: str  # host:port
    since: datetime
    until: datetime  # when it is tried again
    reply: str
    reason: str = ""  # core.mail.reply_verdict.Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The state of the newsletter at one moment."""

    now: datetime  # aware
    last_dump_at: datetime | None  # when the latest dump was received
    dumps: Sequence[DumpFacts]  # the latest ones, the newest first
    held_editions: Sequence[int]
    held_because: Mapping[int, str]  # reasons of those that the edition guard held
    waiting_since: datetime | None  # since when the oldest due delivery waits
    waiting: int  # due deliveries
    failed: int  # deliveries that failed within FAILURE_PERIOD before a server was asked
    failed_because: str  # reason of the latest of them; empty when there are none
    failed_requests: int  # of the public pages, set aside
    free_bytes: int | None  # on the disk of the state directory; None: not known
    postponed_requests: int = 0  # of the public pages, until the newsletter may ask more people to confirm
    postponed_until: datetime | None = None  # when it may
    stuck_files: Sequence[StuckFile] = ()
    sources: Mapping[str, SourceHealth] = field(default_factory=dict)  # by name
    resting_relays: Sequence[RestingRelay] = ()
    refused: int = 0  # mails that wait although a server refused them for good: nobody is blamed yet
    refused_because: str = ""  # the server's words about the latest of them
    refused_reason: str = ""  # core.mail.reply_verdict.Reason
    suppressed: int = 0  # addresses that refusals suppressed within FAILURE_PERIOD
    suppressed_because: str = ""  # the server's words about the latest of them
    complaints: str = ""  # of readers, with their share, when it is above what providers ask for
    complaints_hold: bool = False  # so many that editions are held
    held_bounces: int = 0  # “no such user”, so many at once that an admin must look
    waiting_inbound: int = 0  # bounces, complaints and requests to leave that nobody can assign
    broken_months: Sequence[str] = ()  # packed months that do not match their seals
    odd_schedules: Mapping[str, int] = field(default_factory=dict)  # what cannot be, such as hour 99: readers


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPolicy:
    """The thresholds of alarms."""

    max_quiet: timedelta | None = timedelta(hours=36)  # without a new dump; None: no limit
    weekends: bool = True  # no dump is expected on Saturdays and Sundays
    zone: str = "UTC"  # time zone of the weekends
    max_wait: timedelta = timedelta(hours=2)  # of a due delivery
    max_inbox_age: timedelta = timedelta(hours=1)  # of a file in the inbox
    free_bytes: int = 500 * 1024 * 1024


def alarms_of(facts: Facts, policy: AlarmPolicy) -> tuple[Alarm, ...]:
    """The alarms, the most urgent first."""
    return (
        *_disk(facts, policy),
        *_mail(facts, policy),
        *_dumps(facts, policy),
        *inbox_alarms(facts.stuck_files, now=facts.now, max_age=policy.max_inbox_age),
        *_requests(facts),
        *_schedules(facts),
        *_history(facts),
    )


def expected_time(start: datetime, end: datetime, *, zone: str, weekends: bool) -> timedelta:
    """The time between two instants; weekends: without the Saturdays and Sundays of `zone`."""
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


def inbox_alarms(stuck_files: Sequence[StuckFile], *, now: datetime, max_age: timedelta) -> list[Alarm]:
    """One alarm for each refused file, and for each file that lies in the inbox for longer than `max_age`."""
    found = {}
    for stuck in stuck_files:
        words = notice_of_file(stuck, path=stuck.file).words
        if stuck.is_refused:
            key = f"refused {stuck.file}"
            path = shlex.quote(stuck.path or stuck.file)
            hint = f"`newsletter ingest {path}` says why. Mend it and put it back, or delete it."
        elif now - stuck.since > max_age:
            key = f"inbox {stuck.file}"
            hint = (
                "Mend it and put it back, or delete it."
                if stuck.why
                else "Look whether `newsletter run` or `newsletter schedule` is at work; its log says why."
            )
        else:
            continue
        found[key] = Alarm(key=key, words=words, hint=hint)
    return list(found.values())


def notice_of_file(stuck: StuckFile, *, path: str) -> Notice:
    """The words about a file of the inbox. path: as `newsletter ingest` takes it."""
    return notices.file_waits(stuck.file, path, why=stuck.why, refused=stuck.is_refused)


def _disk(facts: Facts, policy: AlarmPolicy) -> list[Alarm]:
    if facts.free_bytes is None or facts.free_bytes >= policy.free_bytes:
        return []
    return [
        Alarm(
            key="disk",
            words=f"only {facts.free_bytes // 2**20} MiB are free where the state directory lies",
            hint="Make room; when the disk is full, nothing is stored and nothing is sent.",
        )
    ]


def _mail(facts: Facts, policy: AlarmPolicy) -> list[Alarm]:
    found = []
    if facts.waiting_since is not None and facts.now - facts.waiting_since > policy.max_wait:
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
    for rest in facts.resting_relays:
        found.append(
            Alarm(
                key=f"relay {rest.relay}",
                words=f"the mail server {rest.relay} refuses us since {rest.since:%Y-%m-%d %H:%M} UTC: "
                f"{rest.reply}",
                hint=f"{_until(rest.until, facts.now)} {remedy_for(rest.reason)}",
            )
        )
    if facts.refused and not facts.resting_relays:  # else that alarm quotes the server
        mails = "mail waits" if facts.refused == 1 else "mails wait"
        found.append(
            Alarm(
                key="refused",
                words=f"{facts.refused} {mails}, as the mail server refuses them and it is not clear that "
                f"their readers are the cause: {facts.refused_because}",
                hint="`newsletter deliveries list --state deferred` shows when each is tried again. "
                f"{remedy_for(facts.refused_reason)}",
            )
        )
    if facts.suppressed:
        addresses = "address was" if facts.suppressed == 1 else "addresses were"
        found.append(
            Alarm(
                key="suppressed",
                words=f"{facts.suppressed} {addresses} suppressed within a day, as refused: "
                f"{facts.suppressed_because}",
                hint="`newsletter subscribers list --state suppressed` shows them; "
                "`newsletter subscribers unsuppress ADDRESS` takes one back.",
            )
        )
    found += _inbound(facts)
    for number in facts.held_editions:
        because = facts.held_because.get(number)
        notice = notices.edition_held(number, because)
        found.append(
            Alarm(
                key=f"edition {number}",
                words=notice.words,
                hint=f"`newsletter editions show {number}`, then `{notice.command}`"
                f"{' goes on with the mails that wait' if because else ''}.",
            )
        )
    return found


def _inbound(facts: Facts) -> list[Alarm]:
    found = []
    if facts.complaints:
        bound = "providers ask for less than 0.1 %"
        if facts.complaints_hold:
            bound = "providers block from 0.3 % on, so the next edition is held"
        found.append(
            Alarm(
                key="complaints",
                words=f"readers complain: {facts.complaints}; {bound}",
                hint="`newsletter bounces list --class complaint` shows them. Mail only who asked for it, "
                "and check what changed in the mail or the roster.",
            )
        )
    if facts.held_bounces:
        number = facts.held_bounces
        found.append(
            Alarm(
                key="held bounces",
                words=f"{number} {'address' if number == 1 else 'addresses'} came back as unknown with so "
                "many others that nobody is suppressed: perhaps a provider's directory is broken",
                hint="`newsletter bounces list --done held` shows them. `newsletter bounces release` "
                "suppresses them; `newsletter bounces drop` lets them be. Those just before were suppressed: "
                "`newsletter bounces list --done suppressed`, `newsletter subscribers unsuppress ADDRESS`.",
            )
        )
    if facts.waiting_inbound:
        number = facts.waiting_inbound
        found.append(
            Alarm(
                key="inbound",
                words=f"{number} {'message' if number == 1 else 'messages'} that came back within a week "
                "could not be assigned to a reader for certain",
                hint="`newsletter bounces list --done look` shows them, and `bounces show ID` says why. "
                "A request to leave waits for you: `newsletter subscribers unsubscribe ADDRESS`.",
            )
        )
    return found


def _until(at: datetime, now: datetime) -> str:
    """What happens to the mail of a relay that rests or rested."""
    again = "the next send tries again" if at <= now else f"it is tried again at {notices.instant(at)}"
    return f"Mail waits, unless another server of yours takes it; {again}."


def _dumps(facts: Facts, policy: AlarmPolicy) -> list[Alarm]:
    found = []
    for dump in facts.dumps:
        if dump.is_held:
            name = dump.sha256[:12]
            notice = notices.dump_held(dump.file, dump.sha256, dump.error)
            hint = f"`newsletter dumps show {name}`, then `{notice.command}`."
            found.append(Alarm(key=f"dump {name}", words=notice.words, hint=hint))
    for name, health in facts.sources.items():
        if health.state is not SourceState.OK:
            found.append(
                Alarm(
                    key=f"source {name} {health.state}",
                    words=f"the source {name}: {health.reason}",
                    hint=_SOURCE_HINTS[health.state],
                )
            )
    if policy.max_quiet is not None and facts.last_dump_at is not None:
        quiet = expected_time(facts.last_dump_at, facts.now, zone=policy.zone, weekends=policy.weekends)
        if quiet > policy.max_quiet:
            found.append(
                Alarm(
                    key="quiet",
                    words=f"no new dump came since {facts.last_dump_at:%A %d %B %H:%M} UTC",
                    hint="Check whether the program that brings the dumps still runs.",
                )
            )
    return found


def _requests(facts: Facts) -> list[Alarm]:
    found = []
    if facts.failed_requests:
        found.append(
            Alarm(
                key="requests",
                words=f"{facts.failed_requests} requests of the web pages could not be answered",
                hint="The log of `newsletter serve` says why; they are kept in the table signup_requests.",
            )
        )
    if facts.postponed_requests and facts.postponed_until is not None:
        number = facts.postponed_requests
        found.append(
            Alarm(
                key="unconfirmed",
                words=f"{number} {'sign-up waits' if number == 1 else 'sign-ups wait'}: as many people as "
                "web.unconfirmed_limit permits were asked to confirm",
                hint=f"They are answered from {facts.postponed_until:%H:%M} UTC on, the oldest first. "
                "`newsletter subscribers list --state pending` shows who was asked. If these are people, "
                "raise web.unconfirmed_limit; if somebody floods the form, lower web.client_limit.",
            )
        )
    return found


def _schedules(facts: Facts) -> list[Alarm]:
    return [
        Alarm(
            key=f"schedule {fault}",
            words=f"the database has {fault} for {readers} {'reader' if readers == 1 else 'readers'}, which "
            "cannot be",
            hint="They are served at hour 7, on Mondays or weekly instead. `newsletter subscribers add "
            "ADDRESS` with --cadence, --weekday or --hour mends it.",
        )
        for fault, readers in facts.odd_schedules.items()
    ]


def _history(facts: Facts) -> list[Alarm]:
    return [
        Alarm(
            key=f"history {month}",
            words=f"the packed mail of {month} does not match its seal: something else changed the database",
            hint="`newsletter history verify` tells more. Look at the disk, and restore the newest backup of "
            "which it says that it matches.",
        )
        for month in facts.broken_months
    ]
