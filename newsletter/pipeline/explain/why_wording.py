"""Says why a mail came, or why none did, and where a paper is that was not in it. Asks no database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from newsletter.core.cadence import Slot, zone_of
from newsletter.core.debts.account import Account, EditionPair
from newsletter.core.debts.no_digest import DayExplanation, NoDigestReason, paused_until
from newsletter.core.debts.pending import DEAD
from newsletter.core.states import NOW_KEY, DeliveryState, Form, MailKind
from newsletter.pipeline.explain.reader_history import ReaderHistory

NO_TOPIC = "in no topic that they follow"
_IN_WORDS = {
    DeliveryState.QUEUED: "the mail is composed and waits to be sent",
    DeliveryState.LEASED: "the mail is being sent",
    DeliveryState.HANDING_OVER: "the mail is being handed over",
    DeliveryState.DEFERRED: "the server refused the mail for now; it is tried again",
    DeliveryState.FAILED: "the server refused the mail for good",
    DeliveryState.UNCERTAIN: "the connection broke as the mail was handed over; its papers come as a recap",
}


def fate(told: ReaderHistory, mails: Sequence[Row[Any]], sent: Sequence[Row[Any]], day: date) -> str:
    """What became of the digests of a day."""
    mail = (sent or mails)[-1]
    if sent:
        at, zone = told.sent_at(mail), told.zone_at(mail.composed_at)
        if at.date() <= day:
            return f"sent at {at:%H:%M} ({zone.key})"
        asked = "" if mail.key.startswith(NOW_KEY) else ", for this day's slot"
        return f"sent on {_day(at.date())} at {at:%H:%M} ({zone.key}), late{asked}"
    if mail.state == DeliveryState.SKIPPED:
        return f"the mail was composed but not sent: {mail.reason}"
    words = _IN_WORDS[DeliveryState(mail.state)]
    return f"{words}: {mail.reply_text}" if mail.reply_text else words


def coming(told: ReaderHistory, mail: Row[Any]) -> str:
    """That a mail for another date came on this one."""
    return f"the digest for {_day(told.date_of(mail))} came on this day at {told.sent_at(mail):%H:%M}"


def never(state: str, *, asked_at: datetime | None) -> str:
    """Why somebody who has never agreed to any mail gets none. asked_at: when they asked for it."""
    if state != "pending":
        return f"{state}, and never confirmed"
    asked = f": asked on {_day(asked_at.date())}" if asked_at is not None else ""
    return f"not confirmed yet{asked}; no digest comes before that"


def no_digest(told: ReaderHistory, verdict: DayExplanation, day: date, waiting: Sequence[EditionPair]) -> str:
    """Why there is no digest of a day."""
    cadence = verdict.cadence
    if verdict.why is NoDigestReason.NO_SLOT:
        words = f"weekly on {cadence.weekday}" if cadence.kind == "weekly" else cadence.kind
        return f"{verdict.why}: the cadence is {words}"
    if verdict.why is NoDigestReason.LEFT and told.books.account.suppressed:
        return "suppressed before that slot"
    if verdict.why is NoDigestReason.NOT_YET and verdict.slot is not None:
        stopped = _stopped(told, verdict.slot)
        if stopped:
            return stopped
        words = f"the slot at {verdict.slot.at.astimezone(zone_of(cadence.timezone)):%H:%M} has not come yet"
        ready, held = ([p for p in waiting if p.held is so] for so in (False, True))
        words += f"; {_wait(ready, ' for it')}" if ready else ""
        return words + (f"; {_held_back(held)}" if held else "")
    if verdict.why is NoDigestReason.TOO_FEW:
        papers_ = "paper waits" if verdict.waiting == 1 else "papers wait"
        words = f"{verdict.waiting} {papers_}, fewer than the minimum of {verdict.minimum}"
        return words + (f"; {_held_back(verdict.held)}" if verdict.held else "")
    noted = any(mail.state == DeliveryState.SENT for mail in told.mails_on(day, MailKind.NOTHING_NEW))
    if verdict.held:
        return _held_back(verdict.held) + ("; a short note told of nothing new" if noted else "")
    if verdict.why is NoDigestReason.NOTHING_NEW and noted:
        return f"{verdict.why}; a short note said so"
    return verdict.why.value


def _stopped(told: ReaderHistory, slot: Slot) -> str:
    """Why a slot that has not come yet will bring nothing; empty: it may."""
    account, books = told.books.account, told.books
    ends = [interval.until for interval in account.intervals]
    if not account.confirmed or all(end is not None and end <= books.now for end in ends):
        since = max((end for end in ends if end is not None), default=None)
        on = f" on {_day(since.astimezone(told.zone_at(since)).date())}" if since is not None else ""
        return f"{'suppressed' if account.suppressed else 'unsubscribed'}{on}; no mail comes"
    until = paused_until(books, books.now)
    return f"paused until {_day(until.astimezone(told.zone_at(until)).date())}" if until > slot.at else ""


def why_waiting(pair: EditionPair) -> str:
    """Why a paper that is owed is in no mail yet."""
    return f"edition {pair.edition} is held" if pair.held else "it waits for the slot"


def why_not(account: Account, pairs: list[EditionPair]) -> str:
    """Why a paper that was ready is not in a mail, by its pairs."""
    for pair in pairs:
        for interval in account.intervals:
            if interval.topic != pair.topic:
                continue
            if interval.since > pair.ready_at:
                return f"it was ready before {pair.topic} was followed"
            if interval.until is not None and interval.until <= pair.ready_at:
                return f"{pair.topic} was no longer followed"
            if pair.end is not None:
                return f"it was {pair.end} from edition {pair.edition}"
            if pair.held:
                return f"edition {pair.edition} is held"
            return _elsewhere(account, pair.paper)
    return NO_TOPIC


def _elsewhere(account: Account, paper: int) -> str:
    """Where a paper is that another mail carries, or that waits for one."""
    for mail in account.mailed:
        if mail.state in DEAD or not any(c.paper == paper and c.form != Form.LEFT for c in mail.papers):
            continue
        if mail.state == DeliveryState.SENT:
            digest = mail.key if mail.key[:1].isdigit() else mail.composed_at.date().isoformat()
            return f"it came with the digest for {_day(date.fromisoformat(digest))}"
        if mail.state == DeliveryState.UNCERTAIN:
            return "it was in a mail whose fate is uncertain"
        return "it is in a mail that is on its way"
    return "it waits for the next digest"


def _held_back(pairs: Sequence[EditionPair]) -> str:
    """How many papers wait for the release of which editions, in words."""
    numbers = sorted({pair.edition for pair in pairs})
    are = "edition {} is held" if len(numbers) == 1 else "editions {} are held"
    return _wait(pairs, ": " + are.format(" and ".join(map(str, numbers))))


def _wait(pairs: Sequence[EditionPair], what: str) -> str:
    return f"{len(pairs)} {'paper waits' if len(pairs) == 1 else 'papers wait'}{what}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"
