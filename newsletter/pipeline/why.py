"""Says for any day why a person got the mail that they got, or got none. Looks only; changes nothing.

The day is the reader's own. The answer comes from the same events as the audit's, not from composing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, func, select

from newsletter.core.cadence import SPACING, Slot, next_slot, slot_on
from newsletter.core.ledger import Account, Pair
from newsletter.core.states import DeliveryState, Form
from newsletter.core.waiting import DEAD, Pending, last_mail
from newsletter.db.engine import reading
from newsletter.db.schema import deliveries, digest_papers, papers, runs
from newsletter.pipeline.audit import DigestContents, accounts, load_pairs

_IN_WORDS = {
    DeliveryState.QUEUED: "the mail is composed and waits to be sent",
    DeliveryState.LEASED: "the mail is being sent",
    DeliveryState.HANDING_OVER: "the mail is being handed over",
    DeliveryState.DEFERRED: "the server refused the mail for now; it is tried again",
    DeliveryState.FAILED: "the server refused the mail for good",
    DeliveryState.UNCERTAIN: "the connection broke as the mail was handed over; its papers come as a recap",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What `newsletter why` prints."""

    address: str
    on: date
    mailed: bool
    reason: str
    papers: list[dict[str, Any]]  # id, title, topic, role
    left_out: list[dict[str, Any]]  # paper (id), title, reason
    deliveries: list[int]

    def as_json(self) -> dict[str, Any]:
        """The JSON of `newsletter why`."""
        return {
            "address": self.address,
            "on": self.on.isoformat(),
            "mailed": self.mailed,
            "reason": self.reason,
            "papers": self.papers,
            "left_out": self.left_out,
            "deliveries": self.deliveries,
        }


def why(engine: Engine, *, subscriber_id: int, address: str, on: date | None, now: datetime) -> Answer:
    """Explain one day of one reader. on: their local date; None means today as of `now` (aware)."""
    with reading(engine) as connection:
        account = _account(connection, subscriber_id)
        day = on or now.astimezone(ZoneInfo(account.cadence.timezone)).date()
        mails = _mails_on(connection, subscriber_id, day, account.cadence.timezone)
        sent = [mail for mail in mails if mail.state == DeliveryState.SENT]
        shown, crowded = _contents(connection, [mail.digest_id for mail in (sent or mails)])
        seen = {paper["id"] for paper in shown}
        left_out = crowded + _not_for_them(connection, account, day, seen | {p["paper"] for p in crowded})
        return Answer(
            address=address,
            on=day,
            mailed=bool(sent),
            reason=_reason(connection, account, mails, sent, day=day, now=now),
            papers=shown if sent else [],
            left_out=left_out,
            deliveries=[mail.id for mail in mails],
        )


def _account(connection: Connection, subscriber_id: int) -> Account:
    contents = DigestContents(connection)
    return next(account for _, account in accounts(connection, contents, only=subscriber_id))


def _mails_on(connection: Connection, subscriber_id: int, day: date, timezone: str) -> list[Row[Any]]:
    """The reader's digests of that date: those of its slot, and those made on it regardless of the hour."""
    rows = connection.execute(
        select(deliveries)
        .where(deliveries.c.subscriber_id == subscriber_id, deliveries.c.kind == "digest")
        .order_by(deliveries.c.id)
    ).all()
    zone = ZoneInfo(timezone)
    return [row for row in rows if (row.slot_at or row.composed_at).astimezone(zone).date() == day]


def _contents(
    connection: Connection, digest_ids: list[int]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows = connection.execute(
        select(
            digest_papers.c.paper_id,
            digest_papers.c.topic,
            digest_papers.c.form,
            digest_papers.c.role,
            papers.c.title,
        )
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(digest_papers.c.digest_id.in_(digest_ids))
        .order_by(digest_papers.c.digest_id, digest_papers.c.position)
    ).all()
    shown = [
        {"id": row.paper_id, "title": row.title, "topic": row.topic, "role": row.role}
        for row in rows
        if row.form != Form.LEFT
    ]
    crowded = [
        {"paper": row.paper_id, "title": row.title, "reason": "no room; it leads the next digest"}
        for row in rows
        if row.form == Form.LEFT
    ]
    return shown, crowded


def _not_for_them(
    connection: Connection, account: Account, day: date, known: set[int]
) -> list[dict[str, Any]]:
    """Papers that became ready between the slot before and this one, and why they are not in the mail."""
    slot = _slot_or_noon(account, day)
    pairs = load_pairs(connection)
    start = slot.at - timedelta(days=1)
    fresh: dict[int, list[Pair]] = {}
    for of_topic in pairs.values():
        for pair in of_topic:
            if start < pair.ready_at <= slot.at and pair.paper not in known:
                fresh.setdefault(pair.paper, []).append(pair)
    chosen = select(papers.c.id, papers.c.title).where(papers.c.id.in_(fresh))
    titles = {row.id: row.title for row in connection.execute(chosen)}
    return [
        {"paper": paper, "title": titles[paper], "reason": _why_not(account, of_paper)}
        for paper, of_paper in fresh.items()
    ]


def _why_not(account: Account, pairs: list[Pair]) -> str:
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
            return "it was or will be in another mail"
    return "in no topic that they follow"


def _slot_or_noon(account: Account, day: date) -> Slot:
    slot = slot_on(account.cadence, day)
    if slot is not None:
        return slot
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(account.cadence.timezone))
    return Slot(at=noon, day=day)


def _reason(
    connection: Connection,
    account: Account,
    mails: list[Row[Any]],
    sent: list[Row[Any]],
    *,
    day: date,
    now: datetime,
) -> str:
    zone = ZoneInfo(account.cadence.timezone)
    if sent:
        mail = sent[-1]
        when = (mail.finished_at or mail.composed_at).astimezone(zone)
        return f"sent at {when:%H:%M} ({account.cadence.timezone})"
    if mails:
        mail = mails[-1]
        if mail.state == DeliveryState.SKIPPED:
            return f"the mail was composed but not sent: {mail.reason}"
        words = _IN_WORDS[DeliveryState(mail.state)]
        return f"{words}: {mail.reply_text}" if mail.reply_text else words
    slot = slot_on(account.cadence, day)
    if slot is None:
        return f"no slot on that day: the cadence is {_cadence_words(account)}"
    if slot.at > now:
        return f"the slot at {slot.at.astimezone(zone):%H:%M} has not come yet"
    followed = [i for i in account.intervals if i.since <= slot.at and (i.until is None or i.until > slot.at)]
    if not followed:
        joined = any(interval.since <= slot.at for interval in account.intervals)
        return "unsubscribed before that slot" if joined else "not subscribed yet at that slot"
    if account.paused_until is not None and account.paused_until > slot.at:
        return "paused"
    last = last_mail(account, now)
    if last is not None and last.composed_at > now:
        return Pending.CLOCK_BEHIND.value
    lately = (mail for mail in account.mailed if mail.state not in DEAD)
    if any(slot.at - SPACING < mail.composed_at <= slot.at + SPACING for mail in lately):
        return "passed over: another digest went out less than 12 hours before"
    following = next_slot(account.cadence, slot.at).at
    run = connection.execute(
        select(func.min(runs.c.at, type_=runs.c.at.type)).where(
            runs.c.verb == "compose", runs.c.at >= slot.at, runs.c.at < following
        )
    ).scalar_one_or_none()
    if run is None:
        return "nothing was sent to anybody: no run between that slot and the next"
    if account.minimum > 1:
        return f"nothing new, or fewer than {account.minimum} papers"
    return "nothing new in the topics they follow"


def _cadence_words(account: Account) -> str:
    cadence = account.cadence
    return f"weekly on {cadence.weekday}" if cadence.kind == "weekly" else cadence.kind
