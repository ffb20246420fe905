"""Canaries: readers who get an edition as soon as it is published, whatever their hour, before the others.

Being one adds a slot and takes nothing away: what they are owed is what anybody is. That an edition was due
for a canary ahead of its time is a row of its own, so that taking an address off the list changes no past.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, insert, literal, or_, select
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import MAX_AGE
from newsletter.db.schema import canary_slots, editions
from newsletter.pipeline.compose.batch import SlotClosing, batch
from subscribers import audience, queries
from subscribers.errors import SubscriberError

# From when on canaries may have an edition: since it was published, or came off a hold.
OPENS = case((editions.c.released, editions.c.ready_at), else_=editions.c.published_at)

log = logging.getLogger("newsletter.canaries")


def ids_of(connection: Connection, addresses: Sequence[str]) -> list[int]:
    """Ids of the readers with these addresses, in any spelling; what is nobody's is passed over."""
    ids: list[int] = []
    for address in addresses:
        with suppress(SubscriberError):  # no address at all: doctor says so
            person = queries.find(connection, address)
            if person is not None and person.id not in ids:
                ids.append(person.id)
    return ids


def due(people: Collection[int], *, now: datetime) -> Select[Any]:
    """(subscriber_id, edition): whom of these people an edition is due for at `now` (aware)."""
    person = audience.mailable().subquery()
    return (
        select(person.c.subscriber_id, editions.c.number.label("edition"))
        .join_from(person, editions, literal(True))
        .where(person.c.subscriber_id.in_(people), _is_due(person.c.subscriber_id, now))
    )


def note(connection: Connection, *, now: datetime) -> None:
    """Write down what was due for the batch's canaries: composing has seen to it."""
    chosen = (
        select(editions.c.number, batch.c.subscriber_id, literal(now, UTCDateTime()))
        .join_from(batch, editions, literal(True))
        .where(
            batch.c.early,
            batch.c.closes.is_distinct_from(SlotClosing.CLOCK_BEHIND),
            _is_due(batch.c.subscriber_id, now),
        )
    )
    connection.execute(insert(canary_slots).from_select(["edition", "subscriber_id", "at"], chosen))


def warn(connection: Connection, addresses: Sequence[str]) -> None:
    """Log when some of these addresses are no reader's: nobody looks at an edition in their place."""
    missing = len(addresses) - len(ids_of(connection, addresses))
    if missing:
        words = "%d of %d canaries are nobody's address; `newsletter doctor` names them"
        log.warning(words, missing, len(addresses))


def _is_due(person: ColumnElement[int], now: datetime) -> ColumnElement[bool]:
    had = select(canary_slots.c.edition).where(
        canary_slots.c.edition == editions.c.number,
        canary_slots.c.subscriber_id == person,
        canary_slots.c.at >= OPENS,
    )
    return and_(~editions.c.held, now >= OPENS, editions.c.ready_at >= now - MAX_AGE, ~had.exists())


def may_be_mailed(now: datetime, *, early: bool) -> ColumnElement[bool]:
    """Whether an edition may be mailed at `now`, but for a hold; early: to a canary."""
    ready = editions.c.ready_at <= now
    return or_(ready, now >= OPENS) if early else ready
