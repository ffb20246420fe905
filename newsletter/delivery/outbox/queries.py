"""Deliveries as `deliveries list` and `show` print them; and sending one again by hand.

Addresses come from a selectable that the subscribers' side hands out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from newsletter.core.errors import NewsletterError, NotFoundError
from newsletter.core.states import DeliveryState
from newsletter.db.schema import deliveries, digests
from newsletter.delivery.outbox import debts
from newsletter.delivery.outbox.digest_contents import DigestPapers, contents_of

MessageId = Callable[[int, str, str], str]  # (subscriber id, kind, key) to the Message-ID

_TRIABLE = frozenset({DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.QUEUED})
_RESENDABLE = frozenset({DeliveryState.UNCERTAIN, DeliveryState.SENT})


def listed(
    connection: Connection,
    *,
    addresses: Select[Any],
    message_id: MessageId,
    state: DeliveryState | None = None,
    subscriber_id: int | None = None,
    ids: Sequence[int] | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Deliveries as JSON objects, newest first. addresses: columns subscriber_id, address."""
    people = addresses.subquery()
    d = deliveries.c
    chosen = (
        select(deliveries, people.c.address, digests.c.edition, digests.c.subject)
        .join(digests, digests.c.id == d.digest_id)
        .outerjoin(people, people.c.subscriber_id == d.subscriber_id)
        .order_by(d.id.desc())
    )
    if state is not None:
        chosen = chosen.where(d.state == state.value)
    if subscriber_id is not None:
        chosen = chosen.where(d.subscriber_id == subscriber_id)
    if ids is not None:
        chosen = chosen.where(d.id.in_(ids))
    if limit is not None:
        chosen = chosen.limit(limit)
    rows = connection.execute(chosen).all()
    contents = contents_of(connection, {row.digest_id for row in rows})
    return [_shown(row, contents.get(row.digest_id, DigestPapers()), message_id) for row in rows]


def shown(
    connection: Connection, delivery_id: int, *, addresses: Select[Any], message_id: MessageId
) -> dict[str, Any]:
    """One delivery as a JSON object. Raises NotFoundError."""
    found = listed(connection, addresses=addresses, message_id=message_id, ids=[delivery_id])
    if not found:
        raise _unknown(delivery_id)
    return found[0]


def retry(connection: Connection, delivery_id: int, *, now: datetime) -> None:
    """Make a failed or deferred mail due now; the same bytes. Raises NewsletterError when it must not go."""
    row = _fetch(connection, delivery_id)
    state = DeliveryState(row.state)
    if state not in _TRIABLE:
        hint = (
            "`newsletter deliveries resend` sends it a second time, with the same Message-ID."
            if state in _RESENDABLE
            else "Its papers go into the next digest."
            if state is DeliveryState.SKIPPED
            else "A sender is at it right now."
        )
        raise NewsletterError(f"delivery {delivery_id} is {state}: not to be retried", hint=hint)
    if state is DeliveryState.FAILED:
        _take_again(connection, row, now=now)
    _due_now(connection, row, now=now, expires_at=row.expires_at)


def resend(connection: Connection, delivery_id: int, *, now: datetime) -> None:
    """Send an uncertain or sent mail again, the same bytes: the reader may get it twice."""
    row = _fetch(connection, delivery_id)
    state = DeliveryState(row.state)
    if state not in _RESENDABLE:
        raise NewsletterError(
            f"delivery {delivery_id} is {state}: not to be sent again",
            hint="`newsletter deliveries retry` is for what failed or was deferred.",
        )
    if state is DeliveryState.UNCERTAIN:
        _take_again(connection, row, now=now)
    else:
        debts.keep_given(connection, [row.id], now=now)
    # Somebody wants it sent: were it to expire, it would give back papers that may have arrived.
    _due_now(connection, row, now=now, expires_at=None)


def _take_again(connection: Connection, row: Row[Any], *, now: datetime) -> None:
    if row.expires_at is not None and row.expires_at <= now:
        raise NewsletterError(
            f"delivery {row.id} has expired: the next digest is due", hint="Its papers go there."
        )
    if debts.given_elsewhere(connection, row.id):
        raise NewsletterError(
            f"papers of delivery {row.id} already stand in a later one",
            hint="Sending it again would bring them twice.",
        )
    debts.take_again(connection, [row.id])


def _due_now(connection: Connection, row: Row[Any], *, now: datetime, expires_at: datetime | None) -> None:
    # Deferred, not queued, once it was tried: what was ever on its way is never composed anew.
    tried = row.attempts > 0 or row.state != DeliveryState.QUEUED
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == row.id)
        .values(
            state=(DeliveryState.DEFERRED if tried else DeliveryState.QUEUED).value,
            reason=None,
            next_attempt_at=now,
            expires_at=expires_at,
            finished_at=None,
        )
    )


def _fetch(connection: Connection, delivery_id: int) -> Row[Any]:
    row = connection.execute(
        select(deliveries).where(deliveries.c.id == delivery_id).with_for_update()
    ).first()
    if row is None:
        raise _unknown(delivery_id)
    return row


def _unknown(delivery_id: int) -> NotFoundError:
    return NotFoundError(
        f"no such delivery: {delivery_id}", hint="`newsletter deliveries list` shows all of them."
    )


def _shown(row: Row[Any], contents: DigestPapers, message_id: MessageId) -> dict[str, Any]:
    words = [str(part) for part in (row.reply_code, row.reply_status, row.reply_text) if part]
    return {
        "id": row.id,
        "address": row.address,
        "kind": row.kind,
        "key": row.key,
        "edition": row.edition,
        "subject": row.subject,
        "state": row.state,
        "reason": row.reason,
        "attempts": row.attempts,
        "message_id": message_id(row.subscriber_id, row.kind, row.key),
        "reply": " ".join(words) or None,
        "composed_at": row.composed_at.isoformat(),
        "next_attempt_at": _when(row.next_attempt_at)
        if row.state in (DeliveryState.QUEUED, DeliveryState.DEFERRED)
        else None,
        "finished_at": _when(row.finished_at),
        "papers": [
            {"id": card.id, "title": card.title, "topic": card.topic, "form": card.form, "role": card.role}
            for card in contents.papers
        ],
        "maybe": [{"id": card.id, "title": card.title, "topic": card.topic} for card in contents.maybe],
    }


def _when(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
