"""Canaries: readers who get an edition as soon as it is published, whatever their hour, before the others.

Being one adds a slot and takes nothing away: what they are owed is what anybody is. That an edition was due
for a canary ahead of its time is a row of its own, so that taking an address off the list changes no past.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, insert, literal, or_, select
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import MAX_DEBT_AGE
from newsletter.db.schema import canary_slots, editions
from newsletter.pipeline.compose.batch import NOW, SlotClosing, batch
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


def due_canaries(connection: Connection, people: Collection[int], *, now: datetime) -> set[int]:
    """Those of these subscriber ids for whom an edition is due at `now` (aware), ahead of its time."""
    found = connection.execute(_DUE, {**_window(now), "people": list(people)})
    return set(found.scalars())


def note(connection: Connection, *, now: datetime) -> None:
    """Write down what was due for the batch's canaries: composing has seen to it."""
    connection.execute(_NOTE, _window(now))


def warn(connection: Connection, addresses: Sequence[str]) -> None:
    """Log when some of these addresses are no reader's: nobody looks at an edition in their place."""
    missing = len(addresses) - len(ids_of(connection, addresses))
    if missing:
        words = "%d of %d canaries are nobody's address; `newsletter doctor` names them"
        log.warning(words, missing, len(addresses))


def may_be_mailed(*, early: bool) -> ColumnElement[bool]:
    """Whether an edition may be mailed at the parameter `now`, but for a hold; early: to a canary."""
    ready = editions.c.ready_at <= NOW
    return or_(ready, NOW >= OPENS) if early else ready


def _window(now: datetime) -> dict[str, datetime]:
    return {"now": now, "oldest": now - MAX_DEBT_AGE}


def _is_due(person: ColumnElement[int]) -> ColumnElement[bool]:
    had = select(canary_slots.c.edition).where(
        canary_slots.c.edition == editions.c.number,
        canary_slots.c.subscriber_id == person,
        canary_slots.c.at >= OPENS,
    )
    oldest = bindparam("oldest", type_=UTCDateTime())
    return and_(~editions.c.held, NOW >= OPENS, editions.c.ready_at >= oldest, ~had.exists())


_mailable = audience.mailable().subquery()
_DUE = (
    select(_mailable.c.subscriber_id)
    .join_from(_mailable, editions, literal(True))
    .where(
        _mailable.c.subscriber_id.in_(bindparam("people", expanding=True)), _is_due(_mailable.c.subscriber_id)
    )
    .distinct()
)
_NOTE = insert(canary_slots).from_select(
    ["edition", "subscriber_id", "at"],
    select(editions.c.number, batch.c.subscriber_id, NOW)
    .join_from(batch, editions, literal(True))
    .where(
        batch.c.early,
        batch.c.closes.is_distinct_from(SlotClosing.CLOCK_BEHIND),
        _is_due(batch.c.subscriber_id),
    ),
)
