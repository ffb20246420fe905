"""Words the answers of `why`: why a digest came or did not, and where a paper is. Reads no rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from newsletter.core.cadence import Slot, zone_of
from newsletter.core.debts.account import NEVER_RECEIVED, Account, EditionPair
from newsletter.core.debts.no_digest import DayExplanation, NoDigestReason, paused_until
from newsletter.core.states import NOW_KEY, DeliveryState, Form, MailKind
from newsletter.pipeline.explain.reader_history import ReaderHistory

NO_TOPIC = "in no topic that they follow"
_STATE_IN_WORDS = {
    DeliveryState.QUEUED: "the mail is composed and waits to be sent",
    DeliveryState.LEASED: "the mail is being sent",
    DeliveryState.HANDING_OVER: "the mail is being handed over",
    DeliveryState.DEFERRED: "the server refused the mail for now; it is tried again",
    DeliveryState.FAILED: "the server refused the mail for good",
    DeliveryState.UNCERTAIN: "the connection broke as the mail was handed over; its papers come as a recap",
}


def outcome_of(
    history: ReaderHistory, found_deliveries: Sequence[Row[Any]], sent: Sequence[Row[Any]], day: date
) -> str:
    """The outcome of the digests of a day. sent: those of `found_deliveries` that were sent."""
    mail = (sent or found_deliveries)[-1]
    if sent:
        at, zone = history.sent_at(mail), history.zone_at(mail.composed_at)
        if at.date() <= day:
            return f"sent at {at:%H:%M} ({zone.key})"
        asked = "" if mail.key.startswith(NOW_KEY) else ", for this day's slot"
        return f"sent on {_day(at.date())} at {at:%H:%M} ({zone.key}), late{asked}"
    if mail.state == DeliveryState.SKIPPED:
        return f"the mail was composed but not sent: {mail.reason}"
    words = _STATE_IN_WORDS[DeliveryState(mail.state)]
    return f"{words}: {mail.reply_text}" if mail.reply_text else words


def came_late(history: ReaderHistory, mail: Row[Any]) -> str:
    """Says that the digest for another date came on this one."""
    return f"the digest for {_day(history.date_of(mail))} came on this day at {history.sent_at(mail):%H:%M}"


def never_confirmed(state: str, *, asked_at: datetime | None) -> str:
    """Why a person who never agreed to any mail gets none. asked_at: when they asked for it."""
    if state != "pending":
        return f"{state}, and never confirmed"
    asked = f": asked on {_day(asked_at.date())}" if asked_at is not None else ""
    return f"not confirmed yet{asked}; no digest comes before that"


def no_digest(
    history: ReaderHistory, explanation: DayExplanation, day: date, waiting: Sequence[EditionPair]
) -> str:
    """Why there is no digest for a day. waiting: pairs that wait for its slot."""
    cadence = explanation.cadence
    if explanation.why is NoDigestReason.NO_SLOT:
        words = f"weekly on {cadence.weekday}" if cadence.kind == "weekly" else cadence.kind
        return f"{explanation.why}: the cadence is {words}"
    if explanation.why is NoDigestReason.LEFT and history.record.account.suppressed:
        return "suppressed before that slot"
    if explanation.why is NoDigestReason.NOT_YET and explanation.slot is not None:
        stopped = _why_no_more_mail(history, explanation.slot)
        if stopped:
            return stopped
        local = explanation.slot.at.astimezone(zone_of(cadence.timezone))
        words = f"the slot at {local:%H:%M} has not come yet"
        ready, held = ([p for p in waiting if p.held is so] for so in (False, True))
        words += f"; {_papers_wait(ready, ' for it')}" if ready else ""
        return words + (f"; {_held_back(held)}" if held else "")
    if explanation.why is NoDigestReason.TOO_FEW:
        papers_ = "paper waits" if explanation.waiting == 1 else "papers wait"
        words = f"{explanation.waiting} {papers_}, fewer than the minimum of {explanation.minimum}"
        return words + (f"; {_held_back(explanation.held)}" if explanation.held else "")
    noted = any(mail.state == DeliveryState.SENT for mail in history.deliveries_on(day, MailKind.NOTHING_NEW))
    if explanation.held:
        return _held_back(explanation.held) + ("; a short note told of nothing new" if noted else "")
    if explanation.why is NoDigestReason.NOTHING_NEW and noted:
        return f"{explanation.why}; a short note said so"
    return explanation.why.value


def _why_no_more_mail(history: ReaderHistory, slot: Slot) -> str:
    """Why a slot that has not come yet will bring nothing; empty when it may bring a digest."""
    record = history.record
    account = record.account
    ends = [interval.until for interval in account.intervals]
    if not account.confirmed or all(end is not None and end <= record.now for end in ends):
        since = max((end for end in ends if end is not None), default=None)
        on = f" on {_day(since.astimezone(history.zone_at(since)).date())}" if since is not None else ""
        return f"{'suppressed' if account.suppressed else 'unsubscribed'}{on}; no mail comes"
    until = paused_until(record, record.now)
    return f"paused until {_day(until.astimezone(history.zone_at(until)).date())}" if until > slot.at else ""


def why_not_mailed_yet(pair: EditionPair) -> str:
    """Why a paper that is owed is in no digest yet."""
    return f"edition {pair.edition} is held" if pair.held else "it waits for the slot"


def why_not_in_mail(account: Account, pairs: list[EditionPair]) -> str:
    """Why a paper that was ready is not in a digest, by its pairs."""
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
            return _place_in_another_mail(account, pair.paper)
    return NO_TOPIC


def _place_in_another_mail(account: Account, paper: int) -> str:
    """Which other digest holds the paper, or will."""
    for mail in account.mailed:
        shown = any(carried.paper == paper and carried.form != Form.LEFT for carried in mail.papers)
        if mail.state in NEVER_RECEIVED or not shown:
            continue
        if mail.state == DeliveryState.SENT:
            digest = mail.key if mail.key[:1].isdigit() else mail.composed_at.date().isoformat()
            return f"it came with the digest for {_day(date.fromisoformat(digest))}"
        if mail.state == DeliveryState.UNCERTAIN:
            return "it was in a mail whose fate is uncertain"
        return "it is in a mail that is on its way"
    return "it waits for the next digest"


def _held_back(pairs: Sequence[EditionPair]) -> str:
    """How many papers wait for the release of editions, and of which ones."""
    numbers = sorted({pair.edition for pair in pairs})
    are = "edition {} is held" if len(numbers) == 1 else "editions {} are held"
    return _papers_wait(pairs, ": " + are.format(" and ".join(map(str, numbers))))


def _papers_wait(pairs: Sequence[EditionPair], what: str) -> str:
    return f"{len(pairs)} {'paper waits' if len(pairs) == 1 else 'papers wait'}{what}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"
