"""Explains a date of a reader on which no digest was mailed. It composes nothing and reads no rows.

It judges by the choices of that time, not by those of today.
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
from newsletter.core.debts.account import NEVER_RECEIVED, SMALLEST_STEP, Account, EditionPair
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
    until: datetime | None  # None: until now
    cadence: Cadence
    minimum: int  # papers
    slots_since: datetime | None  # slots up to here do not count


@dataclass(frozen=True, slots=True, kw_only=True)
class DayExplanation:
    """Why a day brought no digest."""

    why: NoDigestReason
    slot: Slot | None
    cadence: Cadence  # that held
    waiting: int = 0  # papers, fewer than the minimum
    minimum: int = 1
    held: tuple[EditionPair, ...] = ()  # one for each paper that only the wait of its edition kept back


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRecord:
    """All that is known of one reader, and of the compose runs."""

    account: Account
    periods: Sequence[ChoicePeriod]  # the oldest first, without gaps
    pauses: Sequence[tuple[datetime, datetime | None]]  # (said at, until)
    pairs: Mapping[str, Sequence[EditionPair]]  # every frozen pair, by topic
    runs: Sequence[tuple[datetime, datetime]]  # compose runs for the reader: (at, latest instant so far)
    now: datetime


def period_at(periods: Sequence[ChoicePeriod], at: datetime) -> ChoicePeriod:
    """The choices that held at an instant."""
    return next(period for period in reversed(periods) if period.since is None or period.since <= at)


def explain_day(record: ReaderRecord, day: date) -> DayExplanation:
    """Why no digest bears that date. day: in the reader's zone."""
    slots = [
        (period, slot) for period in record.periods if (slot := slot_on(period.cadence, day)) is not None
    ]
    if not slots:
        return DayExplanation(why=NoDigestReason.NO_SLOT, slot=None, cadence=record.periods[-1].cadence)
    found = [_of_slot(record, period, slot) for period, slot in slots if _holds(period, slot)]
    if not found:
        return _of_other_period(record, *slots[-1])
    # Of several schedules of one day, one whose slot was processed tells more than one that was given up.
    return min(reversed(found), key=lambda each: each.why is NoDigestReason.CHANGED)


def _holds(period: ChoicePeriod, slot: Slot) -> bool:
    begun = period.since is None or period.since <= slot.at
    return begun and (period.until is None or period.until > slot.at)


def _of_other_period(record: ReaderRecord, period: ChoicePeriod, slot: Slot) -> DayExplanation:
    """Explains a slot whose schedule did not hold when it would have come."""
    held = period_at(record.periods, slot.at)
    own = slot_on(held.cadence, slot.day)
    why = NoDigestReason.CHANGED if own is not None else NoDigestReason.NO_SLOT
    return DayExplanation(why=why, slot=own, cadence=held.cadence)


def _of_slot(record: ReaderRecord, period: ChoicePeriod, slot: Slot) -> DayExplanation:
    def explanation(
        why: NoDigestReason, waiting: int = 0, minimum: int = 1, held: tuple[EditionPair, ...] = ()
    ) -> DayExplanation:
        return DayExplanation(
            why=why, slot=slot, cadence=period.cadence, waiting=waiting, minimum=minimum, held=held
        )

    now = record.now
    if slot.at > now:
        return explanation(NoDigestReason.NOT_YET)
    if not _follows(record.account, slot.at):
        joined = any(interval.since <= slot.at for interval in record.account.intervals)
        return explanation(NoDigestReason.LEFT if joined else NoDigestReason.NEVER_JOINED)
    if period.slots_since is not None and slot.at <= period.slots_since:
        return explanation(NoDigestReason.CHANGED)
    following = next_slot(period.cadence, slot.at).at
    number = bisect_left(record.runs, (slot.at, slot.at))
    run, latest = record.runs[number] if number < len(record.runs) else (None, now)
    given_up = _given_up(record, slot.at)
    if given_up is not None and given_up < following and (run is None or run >= given_up):
        stayed = _follows(record.account, given_up - SMALLEST_STEP)
        return explanation(NoDigestReason.CHANGED if stayed else NoDigestReason.LEFT)
    if not _follows(record.account, min(following, now, run or now)):
        return explanation(NoDigestReason.LEFT)
    if run is None or run >= following:
        return explanation(NoDigestReason.NO_RUN if following <= now else NoDigestReason.NO_RUN_YET)
    if paused_until(record, run) > slot.at:
        return explanation(NoDigestReason.PAUSED)
    if any(run < mail.composed_at <= min(latest, run + MAX_CLOCK_LAG) for mail in record.account.mailed):
        return explanation(NoDigestReason.CLOCK_BEHIND)  # a digest of a later date had been composed before
    if _passed_over(record.account, slot, run):
        return explanation(NoDigestReason.PASSED_OVER)
    waiting = {paper: pair.ready_at for paper, pair in owed_papers(record, run).items()}
    held = tuple(pair for paper, pair in owed_papers(record, run, held=True).items() if paper not in waiting)
    minimum = period_at(record.periods, run).minimum
    if len(waiting) < minimum and run - MINIMUM_YIELDS_AFTER < min(waiting.values(), default=now) <= slot.at:
        return explanation(NoDigestReason.TOO_FEW, len(waiting), minimum, held)
    return explanation(NoDigestReason.NOTHING_NEW, held=held)


def _follows(account: Account, at: datetime) -> bool:
    return any(i.since <= at and (i.until is None or i.until > at) for i in account.intervals)


def _given_up(record: ReaderRecord, slot_at: datetime) -> datetime | None:
    """The first instant after a slot at which the reader's slots started again."""
    starts: Iterable[datetime] = (
        period.slots_since for period in record.periods if period.slots_since is not None
    )
    return min((start for start in starts if start >= slot_at), default=None)


def paused_until(record: ReaderRecord, at: datetime) -> datetime:
    """The end of the pause, by what the reader had chosen until then; the far past without a pause."""
    said = [until for since, until in record.pauses if since <= at]
    return said[-1] if said and said[-1] is not None else at.min.replace(tzinfo=at.tzinfo)


def _passed_over(account: Account, slot: Slot, run: datetime) -> bool:
    return any(
        mail.key == slot.day.isoformat()
        or (
            slot.at - DIGEST_SPACING < mail.composed_at < run
            and (mail.state not in NEVER_RECEIVED or mail.finished_at is None or mail.finished_at > run)
        )
        for mail in account.mailed
    )


def owed_papers(record: ReaderRecord, run: datetime, *, held: bool = False) -> dict[int, EditionPair]:
    """The papers that were owed at a run, each with its first pair. held: those of editions that waited then,
    held or in their hold time, instead."""
    had = {
        carried.paper
        for mail in record.account.mailed
        if mail.composed_at < run and mail.state not in NEVER_RECEIVED
        for carried in mail.papers
        if carried.form != Form.LEFT
    }
    found: dict[int, EditionPair] = {}
    for interval in record.account.intervals:
        if interval.since > run or (interval.until is not None and interval.until <= run):
            continue
        for pair in record.pairs.get(interval.topic, ()):
            if (
                (pair.waited_at(run) if held else not pair.held and pair.ready_at <= run)
                and max(interval.since, run - MAX_DEBT_AGE) <= pair.ready_at
                and (pair.stored_at is None or pair.stored_at <= run)
                and (held or pair.restored_at is None or pair.restored_at <= run)
                and pair.end is None
                and pair.paper not in had
            ):
                found[pair.paper] = min(found.get(pair.paper, pair), pair, key=lambda pair: pair.ready_at)
    return found
