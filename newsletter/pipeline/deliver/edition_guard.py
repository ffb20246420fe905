"""Judges an edition by what becomes of its first mails, and holds it when too many are refused.

What a person has to look at is the edition: its content, or the server's opinion of it. So refusals that
speak of an address or a mailbox do not count (`newsletter.pipeline.deliver.circuit_breaker` minds those),
nor does what was
put off (4xx, such as greylisting): it has no answer yet. All runs and senders count together.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, exists, func, not_, or_, select, update

from newsletter.core.mail.retry import ADDRESS_DETAILS, Fate
from newsletter.core.states import DeliveryState, Form, MailKind
from newsletter.db.schema import canary_slots, deliveries, digest_papers, editions
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.handover import WINDOW, AttemptResult
from newsletter.delivery.outbox.held_mail import carrying, park_all
from newsletter.papers.editions import hold_for

LEAST = 10  # refused mails; fewer of a run that was too short say nothing about an edition
REPLIES = 3  # different ones that are told
_ADDRESS = re.compile(r"\S+@\S+")  # a server may repeat whom it refused

# X.2 is the mailbox: full, closed (RFC 3463, 3.3).
_OF_THE_READER = or_(
    and_(deliveries.c.state == DeliveryState.FAILED, deliveries.c.reason.is_(None)),
    func.coalesce(deliveries.c.reply_status, "").in_([f"5.{detail}" for detail in sorted(ADDRESS_DETAILS)]),
    func.coalesce(deliveries.c.reply_status, "").like("5.2.%"),
)
_REFUSED = and_(
    or_(deliveries.c.state == DeliveryState.FAILED, deliveries.c.reply_code >= 500), not_(_OF_THE_READER)
)
_ANSWERED = or_(deliveries.c.state.in_([DeliveryState.SENT, DeliveryState.UNCERTAIN]), _REFUSED)

log = logging.getLogger("newsletter.review")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """When an edition is held by itself."""

    after: int = 50  # outcomes that are looked at; 0: none
    share: float = 0.2  # of them that may be refused


NEVER = GuardPolicy(after=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTally:
    """What became of an edition's mails, in mails."""

    outcomes: int = 0
    refused: int = 0
    canaries: int = 0  # those among the refused that were for canaries of this edition

    def without(self, excused: OutcomeTally) -> OutcomeTally:
        """What came since an admin let the edition go on in spite of the rest."""
        return OutcomeTally(
            outcomes=self.outcomes - excused.outcomes,
            refused=max(0, self.refused - excused.refused),
            canaries=max(0, self.canaries - excused.canaries),
        )


def is_too_bad(tally: OutcomeTally, terms: GuardPolicy, *, fresh: int, last: bool) -> bool:
    """Whether an edition is to be held.

    fresh: outcomes that this look adds; when there were enough before it, nothing is looked at any more.
    last: a run is over; then what there is counts for the whole.
    """
    if tally.canaries:
        return True
    if tally.outcomes - fresh >= terms.after:
        return False
    if tally.refused > terms.share * max(terms.after, tally.outcomes):
        return True  # whatever becomes of the others among the first
    return last and tally.refused >= LEAST and tally.refused > terms.share * tally.outcomes


def tally_of(connection: Connection, number: int, *, limit: int | None = None) -> OutcomeTally:
    """Count an edition's mails. limit: look at no more outcomes than so many."""
    known = deliveries.c.digest_id.in_(carrying([number]))
    some = (
        select(case((_REFUSED, 1), else_=0).label("refused")).where(known, _ANSWERED).limit(limit).subquery()
    )
    outcomes, refused = connection.execute(
        select(func.count(), func.coalesce(func.sum(some.c.refused), 0)).select_from(some)
    ).one()
    canary = exists().where(
        canary_slots.c.edition == number, canary_slots.c.subscriber_id == deliveries.c.subscriber_id
    )
    canaries = connection.execute(
        select(func.count(deliveries.c.subscriber_id.distinct())).where(known, _REFUSED, canary)
    ).scalar_one()
    return OutcomeTally(outcomes=outcomes, refused=refused, canaries=canaries)


def excuse(connection: Connection, number: int) -> None:
    """What has become of an edition's mails so far does not hold it again."""
    _store(connection, number, tally_of(connection, number))


class EditionGuard:
    """The judgement of one run."""

    def __init__(self, terms: GuardPolicy) -> None:
        self._terms = terms
        self._doubted: set[int] = set()  # editions of which this run saw a mail refused
        self.held: dict[int, str] = {}  # editions that this run held, with the reason

    def judge(self, connection: Connection, results: Sequence[tuple[ClaimedMail, AttemptResult]]) -> None:
        """Look at what outcomes that have just been recorded mean for their editions."""
        if not self._terms.after:
            return
        digests = [mail.digest_id for mail, result in results if mail.kind == MailKind.DIGEST]
        refused = {
            mail.digest_id for mail, result in results if mail.kind == MailKind.DIGEST and _is_refused(result)
        }
        if not refused:
            return
        doubted = connection.execute(
            select(digest_papers.c.edition)
            .where(
                digest_papers.c.digest_id.in_(refused),
                digest_papers.c.edition.is_not(None),
                digest_papers.c.form != Form.LEFT,
            )
            .distinct()
            .order_by(digest_papers.c.edition)  # in one order, or two senders may deadlock
        ).scalars()
        for number in doubted:
            self._doubted.add(number)
            self._look_at(connection, number, fresh=len(digests), last=False)

    def end(self, connection: Connection) -> None:
        """Judge what a run that was too short left undecided."""
        for number in sorted(self._doubted.difference(self.held)):
            self._look_at(connection, number, fresh=0, last=True)

    def _look_at(self, connection: Connection, number: int, *, fresh: int, last: bool) -> None:
        row = connection.execute(
            select(editions.c.held, editions.c.excused).where(editions.c.number == number)
        ).one()
        if row.held:
            return
        excused = OutcomeTally(**row.excused) if row.excused else OutcomeTally()
        limit = self._terms.after + excused.outcomes + 4 * WINDOW
        tally = tally_of(connection, number, limit=limit)
        since = tally.without(excused)
        if tally.outcomes < limit and (tally.refused < excused.refused or tally.canaries < excused.canaries):
            _store(  # some went out after all: what is refused from now on is not hidden behind them
                connection,
                number,
                OutcomeTally(
                    outcomes=excused.outcomes,
                    refused=min(tally.refused, excused.refused),
                    canaries=min(tally.canaries, excused.canaries),
                ),
            )
        if is_too_bad(since, self._terms, fresh=fresh, last=last):
            because = _words(connection, number, since)
            if hold_for(connection, number, because):
                park_all(connection)
                self.held[number] = because
                log.warning("edition=%d is held: its first mails were refused", number)


def _is_refused(result: AttemptResult) -> bool:
    return result.next.fate in (Fate.REFUSED, Fate.RETURNED) or (result.outcome.code or 0) >= 500


def _store(connection: Connection, number: int, tally: OutcomeTally) -> None:
    excused = {"outcomes": tally.outcomes, "refused": tally.refused, "canaries": tally.canaries}
    connection.execute(update(editions).where(editions.c.number == number).values(excused=excused))


def _words(connection: Connection, number: int, tally: OutcomeTally) -> str:
    """Why, with what the servers said."""
    said = connection.execute(
        select(
            deliveries.c.reply_code,
            deliveries.c.reply_status,
            func.min(func.coalesce(deliveries.c.reply_text, deliveries.c.reason)).label("text"),
            func.count().label("times"),
        )
        .where(deliveries.c.digest_id.in_(carrying([number])), _REFUSED)
        .group_by(deliveries.c.reply_code, deliveries.c.reply_status)
        .order_by(func.count().desc(), deliveries.c.reply_code, deliveries.c.reply_status)
        .limit(REPLIES)
    )
    replies = []
    for row in said:
        words = " ".join(str(part) for part in (row.reply_code, row.reply_status, row.text) if part)
        replies.append(f"{row.times} × {_ADDRESS.sub('…', words)[:200]}")
    whose = (
        "the mail of a canary was refused"
        if tally.canaries
        else (f"{tally.refused} of its first {tally.outcomes} mails were refused")
    )
    return f"{whose}: {'; '.join(replies)}"
