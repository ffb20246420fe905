"""Asks pending subscribers of an imported roster to confirm, in batches. Confirms nobody."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, select

from newsletter.core.states import MailKind
from newsletter.db.engine import writing
from newsletter.db.schema import deliveries
from newsletter.pipeline.content.transactional import TransactionalRenderer
from newsletter.pipeline.readers.confirmations import enqueue_confirmation, store_as_asked
from subscribers import consent, queries
from subscribers.consent import ConsentChange, EventKind
from subscribers.queries import State

PEOPLE_PER_TRANSACTION = 100  # other writers wait a fifth of a second


def ask_pending(engine: Engine, *, renderer: TransactionalRenderer, now: datetime) -> int:
    """Queue a confirmation mail for each pending subscriber who never got one; returns how many."""
    asked = last = 0
    while True:
        with writing(engine, exclusive=True) as connection:
            page = queries.next_page(connection, last, state=State.PENDING, limit=PEOPLE_PER_TRANSACTION)
            if not page:
                return asked
            last = page[-1].id
            ids = [person.id for person in page]
            d = deliveries.c
            asked_before = select(d.subscriber_id).where(d.subscriber_id.in_(ids), d.kind == MailKind.CONFIRM)
            before = set(connection.execute(asked_before).scalars())
            for person in page:
                if person.id in before:
                    continue
                if not person.topics:
                    continue  # a sign-up whose mail has not gone yet, or only the new address of a reader
                stored = store_as_asked(connection, person, now=now)
                enqueue_confirmation(
                    connection,
                    renderer=renderer,
                    subscriber_id=person.id,
                    asked=stored,
                    now=now,
                    by_editors=True,
                )
                asked += 1
                # The purge of unconfirmed people counts from this event.
                event = ConsentChange(what=EventKind.REQUESTED, topics=person.topics)
                consent.record(connection, [(person.id, event)], how="admin", now=now)
