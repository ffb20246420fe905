"""Holds an edition when too many of its first messages are refused.

Only refusals of the content or of the sender count: an admin has to look at the edition. A refusal that
concerns an address or a mailbox does not count (see `newsletter.pipeline.deliver.circuit_breaker`). Nor does
a deferral (4xx, such as greylisting), which is no answer yet. All runs and senders count together.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, exists, func, not_, or_, select, update

from newsletter.core.mail.reply_verdict import About, Reason
from newsletter.core.mail.retry import Fate
from newsletter.core.states import DeliveryState, Form, MailKind
from newsletter.db.schema import canary_slots, deliveries, digest_papers, editions
from newsletter.delivery.outbox.claims import ClaimedMail
from newsletter.delivery.outbox.handover import WINDOW, AttemptResult
from newsletter.delivery.outbox.held_mail import digests_with, hold_back_all
from newsletter.papers.editions import hold_for

MIN_REFUSED = 10  # refused messages; fewer in a short run prove nothing about an edition
REPLIES_SHOWN = 3  # different replies that the reason quotes
_ADDRESS = re.compile(r"\S+@\S+")  # a server may repeat the refused address

# Replies of these reasons say nothing about an edition: any other message would have been refused, too.
_ABOUT_THE_RELAY = frozenset(
    {Reason.SENDER, Reason.LOGIN, Reason.QUOTA, Reason.RATE, Reason.GREYLISTED, Reason.BUSY}
)
_NOT_THE_EDITION = or_(
    and_(deliveries.c.state == DeliveryState.FAILED, deliveries.c.reason.is_(None)),
    func.coalesce(deliveries.c.reply_about, "") == About.RECIPIENT.value,
    and_(  # recorded by version 0.1.0, which stored no verdict: X.2 is the mailbox (RFC 3463 3.3)
        deliveries.c.reply_about.is_(None), func.coalesce(deliveries.c.reply_status, "").like("5.2.%")
    ),
    func.coalesce(deliveries.c.reply_reason, "").in_(sorted(reason.value for reason in _ABOUT_THE_RELAY)),
)
_REFUSED = and_(
    or_(deliveries.c.state == DeliveryState.FAILED, deliveries.c.reply_code >= 500), not_(_NOT_THE_EDITION)
)
_ANSWERED = or_(deliveries.c.state.in_([DeliveryState.SENT, DeliveryState.UNCERTAIN]), _REFUSED)

log = logging.getLogger("newsletter.review")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """The thresholds from which an edition is held automatically."""

    after: int = 50  # outcomes that are judged; 0: the guard is off
    share: float = 0.2  # of them that may be refused


NO_GUARD = GuardPolicy(after=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeTally:
    """Counts of an edition's messages."""

    outcomes: int = 0
    refused: int = 0
    canaries: int = 0  # refused messages to canaries of this edition

    def without(self, excused: OutcomeTally) -> OutcomeTally:
        """The counts since an admin released the edition in spite of `excused`."""
        return OutcomeTally(
            outcomes=self.outcomes - excused.outcomes,
            refused=max(0, self.refused - excused.refused),
            canaries=max(0, self.canaries - excused.canaries),
        )


def must_hold(tally: OutcomeTally, policy: GuardPolicy, *, fresh: int, last: bool) -> bool:
    """Whether an edition is to be held.

    fresh: outcomes of this commit. If there were enough before it, the edition is not judged any more.
    last: the run is over; then the outcomes so far count as all.
    """
    if tally.canaries:
        return True
    if tally.outcomes - fresh >= policy.after:
        return False
    if tally.refused > policy.share * max(policy.after, tally.outcomes):
        return True  # even if all others of the first are accepted
    return last and tally.refused >= MIN_REFUSED and tally.refused > policy.share * tally.outcomes


def tally_of(connection: Connection, number: int, *, limit: int | None = None) -> OutcomeTally:
    """Count an edition's messages. limit: the most outcomes to read."""
    known = deliveries.c.digest_id.in_(digests_with([number]))
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
    """Excuse the outcomes so far: they do not hold the edition again."""
    _store(connection, number, tally_of(connection, number))


class EditionGuard:
    """Judges editions during one run."""

    def __init__(self, policy: GuardPolicy) -> None:
        self._policy = policy
        self._doubted: set[int] = set()  # editions of which a message was refused in this run
        self.held: dict[int, str] = {}  # editions that this run held, with the reason

    def judge(self, connection: Connection, results: Sequence[tuple[ClaimedMail, AttemptResult]]) -> None:
        """Judge the editions of outcomes that were just recorded."""
        if not self._policy.after:
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
        """Judge the editions that a short run left undecided."""
        for number in sorted(self._doubted.difference(self.held)):
            self._look_at(connection, number, fresh=0, last=True)

    def _look_at(self, connection: Connection, number: int, *, fresh: int, last: bool) -> None:
        row = connection.execute(
            select(editions.c.held, editions.c.excused).where(editions.c.number == number)
        ).one()
        if row.held:
            return
        excused = OutcomeTally(**row.excused) if row.excused else OutcomeTally()
        limit = self._policy.after + excused.outcomes + 4 * WINDOW
        tally = tally_of(connection, number, limit=limit)
        since = tally.without(excused)
        if tally.outcomes < limit and (tally.refused < excused.refused or tally.canaries < excused.canaries):
            _store(  # some were sent after all: they must not excuse later refusals
                connection,
                number,
                OutcomeTally(
                    outcomes=excused.outcomes,
                    refused=min(tally.refused, excused.refused),
                    canaries=min(tally.canaries, excused.canaries),
                ),
            )
        if must_hold(since, self._policy, fresh=fresh, last=last):
            because = _words(connection, number, since)
            if hold_for(connection, number, because):
                hold_back_all(connection)
                self.held[number] = because
                log.warning("edition=%d is held: its first mails were refused", number)


def _is_refused(result: AttemptResult) -> bool:
    return result.next.fate in (Fate.REFUSED, Fate.RETURNED) or (result.outcome.code or 0) >= 500


def _store(connection: Connection, number: int, tally: OutcomeTally) -> None:
    excused = {"outcomes": tally.outcomes, "refused": tally.refused, "canaries": tally.canaries}
    connection.execute(update(editions).where(editions.c.number == number).values(excused=excused))


def _words(connection: Connection, number: int, tally: OutcomeTally) -> str:
    """The reason, with the servers' words."""
    said = connection.execute(
        select(
            deliveries.c.reply_code,
            deliveries.c.reply_status,
            func.min(func.coalesce(deliveries.c.reply_text, deliveries.c.reason)).label("text"),
            func.count().label("times"),
        )
        .where(deliveries.c.digest_id.in_(digests_with([number])), _REFUSED)
        .group_by(deliveries.c.reply_code, deliveries.c.reply_status)
        .order_by(func.count().desc(), deliveries.c.reply_code, deliveries.c.reply_status)
        .limit(REPLIES_SHOWN)
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
