"""Again: mails that an admin wants tried or sent once more by hand. The next `deliver` takes them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from newsletter.db.engine import writing
from newsletter.delivery.outbox import queries


def retry(engine: Engine, delivery_id: int, *, now: datetime) -> None:
    """Make a failed or deferred mail due at `now` (aware).

    Raises NotFoundError, or another NewsletterError that says why it must not go.
    """
    with writing(engine, alone=True) as connection:
        queries.retry(connection, delivery_id, now=now)


def resend(engine: Engine, delivery_id: int, *, now: datetime) -> None:
    """Send an uncertain or sent mail once more, the same bytes: the reader may get it twice.

    Raises as `retry` does.
    """
    with writing(engine, alone=True) as connection:
        queries.resend(connection, delivery_id, now=now)
