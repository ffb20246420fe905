"""Records that an accepted message came back, and settles its papers. Judges no bounce, opens no transaction.

Such a delivery is `failed`, like one that was refused at once; `bounced_at` tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, select, update

from newsletter.core.errors import StorageError
from newsletter.core.mail.bounce_policy import GOOD_AFTER
from newsletter.core.mail.reply_verdict import About, ReplyVerdict
from newsletter.core.states import RESENT, DebtEnd, DeliveryState, MailKind, Role
from newsletter.db.schema import deliveries, reader_debts
from newsletter.delivery.outbox import debts
from subscribers.lifecycle import strikes
from subscribers.lifecycle.strikes import StrikeCount

_ACCEPTED = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
_AT_A_SENDER = (DeliveryState.LEASED, DeliveryState.HANDING_OVER)
# Bounces in a row about these mean that the reader gets nothing; those about us or a text mean no reader.
_COUNTED = (About.RECIPIENT.value, About.SERVER.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceWords:
    """What a bounce says of a delivery, in the columns of a reply."""

    code: int | None
    status: str
    text: str  # without addresses
    verdict: ReplyVerdict


def lock(connection: Connection, delivery_id: int) -> Row[Any]:
    """The delivery, which no other transaction changes until this one ends.

    Raises StorageError while a sender has it: its outcome is not recorded yet, so a bounce must wait.
    """
    row = connection.execute(select(deliveries).where(deliveries.c.id == delivery_id).with_for_update()).one()
    if row.state in _AT_A_SENDER:
        raise StorageError(
            f"delivery {delivery_id} is being handed over",
            hint="What came back about it is taken in when its outcome is recorded.",
        )
    return row


def is_accepted(row: Row[Any]) -> bool:
    """Whether a server took the delivery, or may have."""
    return row.state in _ACCEPTED


def record(
    connection: Connection, row: Row[Any], words: BounceWords, *, papers_return: bool, now: datetime
) -> None:
    """An accepted delivery came back. papers_return: its papers come once more; else their debts end."""
    ids = [row.id]
    if row.state == DeliveryState.UNCERTAIN:
        _settle_recaps(connection, row.id, papers_return=papers_return, now=now)
    _reopen(connection, row.id)
    if not papers_return:
        debts.refuse(connection, ids, now=now)
    elif row.state == DeliveryState.SENT:
        debts.return_papers_once(connection, ids, now=now)
    why = f"came back: {words.status or words.code or ''} {words.verdict.reason}"
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == row.id)
        .values(
            state=DeliveryState.FAILED.value,
            reason=" ".join(why.split()) if papers_return else None,
            bounced_at=now,
            reply_code=words.code,
            reply_status=words.status or None,
            reply_text=words.text,
            reply_about=words.verdict.about.value,
            reply_reason=words.verdict.reason.value,
        )
    )


def _reopen(connection: Connection, delivery_id: int) -> None:
    """Open the debts again that this delivery ended; not those that its first copy had given."""
    connection.execute(
        update(reader_debts)
        .where(
            reader_debts.c.carried_by == delivery_id,
            reader_debts.c.ended == DebtEnd.GIVEN,
            reader_debts.c.kind != RESENT,
        )
        .values(ended=None, ended_at=None)
    )


def _settle_recaps(connection: Connection, delivery_id: int, *, papers_return: bool, now: datetime) -> None:
    """It is certain now that an uncertain delivery did not arrive: its recaps are full debts, or end."""
    waiting = and_(
        reader_debts.c.from_delivery_id == delivery_id,
        reader_debts.c.kind == Role.RECAP,
        reader_debts.c.carried_by.is_(None),
        reader_debts.c.ended.is_(None),
    )
    values: dict[str, Any] = {"kind": debts.RETURNED}
    if not papers_return:
        values = {"ended": DebtEnd.REFUSED.value, "ended_at": now}
    connection.execute(update(reader_debts).where(waiting).values(values))


def latest_came_back(connection: Connection, row: Row[Any], *, number: int) -> bool:
    """Whether a reader's latest `number` digests, up to this one, all came back, and not because of us."""
    came_back = and_(deliveries.c.bounced_at.is_not(None), deliveries.c.reply_about.in_(_COUNTED))
    latest = (
        select(came_back.label("came_back"))
        .where(
            deliveries.c.subscriber_id == row.subscriber_id,
            deliveries.c.kind == MailKind.DIGEST,
            deliveries.c.id <= row.id,
            deliveries.c.state.in_([*_ACCEPTED, DeliveryState.FAILED]),
        )
        .order_by(deliveries.c.id.desc())
        .limit(number)
    )
    found = connection.execute(latest).scalars().all()
    return len(found) == number and all(found)


def in_a_row(
    connection: Connection, subscriber_id: int, counted: StrikeCount, *, message_at: datetime, now: datetime
) -> bool:
    """Whether strikes suppress: enough of them, and no message between them that may have arrived.

    message_at: when the message of the latest was sent. Strikes before one that did arrive are forgotten.
    """
    if not counted.suppresses:
        return False
    accepted = select(func.max(deliveries.c.finished_at, type_=deliveries.c.finished_at.type)).where(
        deliveries.c.subscriber_id == subscriber_id,
        deliveries.c.state == DeliveryState.SENT,
        deliveries.c.finished_at > counted.first_at,
        deliveries.c.finished_at < message_at,
    )
    arrived = connection.execute(accepted.where(deliveries.c.finished_at <= now - GOOD_AFTER)).scalar_one()
    if arrived is not None:
        strikes.clear_before(connection, subscriber_id, arrived)
    latest = connection.execute(accepted).scalar_one()
    left = strikes.count(connection, subscriber_id)
    may_arrive = latest is not None and latest != arrived
    return left is not None and left.suppresses and not may_arrive


def clear_strikes(connection: Connection, *, now: datetime, only: int | None = None) -> None:
    """Forget the strikes of readers to whom a message went since that has not come back within GOOD_AFTER.

    only: one reader's id.
    """
    strikes.clear(
        connection, good_since(connection, strikes.last_at(connection, only), before=now - GOOD_AFTER)
    )


def good_since(connection: Connection, last_strikes: dict[int, datetime], *, before: datetime) -> set[int]:
    """Which readers got a message after their last strike that was accepted `before`, and did not come back.

    last_strikes: by subscriber.
    """
    if not last_strikes:
        return set()
    accepted = (
        select(
            deliveries.c.subscriber_id,
            func.max(deliveries.c.finished_at, type_=deliveries.c.finished_at.type),
        )
        .where(
            deliveries.c.subscriber_id.in_(last_strikes),
            deliveries.c.state == DeliveryState.SENT,
            deliveries.c.finished_at <= before,
        )
        .group_by(deliveries.c.subscriber_id)
    )
    return {
        subscriber_id
        for subscriber_id, at in connection.execute(accepted)
        if at > last_strikes[subscriber_id]
    }
