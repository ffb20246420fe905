"""Finds slots of canaries: readers who get an edition when it is published, before the other readers.

A canary has additional slots and the same debts as any reader. Each early slot is stored as a row, so that
removing an address from the list does not change the past.
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

# When canaries may get an edition: at its publishing, or at its release from a hold.
OPEN_TO_CANARIES_AT = case((editions.c.released, editions.c.ready_at), else_=editions.c.published_at)

log = logging.getLogger("newsletter.canaries")


def ids_of(connection: Connection, addresses: Sequence[str]) -> list[int]:
    """Ids of the readers with these addresses, in any spelling; skips addresses that no reader has."""
    ids: list[int] = []
    for address in addresses:
        with suppress(SubscriberError):  # not an address: doctor reports it
            person = queries.find(connection, address)
            if person is not None and person.id not in ids:
                ids.append(person.id)
    return ids


def due_canaries(connection: Connection, people: Collection[int], *, now: datetime) -> set[int]:
    """Those of these subscriber ids for whom an edition is due at `now` (aware), ahead of its time."""
    found = connection.execute(_DUE, {**_window(now), "people": list(people)})
    return set(found.scalars())


def record_slots(connection: Connection, *, now: datetime) -> None:
    """Store the editions that were due for the batch's canaries."""
    connection.execute(_NOTE, _window(now))


def warn_of_unknown(connection: Connection, addresses: Sequence[str]) -> None:
    """Log how many of these addresses belong to no reader: nobody checks an edition for them."""
    missing = len(addresses) - len(ids_of(connection, addresses))
    if missing:
        words = "%d of %d canaries are nobody's address; `newsletter doctor` names them"
        log.warning(words, missing, len(addresses))


def may_be_mailed(*, early: bool) -> ColumnElement[bool]:
    """Whether an edition may be mailed at the parameter `now`, apart from a hold. early: to a canary."""
    ready = editions.c.ready_at <= NOW
    return or_(ready, NOW >= OPEN_TO_CANARIES_AT) if early else ready


def _window(now: datetime) -> dict[str, datetime]:
    return {"now": now, "oldest": now - MAX_DEBT_AGE}


def _is_due(person: ColumnElement[int]) -> ColumnElement[bool]:
    had = select(canary_slots.c.edition).where(
        canary_slots.c.edition == editions.c.number,
        canary_slots.c.subscriber_id == person,
        canary_slots.c.at >= OPEN_TO_CANARIES_AT,
    )
    oldest = bindparam("oldest", type_=UTCDateTime())
    return and_(~editions.c.held, NOW >= OPEN_TO_CANARIES_AT, editions.c.ready_at >= oldest, ~had.exists())


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
