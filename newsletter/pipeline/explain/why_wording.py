"""Words the answers of `why`: why a digest came or did not, and where a paper is. Reads no rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from newsletter.core.cadence import Slot, local_instant, zone_of
from newsletter.core.debts.account import NEVER_RECEIVED, Account, EditionPair
from newsletter.core.debts.no_digest import (
    DayExplanation,
    NoDigestReason,
    owed_papers,
    paused_until,
)
from newsletter.core.notices import instant
from newsletter.core.states import NOW_KEY, DeliveryState, Form, MailKind
from newsletter.pipeline.explain.reader_history import HistoryMail, ReaderHistory

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
    history: ReaderHistory, found_deliveries: Sequence[HistoryMail], sent: Sequence[HistoryMail], day: date
) -> str:
    """The outcome of the digests of a day. sent: those of `found_deliveries` that were sent."""
    mail = (sent or found_deliveries)[-1]
    if sent:
        at, zone = history.sent_at(mail), history.zone_at(mail.composed_at)
        if at.date() <= day:
            times = dict.fromkeys(f"{history.sent_at(each):%H:%M}" for each in sent)
            return f"sent at {' and '.join(times)} ({zone.key})"
        asked = "" if mail.key.startswith(NOW_KEY) else ", for this day's slot"
        return f"sent on {_day(at.date())} at {at:%H:%M} ({zone.key}), late{asked}"
    if mail.state == DeliveryState.SKIPPED:
        return f"the mail was composed but not sent: {mail.reason}"
    words = _STATE_IN_WORDS[DeliveryState(mail.state)]
    if mail.bounced_at is not None:
        papers = "its papers come once more" if mail.reason else "its papers are not sent again"
        words = f"the mail was accepted, and came back on {_day(mail.bounced_at.date())}; {papers}"
    return f"{words}: {mail.reply_text}" if mail.reply_text else words


def came_late(history: ReaderHistory, mail: HistoryMail) -> str:
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
    if explanation.why in (NoDigestReason.NO_SLOT, NoDigestReason.CHANGED):
        left = _left(history, day)
        if left:
            return left
    if explanation.why is NoDigestReason.NO_SLOT:
        words = f"weekly on {cadence.weekday}" if cadence.kind == "weekly" else cadence.kind
        return f"{explanation.why}: the cadence is {words}"
    if explanation.why is NoDigestReason.LEFT and history.record.account.suppressed:
        return "suppressed before that slot"
    if explanation.why is NoDigestReason.NOT_YET and explanation.slot is not None:
        stopped = _why_no_more_mail(history, explanation.slot, day)
        if stopped:
            return stopped
        local = explanation.slot.at.astimezone(zone_of(cadence.timezone))
        words = f"the slot at {local:%H:%M} has not come yet"
        now = history.record.now
        ready = [p for p in waiting if not p.held and p.ready_at <= explanation.slot.at]
        held = [p for p in waiting if p.held or p.ready_at > explanation.slot.at]
        words += f"; {_papers_wait(ready, ' for it')}" if ready else ""
        return words + (f"; {_held_back(held, now=now)}" if held else "")
    if explanation.why is NoDigestReason.TOO_FEW:
        papers_ = "paper waits" if explanation.waiting == 1 else "papers wait"
        words = f"{explanation.waiting} {papers_}, fewer than the minimum of {explanation.minimum}"
        held_back = _held_back(explanation.held, now=history.record.now) if explanation.held else ""
        return words + (f"; {held_back}" if held_back else "")
    noted = any(mail.state == DeliveryState.SENT for mail in history.deliveries_on(day, MailKind.NOTHING_NEW))
    if explanation.held:
        return _held_back(explanation.held, now=history.record.now) + (
            "; a short note told of nothing new" if noted else ""
        )
    if explanation.why is NoDigestReason.NOTHING_NEW and noted:
        return f"{explanation.why}; a short note said so"
    return explanation.why.value


def still_waiting(history: ReaderHistory, day: date, shown: Collection[int]) -> str:
    """What a mail of the day did not bring since its edition waited. shown: papers that it answers for."""
    end = local_instant(day + timedelta(days=1), 0, history.zone_on(day))
    at = min(history.record.now, end)
    waiting = owed_papers(history.record, at, held=True)
    pairs = [pair for paper, pair in waiting.items() if paper not in shown or pair.held]
    return f"; {_held_back(pairs, now=history.record.now)}" if pairs else ""


def _left(history: ReaderHistory, day: date) -> str:
    """When a reader left who followed nothing any more as a day ended; empty when they had not left."""
    account = history.record.account
    over = min(history.record.now, local_instant(day + timedelta(days=1), 0, history.zone_on(day)))
    ends = [interval.until for interval in account.intervals if interval.since < over]
    known = [end for end in ends if end is not None and end <= over]
    if not known or len(known) < len(ends):
        return ""
    last = max(known)
    suppressed = account.suppressed and last == max(i.until for i in account.intervals if i.until is not None)
    at = last.astimezone(history.zone_at(last))
    when = f"at {at:%H:%M}" if at.date() == day else f"on {_day(at.date())}"
    return f"{'suppressed' if suppressed else 'unsubscribed'} {when}"


def _why_no_more_mail(history: ReaderHistory, slot: Slot, day: date) -> str:
    """Why a slot that has not come yet will bring nothing; empty when it may bring a digest."""
    record = history.record
    account = record.account
    ends = [interval.until for interval in account.intervals]
    if not account.confirmed or all(end is not None and end <= record.now for end in ends):
        since = max((end for end in ends if end is not None), default=None)
        local = since.astimezone(history.zone_at(since)) if since is not None else None
        if local is not None and local.date() == day:
            return f"{'suppressed' if account.suppressed else 'unsubscribed'} at {local:%H:%M}"
        on = f" on {_day(local.date())}" if local is not None else ""
        return f"{'suppressed' if account.suppressed else 'unsubscribed'}{on}; no mail comes"
    until = paused_until(record, record.now)
    return f"paused until {_day(until.astimezone(history.zone_at(until)).date())}" if until > slot.at else ""


def why_not_mailed_yet(pair: EditionPair, *, slot_at: datetime) -> str:
    """Why a paper that is owed is in no digest yet. slot_at: of the reader's next slot."""
    if pair.held:
        return f"edition {pair.edition} is held"
    if pair.ready_at > slot_at:
        return f"edition {pair.edition} is in its hold time until {instant(pair.ready_at)}"
    return "it waits for the slot"


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


def _held_back(pairs: Sequence[EditionPair], *, now: datetime) -> str:
    """How many papers wait, or waited, for editions, and for what."""
    kinds: dict[str, set[int]] = {}
    for pair in pairs:
        kinds.setdefault(_wait_of(pair, now=now), set()).add(pair.edition)
    words = []
    for kind, numbers in kinds.items():
        they = "edition" if len(numbers) == 1 else "editions"
        present, past = ("is", "was") if len(numbers) == 1 else ("are", "were")
        named = " and ".join(map(str, sorted(numbers)))
        words.append(f"{they} {named} {kind.format(present=present, past=past)}")
    over = all(not pair.held and pair.ready_at <= now for pair in pairs)
    return _papers_wait(pairs, f": {'; '.join(words)}", over=over)


def _wait_of(pair: EditionPair, *, now: datetime) -> str:
    """What an edition waits or waited for: its verb, in both numbers, and the rest."""
    if pair.held:
        return "{present} held"
    if pair.ready_at > now:
        return f"{{present}} in the hold time until {instant(pair.ready_at)}"
    if pair.released:
        return f"{{past}} held back until the release at {instant(pair.ready_at)}"
    return f"{{past}} in the hold time until {instant(pair.ready_at)}"


def _papers_wait(pairs: Sequence[EditionPair], what: str, *, over: bool = False) -> str:
    papers = "paper" if len(pairs) == 1 else "papers"
    wait = "waited" if over else "waits" if len(pairs) == 1 else "wait"
    return f"{len(pairs)} {papers} {wait}{what}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"
