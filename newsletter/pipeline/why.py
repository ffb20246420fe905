"""Says for any day why a person got the mail that they got, or got none. Looks only; changes nothing.

The day is the reader's own. The answer comes from the same events as the audit's, not from composing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, func, select

from newsletter.core.cadence import Cadence, local_instant, next_slot, slot_on, zone_of
from newsletter.core.days import Books, Era, Silence, Verdict, era_at, owed, paused_until, silence
from newsletter.core.ledger import Account, Pair
from newsletter.core.states import DeliveryState, Form
from newsletter.core.waiting import DEAD
from newsletter.db.engine import reading
from newsletter.db.schema import canary_slots, deliveries, digest_papers, papers, runs
from newsletter.delivery.carried import Carried, contents_of
from newsletter.delivery.claims import NOTE, REGULAR
from newsletter.delivery.parking import barred
from newsletter.pipeline.audit import DigestContents, accounts, load_pairs
from newsletter.pipeline.batch import KIND, NOW_KEY
from subscribers.past import Past, past

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
    papers: list[dict[str, Any]]  # id, title, topic, role, evidence (matched words)
    maybe: list[dict[str, Any]]  # doubtful ones at the end of the mail: id, title, topic, evidence
    left_out: list[dict[str, Any]]  # paper (id), title, reason
    deliveries: list[int]
    came: list[int]  # deliveries that came on the day, but were for the slot of another

    def as_json(self) -> dict[str, Any]:
        """The JSON of `newsletter why`."""
        return {
            "address": self.address,
            "on": self.on.isoformat(),
            "mailed": self.mailed,
            "reason": self.reason,
            "papers": self.papers,
            "maybe": self.maybe,
            "left_out": self.left_out,
            "deliveries": self.deliveries,
            "came": self.came,
        }


def why(engine: Engine, *, subscriber_id: int, address: str, on: date | None, now: datetime) -> Answer:
    """Explain one day of one reader. on: their local date; None means today as of `now` (aware)."""
    with reading(engine) as connection:
        told = Explainer(connection, now=now).reader(subscriber_id)
        day = on or now.astimezone(told.zone_at(now)).date()
        mails = told.mails_on(day)
        sent = [mail for mail in mails if mail.state == DeliveryState.SENT]
        ids = [mail.digest_id for mail in (sent or mails)]
        contents = list(contents_of(connection, ids).values())
        crowded = _crowded(connection, ids)
        verdict = None if mails else silence(told.books, day)
        slot = verdict.slot if verdict is not None else slot_on(told.era_on(day).cadence, day)
        known = {card.id for of in contents for card in (*of.papers, *of.maybe)} | {
            p["paper"] for p in crowded
        }
        at = slot.at if slot is not None else local_instant(day, 12, told.zone_on(day))
        ahead = verdict is not None and verdict.why is Silence.NOT_YET
        waiting = _waiting_for(told.books, verdict) if verdict is not None and ahead else []
        came = told.came_on(day)
        return Answer(
            address=address,
            on=day,
            mailed=bool(sent),
            reason=(
                _reason(told, verdict, day, waiting)
                if verdict is not None
                else _fate(told, mails, sent, day)
                + _canary(connection, (sent or mails)[-1])
                + _held(connection, (sent or mails)[-1])
            )
            + "".join(f"; {told.coming(mail)}" for mail in came),
            papers=[_card(card, role=card.role) for of in contents for card in of.papers] if sent else [],
            maybe=[_card(card) for of in contents for card in of.maybe] if sent else [],
            left_out=(
                _listed(connection, {p.paper: _why_waiting(p) for p in waiting})
                if ahead
                else crowded + _not_for_them(connection, told.books, at, known)
            ),
            deliveries=[mail.id for mail in mails],
            came=[mail.id for mail in came],
        )


class Explainer:
    """What explains any day of any reader: editions and runs, read once. Lives within one transaction."""

    def __init__(self, connection: Connection, *, now: datetime) -> None:
        """now: aware; nothing later is known."""
        self._connection = connection
        self._now = now
        self._pairs = load_pairs(connection)
        self._contents = DigestContents(connection)
        latest = func.max(runs.c.at, type_=runs.c.at.type).over(order_by=runs.c.id).label("latest")
        found = select(runs.c.at, latest, runs.c.only, runs.c.everyone).where(runs.c.verb == "compose")
        self._runs = [
            row
            for row in sorted(connection.execute(found).all(), key=lambda row: (row.at, row.latest))
            if not row.everyone and row.at <= now
        ]

    def reader(self, subscriber_id: int) -> Reader:
        """One reader's books."""
        account = next(a for _, a in accounts(self._connection, self._contents, only=subscriber_id))
        then = past(self._connection, subscriber_id)
        mails = self._connection.execute(
            select(deliveries)
            .where(deliveries.c.subscriber_id == subscriber_id, deliveries.c.kind.in_(REGULAR))
            .order_by(deliveries.c.id)
        ).all()
        return Reader(
            books=Books(
                account=account,
                eras=_eras(then),
                pauses=then.pauses,
                pairs=self._pairs,
                runs=[(row.at, row.latest) for row in self._runs if row.only in (None, subscriber_id)],
                now=self._now,
            ),
            mails=mails,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One reader as `why` sees them."""

    books: Books
    mails: Sequence[Row[Any]]  # digests and notes, in order

    def zone_at(self, at: datetime) -> ZoneInfo:
        """The zone that they had chosen then."""
        return zone_of(era_at(self.books.eras, at).cadence.timezone)

    def era_on(self, day: date) -> Era:
        """What held at noon of a date, as UTC counts it."""
        return era_at(self.books.eras, datetime(day.year, day.month, day.day, 12, tzinfo=UTC))

    def zone_on(self, day: date) -> ZoneInfo:
        """The zone at noon of a date."""
        return zone_of(self.era_on(day).cadence.timezone)

    def mails_on(self, day: date, kind: str = KIND) -> list[Row[Any]]:
        """Those of the date's slot, and those made on it regardless of the hour."""
        return [mail for mail in self.mails if mail.kind == kind and self._date_of(mail) == day]

    def came_on(self, day: date) -> list[Row[Any]]:
        """Digests that were sent on a date, but for the slot of another: after downtime, say."""
        return [
            mail
            for mail in self.mails
            if mail.kind == KIND
            and mail.state == DeliveryState.SENT
            and self.sent_at(mail).date() == day != self._date_of(mail)
        ]

    def coming(self, mail: Row[Any]) -> str:
        """That a mail for another date came on this one, in words."""
        return f"the digest for {_day(self._date_of(mail))} came on this day at {self.sent_at(mail):%H:%M}"

    def sent_at(self, mail: Row[Any]) -> datetime:
        """When a mail went out, in the zone of the time."""
        at: datetime = mail.finished_at or mail.composed_at
        return at.astimezone(self.zone_at(mail.composed_at))

    def _date_of(self, mail: Row[Any]) -> date:
        if mail.key.startswith(NOW_KEY):
            return cast(date, mail.composed_at.astimezone(self.zone_at(mail.composed_at)).date())
        return date.fromisoformat(mail.key)


def _eras(then: Past) -> list[Era]:
    found: list[Era] = []
    counted: datetime | None = None
    for number, choice in enumerate(then.choices):
        chosen = choice.preferences
        if choice.anew:
            counted = choice.since
        following = then.choices[number + 1].since if number + 1 < len(then.choices) else None
        found.append(
            Era(
                since=choice.since,
                until=following,
                cadence=Cadence(
                    kind=chosen.cadence, weekday=chosen.weekday, hour=chosen.hour, timezone=chosen.timezone
                ),
                minimum=chosen.minimum,
                slots_since=counted,
            )
        )
    return found


def _card(card: Carried, **more: str) -> dict[str, Any]:
    return {"id": card.id, "title": card.title, "topic": card.topic, **more, "evidence": list(card.evidence)}


def _crowded(connection: Connection, digest_ids: list[int]) -> list[dict[str, Any]]:
    """What the digests had no room for."""
    rows = connection.execute(
        select(digest_papers.c.paper_id, papers.c.title)
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(digest_papers.c.digest_id.in_(digest_ids), digest_papers.c.form == Form.LEFT)
        .order_by(digest_papers.c.digest_id, digest_papers.c.position)
    )
    return [
        {"paper": row.paper_id, "title": row.title, "reason": "no room; it leads the next digest"}
        for row in rows
    ]


def _not_for_them(
    connection: Connection, books: Books, at: datetime, known: set[int]
) -> list[dict[str, Any]]:
    """Papers that became ready within the day before a slot, and why they are not in its mail."""
    fresh: dict[int, list[Pair]] = {}
    for of_topic in books.pairs.values():
        for pair in of_topic:
            if at - timedelta(days=1) < pair.ready_at <= at and pair.paper not in known:
                fresh.setdefault(pair.paper, []).append(pair)
    reasons = {paper: _why_not(books.account, of_paper) for paper, of_paper in fresh.items()}
    return _listed(connection, reasons)


def _listed(connection: Connection, reasons: dict[int, str]) -> list[dict[str, Any]]:
    chosen = select(papers.c.id, papers.c.title).where(papers.c.id.in_(reasons))
    titles = {row.id: row.title for row in connection.execute(chosen)}
    return [{"paper": paper, "title": titles[paper], "reason": reason} for paper, reason in reasons.items()]


def _waiting_for(books: Books, verdict: Verdict) -> list[Pair]:
    """What waits for a slot that is the reader's next, one pair for each paper; held ones last."""
    slot = verdict.slot
    if slot is None or next_slot(verdict.cadence, books.now) != slot:
        return []
    if paused_until(books, books.now) > slot.at:
        return []
    return list((owed(books, books.now, held=True) | owed(books, books.now)).values())


def _why_waiting(pair: Pair) -> str:
    return f"edition {pair.edition} is held" if pair.held else "it waits for the slot"


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
            return _elsewhere(account, pair.paper)
    return "in no topic that they follow"


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


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"


def _fate(told: Reader, mails: Sequence[Row[Any]], sent: Sequence[Row[Any]], day: date) -> str:
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


def _canary(connection: Connection, mail: Row[Any]) -> str:
    """Which editions of a mail the reader had ahead of their time, in words."""
    if not mail.key.startswith(NOW_KEY):
        return ""
    numbers = connection.execute(
        select(canary_slots.c.edition)
        .join(digest_papers, digest_papers.c.edition == canary_slots.c.edition)
        .where(
            canary_slots.c.subscriber_id == mail.subscriber_id,
            canary_slots.c.at <= mail.composed_at,
            digest_papers.c.digest_id == mail.digest_id,
        )
        .distinct()
        .order_by(canary_slots.c.edition)
    ).scalars()
    found = " and ".join(str(number) for number in numbers)
    return f"; they are a canary: edition {found} was theirs when it was published" if found else ""


def _held(connection: Connection, mail: Row[Any]) -> str:
    """Whether a mail waits for an edition that is held, in words."""
    waits = mail.state in (DeliveryState.QUEUED, DeliveryState.DEFERRED)
    return "; it waits for a held edition" if waits and barred(connection, [mail.digest_id]) else ""


def _wait(pairs: Sequence[Pair], what: str) -> str:
    return f"{len(pairs)} {'paper waits' if len(pairs) == 1 else 'papers wait'}{what}"


def _held_back(pairs: Sequence[Pair]) -> str:
    """How many papers wait for the release of which editions, in words."""
    numbers = sorted({pair.edition for pair in pairs})
    are = "edition {} is held" if len(numbers) == 1 else "editions {} are held"
    return _wait(pairs, ": " + are.format(" and ".join(map(str, numbers))))


def _reason(told: Reader, verdict: Verdict, day: date, waiting: Sequence[Pair]) -> str:
    """Why there is no digest of a day."""
    cadence = verdict.cadence
    if verdict.why is Silence.NO_SLOT:
        words = f"weekly on {cadence.weekday}" if cadence.kind == "weekly" else cadence.kind
        return f"{verdict.why}: the cadence is {words}"
    if verdict.why is Silence.NOT_YET and verdict.slot is not None:
        words = f"the slot at {verdict.slot.at.astimezone(zone_of(cadence.timezone)):%H:%M} has not come yet"
        ready, held = ([p for p in waiting if p.held is so] for so in (False, True))
        words += f"; {_wait(ready, ' for it')}" if ready else ""
        return words + (f"; {_held_back(held)}" if held else "")
    if verdict.why is Silence.TOO_FEW:
        papers_ = "paper waits" if verdict.waiting == 1 else "papers wait"
        words = f"{verdict.waiting} {papers_}, fewer than the minimum of {verdict.minimum}"
        return words + (f"; {_held_back(verdict.held)}" if verdict.held else "")
    noted = any(mail.state == DeliveryState.SENT for mail in told.mails_on(day, NOTE))
    if verdict.held:
        return _held_back(verdict.held) + ("; a short note told of nothing new" if noted else "")
    if verdict.why is Silence.NOTHING_NEW and noted:
        return f"{verdict.why}; a short note said so"
    return verdict.why.value
