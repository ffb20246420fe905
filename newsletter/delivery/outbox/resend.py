"""Makes one delivery due again by hand, with the same bytes. It sends nothing itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from newsletter.core.errors import NewsletterError
from newsletter.core.states import DeliveryState
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox import debts
from newsletter.delivery.outbox.queries import no_such_delivery

_TRIABLE = frozenset({DeliveryState.DEFERRED, DeliveryState.FAILED, DeliveryState.QUEUED})
_RESENDABLE = frozenset({DeliveryState.UNCERTAIN, DeliveryState.SENT})


def retry(connection: Connection, delivery_id: int, *, now: datetime) -> None:
    """Make a failed or deferred mail due now, the same bytes.

    Raises NotFoundError, or another NewsletterError that says why it must not be sent.
    """
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
    """Send an uncertain or sent mail again, the same bytes: the reader may get it twice.

    Raises as `retry` does.
    """
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
    # It must not expire: it would give back papers that may have arrived.
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
    debts.reclaim(connection, [row.id])


def _due_now(connection: Connection, row: Row[Any], *, now: datetime, expires_at: datetime | None) -> None:
    # Deferred, not queued, once it was tried: a message that was handed over is never composed again.
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
            bounced_at=None,
        )
    )


def _fetch(connection: Connection, delivery_id: int) -> Row[Any]:
    row = connection.execute(
        select(deliveries).where(deliveries.c.id == delivery_id).with_for_update()
    ).first()
    if row is None:
        raise no_such_delivery(delivery_id)
    return row
