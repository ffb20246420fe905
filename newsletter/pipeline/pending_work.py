"""Tells whether there is work, by one cheap query each, before a job opens a transaction. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, select
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import Cadence, Slot, last_slot, next_slot
from newsletter.core.reader_range import Shard
from newsletter.core.states import MailKind
from newsletter.db.schema import deliveries
from newsletter.delivery.outbox import sender_locks
from newsletter.delivery.outbox.held_mail import WAITING
from newsletter.papers.unpublished import unpublished_pairs
from newsletter.pipeline.compose import canaries
from newsletter.pipeline.compose.due import is_open
from newsletter.pipeline.compose.stale_mail import stale_deliveries, stale_parameters
from subscribers import audience


def has_due_canaries(connection: Connection, addresses: Sequence[str], *, now: datetime) -> bool:
    """Whether an edition is due for a canary ahead of its time."""
    people = canaries.ids_of(connection, addresses)
    return bool(people) and bool(canaries.due_canaries(connection, people, now=now))


def has_news(connection: Connection) -> bool:
    """Whether publishing would make an edition."""
    return connection.execute(_news()).first() is not None


def has_due_slots(connection: Connection, *, now: datetime) -> bool:
    """Whether composing has work: an open slot, or mail that is out of date or has expired."""
    for waiting in (_late(), _stale()):
        if connection.execute(waiting, stale_parameters(now)).first() is not None:
            return True
    for row in connection.execute(audience.cadences()):
        if is_open(row, _last_slot(row.cadence, row.weekday, row.hour, row.timezone, now), now):
            return True
    return False


def next_due(connection: Connection, *, now: datetime) -> datetime | None:
    """When the next slot of a reader or the next attempt of a message is due; None: nothing is in sight."""
    later = select(func.min(deliveries.c.next_attempt_at, type_=UTCDateTime())).where(
        WAITING, deliveries.c.next_attempt_at > now
    )
    attempt: datetime | None = connection.execute(later).scalar_one()
    found = [] if attempt is None else [attempt]
    for row in connection.execute(audience.cadences()):
        cadence = Cadence(kind=row.cadence, weekday=row.weekday, hour=row.hour, timezone=row.timezone)
        found.append(next_slot(cadence, now).at)
    return min(found, default=None)


@cache  # building these costs more than running them
def _news() -> Select[Any]:
    return unpublished_pairs().limit(1)


@cache
def _late() -> Select[Any]:
    now = bindparam("now", type_=UTCDateTime())
    late = (WAITING, deliveries.c.kind == MailKind.DIGEST, deliveries.c.next_attempt_at <= now)
    return select(deliveries.c.id).where(*late, deliveries.c.expires_at <= now).limit(1)


@cache
def _stale() -> Select[Any]:
    return stale_deliveries().limit(1)


# By schedule: the slots before and after the last query.
_known: dict[tuple[str, str | None, int, str], tuple[Slot, Slot]] = {}


def _last_slot(kind: str, weekday: str | None, hour: int, timezone: str, now: datetime) -> Slot:
    """The last slot of a schedule; computed once for each slot: there may be thousands of schedules."""
    around = _known.get((kind, weekday, hour, timezone))
    if around is None or not around[0].at <= now < around[1].at:
        cadence = Cadence(kind=kind, weekday=weekday, hour=hour, timezone=timezone)
        around = last_slot(cadence, now), next_slot(cadence, now)
        _known[kind, weekday, hour, timezone] = around
    return around[0]


def has_due_deliveries(
    connection: Connection, *, locks_dir: Path, now: datetime, shard: Shard | None = None
) -> bool:
    """Whether delivering has work: a delivery that is due (to a reader of `shard`), or one that a dead sender
    held."""
    due = select(deliveries.c.id).where(and_(WAITING, deliveries.c.next_attempt_at <= now)).limit(1)
    if shard is not None:
        due = due.where(deliveries.c.subscriber_id % shard.of == shard.rest)
    if connection.execute(due).first() is not None:
        return True
    held = select(deliveries.c.owner).where(deliveries.c.owner.is_not(None)).distinct()
    return any(
        sender_locks.is_dead(owner, locks_dir, connection) is not False
        for owner in list(connection.execute(held).scalars())
    )
