"""Explains for any day why a reader got a digest or got none. It changes nothing.

The day is one in the reader's zone. The answer comes from the same events as the audit's, not from composing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, select

from newsletter.core.cadence import local_instant, next_slot, slot_on, zone_of
from newsletter.core.debts.account import EditionPair
from newsletter.core.debts.no_digest import (
    DayExplanation,
    NoDigestReason,
    ReaderRecord,
    explain_day,
    owed_papers,
    paused_until,
)
from newsletter.core.states import NOW_KEY, DeliveryState, Form, Role
from newsletter.db.engine import reading
from newsletter.db.schema import canary_slots, digest_papers, papers
from newsletter.delivery.outbox.digest_contents import DigestPapers, ShownPaper, contents_of
from newsletter.delivery.outbox.held_mail import with_held_edition
from newsletter.delivery.outbox.past_contents import past_contents
from newsletter.pipeline.explain.reader_history import DayExplainer, HistoryMail, ReaderHistory
from newsletter.pipeline.explain.why_wording import (
    came_late,
    never_confirmed,
    no_digest,
    outcome_of,
    still_waiting,
    why_not_in_mail,
    why_not_mailed_yet,
)
from subscribers import consent, queries
from subscribers.consent import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyAnswer:
    """What `newsletter why` prints."""

    address: str
    on: date
    mailed: bool
    reason: str
    papers: list[dict[str, Any]]  # id, title, topic, role, evidence (matched words)
    maybe: list[dict[str, Any]]  # doubtful papers at the end of the mail: id, title, topic, evidence
    new_versions: list[dict[str, Any]]  # lines at the end of the mail: id, title, listed_on
    left_out: list[dict[str, Any]]  # paper (id), title, reason
    deliveries: list[int]
    came: list[int]  # deliveries that came on the day for the slot of another day
    mails: list[dict[str, Any]] = field(default_factory=list)  # each one sent: delivery, at, editions, papers

    def as_json(self) -> dict[str, Any]:
        """The JSON of `newsletter why`."""
        return {
            "address": self.address,
            "on": self.on.isoformat(),
            "mailed": self.mailed,
            "reason": self.reason,
            "papers": self.papers,
            "maybe": self.maybe,
            "new_versions": self.new_versions,
            "left_out": self.left_out,
            "deliveries": self.deliveries,
            "came": self.came,
            "mails": self.mails,
        }


def why(engine: Engine, *, subscriber_id: int, address: str, on: date | None, now: datetime) -> WhyAnswer:
    """Explain one day of one reader. on: their local date; None: the day of `now` (aware)."""
    with reading(engine) as connection:
        history = DayExplainer(connection, now=now).reader(subscriber_id)
        if history is None:
            return _never_joined(connection, subscriber_id, address=address, on=on, now=now)
        day = on or now.astimezone(history.zone_at(now)).date()
        found_deliveries = history.deliveries_on(day)
        sent = [mail for mail in found_deliveries if mail.state == DeliveryState.SENT]
        ids = [mail.digest_id for mail in (sent or found_deliveries)]
        shown = contents_of(connection, ids)
        contents = list(shown.values())
        left_out = _left_out(connection, ids)
        explanation = None if found_deliveries else explain_day(history.record, day)
        slot = explanation.slot if explanation is not None else slot_on(history.period_on(day).cadence, day)
        known = {card.id for of in contents for card in (*of.papers, *of.maybe)} | {
            p["paper"] for p in left_out
        }
        at = slot.at if slot is not None else local_instant(day, 12, history.zone_on(day))
        ahead = explanation is not None and explanation.why is NoDigestReason.NOT_YET
        waiting = _waiting_pairs(history.record, explanation) if explanation is not None and ahead else []
        came = history.late_deliveries_on(day)
        return WhyAnswer(
            address=address,
            on=day,
            mailed=bool(sent),
            reason=(
                no_digest(history, explanation, day, waiting)
                if explanation is not None
                else outcome_of(history, found_deliveries, sent, day)
                + _canary(connection, (sent or found_deliveries)[-1])
                + _held(connection, (sent or found_deliveries)[-1])
                + (still_waiting(history, day, known) if sent else "")
            )
            + "".join(f"; {came_late(history, mail)}" for mail in came),
            papers=[_card(card, role=card.role) for of in contents for card in of.papers] if sent else [],
            maybe=[_card(card) for of in contents for card in of.maybe] if sent else [],
            new_versions=[line.as_json() for of in contents for line in of.new_versions] if sent else [],
            left_out=(
                _listed(connection, {p.paper: why_not_mailed_yet(p, slot_at=at) for p in waiting})
                if ahead
                else left_out + _not_in_mail(connection, history.record, at, known)
            ),
            deliveries=[mail.id for mail in found_deliveries],
            came=[mail.id for mail in came],
            mails=[
                _mail(connection, history, mail, shown.get(mail.digest_id, DigestPapers())) for mail in sent
            ],
        )


def _never_joined(
    connection: Connection, subscriber_id: int, *, address: str, on: date | None, now: datetime
) -> WhyAnswer:
    """The answer for a person who never agreed to any mail."""
    person = queries.by_id(connection, subscriber_id)
    return WhyAnswer(
        address=address,
        on=on or now.astimezone(zone_of(person.preferences.timezone)).date(),
        mailed=False,
        reason=never_confirmed(
            person.state, asked_at=consent.last_at(connection, subscriber_id, [EventKind.REQUESTED])
        ),
        papers=[],
        maybe=[],
        new_versions=[],
        left_out=[],
        deliveries=[],
        came=[],
    )


def _mail(
    connection: Connection, history: ReaderHistory, mail: HistoryMail, shown: DigestPapers
) -> dict[str, Any]:
    """One mail that was sent: its delivery, when, the editions that it brought, the ids of its papers."""
    editions = {place.edition for place in _places(connection, mail.digest_id) if place.form != Form.LEFT}
    return {
        "delivery": mail.id,
        "at": history.sent_at(mail).isoformat(),
        "editions": sorted(number for number in editions if number is not None),
        "papers": [card.id for card in shown.papers],
        "maybe": [card.id for card in shown.maybe],
        "new_versions": [line.id for line in shown.new_versions],
    }


def _card(card: ShownPaper, **more: str) -> dict[str, Any]:
    return {"id": card.id, "title": card.title, "topic": card.topic, **more, "evidence": list(card.evidence)}


def _left_out(connection: Connection, digest_ids: list[int]) -> list[dict[str, Any]]:
    """The papers that the digests had no room for."""
    places = [place for digest_id in sorted(set(digest_ids)) for place in _places(connection, digest_id)]
    ids = [place.paper_id for place in places if place.form == Form.LEFT]
    rows = connection.execute(select(papers.c.id, papers.c.title).where(papers.c.id.in_(ids)))
    titles = {row.id: row.title for row in rows}
    return [
        {"paper": paper, "title": titles[paper], "reason": "no room; it leads the next digest"}
        for paper in ids
    ]


def _places(connection: Connection, digest_id: int) -> Sequence[Any]:
    """The papers of a digest in its order: paper_id, form, edition."""
    rows = connection.execute(
        select(digest_papers.c.paper_id, digest_papers.c.form, digest_papers.c.edition)
        .where(digest_papers.c.digest_id == digest_id)
        .order_by(digest_papers.c.position)
    ).all()
    if rows:
        return rows
    packed = past_contents(connection, [digest_id])
    return packed[digest_id].papers if digest_id in packed else ()


def _not_in_mail(
    connection: Connection, record: ReaderRecord, at: datetime, known: set[int]
) -> list[dict[str, Any]]:
    """Papers that became ready within the day before a slot, and why they are not in its digest."""
    fresh: dict[int, list[EditionPair]] = {}
    for of_topic in record.pairs.values():
        for pair in of_topic:
            if at - timedelta(days=1) < pair.ready_at <= at and pair.paper not in known:
                fresh.setdefault(pair.paper, []).append(pair)
    reasons = {paper: why_not_in_mail(record.account, of_paper) for paper, of_paper in fresh.items()}
    return _listed(connection, reasons)


def _listed(connection: Connection, reasons: dict[int, str]) -> list[dict[str, Any]]:
    chosen = select(papers.c.id, papers.c.title).where(papers.c.id.in_(reasons))
    titles = {row.id: row.title for row in connection.execute(chosen)}
    return [{"paper": paper, "title": titles[paper], "reason": reason} for paper, reason in reasons.items()]


def _waiting_pairs(record: ReaderRecord, explanation: DayExplanation) -> list[EditionPair]:
    """The pairs that wait for the reader's next slot, one for each paper; [] when this slot is another."""
    slot = explanation.slot
    if slot is None or next_slot(explanation.cadence, record.now) != slot:
        return []
    if paused_until(record, record.now) > slot.at:
        return []
    found = owed_papers(record, record.now, held=True) | owed_papers(record, record.now)
    by_row = {debt.paper for debt in record.account.debts if debt.open and debt.kind != Role.RECAP}
    for interval in record.account.intervals:
        if interval.until is None and by_row:  # given back, or given to somebody who joined later
            pairs = record.pairs.get(interval.topic, ())
            found |= {pair.paper: pair for pair in pairs if pair.paper in by_row and pair.end is None}
    return list(found.values())


def _canary(connection: Connection, mail: HistoryMail) -> str:
    """Says which editions of a digest the reader had ahead of their time."""
    if not mail.key.startswith(NOW_KEY):
        return ""
    shown = {place.edition for place in _places(connection, mail.digest_id)}
    early = connection.execute(
        select(canary_slots.c.edition)
        .where(canary_slots.c.subscriber_id == mail.subscriber_id, canary_slots.c.at <= mail.composed_at)
        .distinct()
        .order_by(canary_slots.c.edition)
    ).scalars()
    numbers = [number for number in early if number in shown]
    found = " and ".join(str(number) for number in numbers)
    return f"; they are a canary: edition {found} was theirs when it was published" if found else ""


def _held(connection: Connection, mail: HistoryMail) -> str:
    """Says whether a delivery waits for an edition that is held."""
    waits = mail.state in (DeliveryState.QUEUED, DeliveryState.DEFERRED)
    return (
        "; it waits for a held edition" if waits and with_held_edition(connection, [mail.digest_id]) else ""
    )
