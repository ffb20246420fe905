"""What became of one date of a reader's on which no digest was mailed, and why. Pure; it composes nothing.

It judges by what was chosen then, not by what is chosen now: who has changed their hour since is not told
of a slot that never was.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from newsletter.core.cadence import (
    DIGEST_SPACING,
    MAX_CLOCK_LAG,
    MAX_DEBT_AGE,
    MINIMUM_YIELDS_AFTER,
    Cadence,
    Slot,
    next_slot,
    slot_on,
)
from newsletter.core.debts.account import Account, EditionPair
from newsletter.core.debts.pending import DEAD, INSTANT
from newsletter.core.states import Form


class NoDigestReason(StrEnum):
    """Why nothing was mailed."""

    NO_SLOT = "no slot on that day"
    NOT_YET = "the slot has not come yet"
    NEVER_JOINED = "not subscribed yet at that slot"
    LEFT = "unsubscribed before that slot"
    CHANGED = "the hour or cadence was changed that day, and the slot given up"
    PAUSED = "paused"
    CLOCK_BEHIND = "the clock is behind the last digest"
    PASSED_OVER = "passed over: another digest went out less than 12 hours before"
    NO_RUN_YET = "no run since that slot"
    NO_RUN = "nothing was sent to anybody: no run between that slot and the next"
    TOO_FEW = "fewer papers than the minimum"
    NOTHING_NEW = "nothing new in the topics they follow"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicePeriod:
    """A time in which a reader's choices held."""

    since: datetime | None  # None: from the beginning
    until: datetime | None  # None: to this day
    cadence: Cadence
    minimum: int  # papers
    slots_since: datetime | None  # slots up to here do not count


@dataclass(frozen=True, slots=True, kw_only=True)
class DayExplanation:
    """The reason, and what it is about."""

    why: NoDigestReason
    slot: Slot | None
    cadence: Cadence  # that held
    waiting: int = 0  # papers that were too few
    minimum: int = 1
    held: tuple[
        EditionPair, ...
    ] = ()  # one for each paper that would have been mailed, were its edition not held


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRecord:
    """All that is known of one reader, and of the runs."""

    account: Account
    eras: Sequence[ChoicePeriod]  # the oldest first, without gaps
    pauses: Sequence[tuple[datetime, datetime | None]]  # (said at, until)
    pairs: Mapping[str, Sequence[EditionPair]]  # every frozen pair, by topic
    runs: Sequence[
        tuple[datetime, datetime]
    ]  # that composed for them, in order: (at, latest instant till then)
    now: datetime


def era_at(eras: Sequence[ChoicePeriod], at: datetime) -> ChoicePeriod:
    """The era that held at an instant."""
    return next(era for era in reversed(eras) if era.since is None or era.since <= at)


def silence(books: ReaderRecord, day: date) -> DayExplanation:
    """Why no digest bears that date. day: the reader's own."""
    falling = [(era, slot) for era in books.eras if (slot := slot_on(era.cadence, day)) is not None]
    if not falling:
        return DayExplanation(why=NoDigestReason.NO_SLOT, slot=None, cadence=books.eras[-1].cadence)
    found = [_of_slot(books, era, slot) for era, slot in falling if _holds(era, slot)]
    if not found:
        return _of_no_era(books, *falling[-1])
    # Of several schedules of one day, one whose slot was looked at tells more than one that was given up.
    return min(reversed(found), key=lambda verdict: verdict.why is NoDigestReason.CHANGED)


def _holds(era: ChoicePeriod, slot: Slot) -> bool:
    return (era.since is None or era.since <= slot.at) and (era.until is None or era.until > slot.at)


def _of_no_era(books: ReaderRecord, era: ChoicePeriod, slot: Slot) -> DayExplanation:
    """The slot of a schedule that did not hold when it would have come."""
    held = era_at(books.eras, slot.at)
    own = slot_on(held.cadence, slot.day)
    why = NoDigestReason.CHANGED if own is not None else NoDigestReason.NO_SLOT
    return DayExplanation(why=why, slot=own, cadence=held.cadence)


def _of_slot(books: ReaderRecord, era: ChoicePeriod, slot: Slot) -> DayExplanation:
    def verdict(
        why: NoDigestReason, waiting: int = 0, minimum: int = 1, held: tuple[EditionPair, ...] = ()
    ) -> DayExplanation:
        return DayExplanation(
            why=why, slot=slot, cadence=era.cadence, waiting=waiting, minimum=minimum, held=held
        )

    now = books.now
    if slot.at > now:
        return verdict(NoDigestReason.NOT_YET)
    if not _follows(books.account, slot.at):
        joined = any(interval.since <= slot.at for interval in books.account.intervals)
        return verdict(NoDigestReason.LEFT if joined else NoDigestReason.NEVER_JOINED)
    if era.slots_since is not None and slot.at <= era.slots_since:
        return verdict(NoDigestReason.CHANGED)
    following = next_slot(era.cadence, slot.at).at
    number = bisect_left(books.runs, (slot.at, slot.at))
    run, latest = books.runs[number] if number < len(books.runs) else (None, now)
    given_up = _given_up(books, slot.at)
    if given_up is not None and given_up < following and (run is None or run >= given_up):
        stayed = _follows(books.account, given_up - INSTANT)
        return verdict(NoDigestReason.CHANGED if stayed else NoDigestReason.LEFT)
    if not _follows(books.account, min(following, now, run or now)):
        return verdict(NoDigestReason.LEFT)
    if run is None or run >= following:
        return verdict(NoDigestReason.NO_RUN if following <= now else NoDigestReason.NO_RUN_YET)
    if paused_until(books, run) > slot.at:
        return verdict(NoDigestReason.PAUSED)
    if any(run < mail.composed_at <= min(latest, run + MAX_CLOCK_LAG) for mail in books.account.mailed):
        return verdict(NoDigestReason.CLOCK_BEHIND)  # a mail of a later date had been composed before
    if _passed_over(books.account, slot, run):
        return verdict(NoDigestReason.PASSED_OVER)
    waiting = {paper: pair.ready_at for paper, pair in owed(books, run).items()}
    held = tuple(pair for paper, pair in owed(books, run, held=True).items() if paper not in waiting)
    minimum = era_at(books.eras, run).minimum
    if len(waiting) < minimum and run - MINIMUM_YIELDS_AFTER < min(waiting.values(), default=now) <= slot.at:
        return verdict(NoDigestReason.TOO_FEW, len(waiting), minimum, held)
    return verdict(NoDigestReason.NOTHING_NEW, held=held)


def _follows(account: Account, at: datetime) -> bool:
    return any(i.since <= at and (i.until is None or i.until > at) for i in account.intervals)


def _given_up(books: ReaderRecord, slot_at: datetime) -> datetime | None:
    """The first instant after a slot from which on slots counted anew."""
    starts: Iterable[datetime] = (era.slots_since for era in books.eras if era.slots_since is not None)
    return min((start for start in starts if start >= slot_at), default=None)


def paused_until(books: ReaderRecord, at: datetime) -> datetime:
    """Until when, as was said by then; the past when there was no pause."""
    said = [until for since, until in books.pauses if since <= at]
    return said[-1] if said and said[-1] is not None else at.min.replace(tzinfo=at.tzinfo)


def _passed_over(account: Account, slot: Slot, run: datetime) -> bool:
    return any(
        mail.key == slot.day.isoformat()
        or (
            slot.at - DIGEST_SPACING < mail.composed_at < run
            and (mail.state not in DEAD or mail.finished_at is None or mail.finished_at > run)
        )
        for mail in account.mailed
    )


def owed(books: ReaderRecord, run: datetime, *, held: bool = False) -> dict[int, EditionPair]:
    """The papers that were owed at a run, each with what was ready first; held: those of held editions."""
    had = {
        carried.paper
        for mail in books.account.mailed
        if mail.composed_at < run and mail.state not in DEAD
        for carried in mail.papers
        if carried.form != Form.LEFT
    }
    found: dict[int, EditionPair] = {}
    for interval in books.account.intervals:
        if interval.since > run or (interval.until is not None and interval.until <= run):
            continue
        for pair in books.pairs.get(interval.topic, ()):
            if (
                max(interval.since, run - MAX_DEBT_AGE) <= pair.ready_at <= run
                and (pair.stored_at is None or pair.stored_at <= run)
                and pair.held == held
                and pair.end is None
                and pair.paper not in had
            ):
                found[pair.paper] = min(found.get(pair.paper, pair), pair, key=lambda pair: pair.ready_at)
    return found
