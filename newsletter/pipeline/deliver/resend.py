"""Retries or resends one delivery for an admin, in one transaction. The next `deliver` sends it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from newsletter.db.engine import writing
from newsletter.delivery.outbox import resend as outbox_resend


def retry(engine: Engine, delivery_id: int, *, now: datetime) -> None:
    """Make a failed or deferred mail due at `now` (aware).

    Raises NotFoundError, or another NewsletterError that says why it must not go.
    """
    with writing(engine, exclusive=True) as connection:
        outbox_resend.retry(connection, delivery_id, now=now)


def resend(engine: Engine, delivery_id: int, *, now: datetime) -> None:
    """Send an uncertain or sent mail once more, the same bytes: the reader may get it twice.

    Raises as `retry` does.
    """
    with writing(engine, exclusive=True) as connection:
        outbox_resend.resend(connection, delivery_id, now=now)
