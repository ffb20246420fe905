"""Gathers everybody with an open slot into the batch, and closes slots. It decides nothing about papers.

It works in sets: memory does not grow with the number of readers.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    Insert,
    Row,
    Select,
    String,
    bindparam,
    case,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import (
    CLOCK_TOLERANCE,
    DIGEST_SPACING,
    MAX_CLOCK_LAG,
    Cadence,
    Slot,
    is_zone,
    last_slot,
    next_slot,
    zone_of,
)
from newsletter.core.states import NOW_KEY, DeliveryState, MailKind
from newsletter.db.schema import deliveries, digests
from newsletter.pipeline.compose.batch import GATHERED, NOW, SlotClosing, batch, create_tables
from newsletter.pipeline.compose.canaries import due_canaries
from newsletter.pipeline.compose.stale_mail import take_back
from subscribers import audience

log = logging.getLogger("newsletter.compose")


def gather(
    connection: Connection, *, now: datetime, everyone: bool, only: int | None, canaries: Sequence[int]
) -> None:
    """Fill the batch: readers of stale mail, canaries and open slots, or everyone.

    now: aware. everyone: regardless of the hour. only: one subscriber's id. canaries: subscribers' ids.
    """
    create_tables(connection)
    take_back(connection, now=now, only=only)
    if not everyone:
        _add_canaries(connection, canaries, now=now, only=only)
    for row in connection.execute(audience.cadences()).all():
        cadence = Cadence(kind=row.cadence, weekday=row.weekday, hour=row.hour, timezone=row.timezone)
        if not is_zone(row.timezone):
            log.warning("timezone=%r of people=%d is not known here: UTC", row.timezone, row.people)
        if cadence.fault:
            log.warning("%s of people=%d cannot be: `newsletter watch` says more", cadence.fault, row.people)
        if everyone:
            slot = _slot_now(cadence, now)
        else:
            slot = last_slot(cadence, now)
            if only is None and not is_open(row, slot, now):
                continue
        _add(connection, cadence, slot, now=now, forced=everyone, only=only)
    if canaries:
        connection.execute(_MARK_CANARIES, {"canaries": list(canaries)})
    connection.execute(_FIND_LAST_DIGESTS, {"far_ahead": now + MAX_CLOCK_LAG})
    connection.execute(_CLOSE_BEHIND_THE_CLOCK, {"now": now})
    if everyone:
        connection.execute(_CLOSE_WHILE_ONE_WAITS)
    _pass_over(connection, now)


def _add_canaries(
    connection: Connection, canaries: Sequence[int], *, now: datetime, only: int | None
) -> None:
    """Add a slot at `now` for each canary for whom an edition is due ahead of its time."""
    if not canaries:
        return
    due = due_canaries(connection, canaries, now=now)
    person = audience.mailable().subquery()
    for row in connection.execute(select(person).where(person.c.subscriber_id.in_(due))).all():
        if only is None or only == row.subscriber_id:
            cadence = Cadence(kind=row.cadence, weekday=row.weekday, hour=row.hour, timezone=row.timezone)
            _add(connection, cadence, _slot_now(cadence, now), now=now, forced=True, only=row.subscriber_id)


def _slot_now(cadence: Cadence, now: datetime) -> Slot:
    return Slot(at=now, day=now.astimezone(zone_of(cadence.timezone)).date())


def is_open(schedule: Row[Any], slot: Slot, now: datetime) -> bool:
    """Whether that slot is open for any reader of a schedule of `audience.cadences`."""
    if schedule.done_least is None:  # no reader of it has a slot that counts yet
        return False
    return bool(schedule.done_least < slot.at or schedule.done_most > now + CLOCK_TOLERANCE)


def _add(
    connection: Connection, cadence: Cadence, slot: Slot, *, now: datetime, forced: bool, only: int | None
) -> None:
    parameters = {
        "this_key": NOW_KEY + now.isoformat() if forced else slot.day.isoformat(),
        "this_slot": slot.at,
        "this_day": slot.day,
        "next_slot": next_slot(cadence, now).at,
        "with_cadence": cadence.kind,
        "with_weekday": cadence.weekday,
        "with_hour": cadence.hour,
        "with_timezone": cadence.timezone,
    }
    if not forced:
        parameters["with_slack"] = now + CLOCK_TOLERANCE
    if only is not None:
        parameters["only"] = only
    connection.execute(_add_people(forced=forced, one_reader=only is not None), parameters)


@cache  # building it costs more than running it
def _add_people(*, forced: bool, one_reader: bool) -> Insert:
    """Adds the readers of a schedule. forced: regardless of the hour; else those whose slot is open."""
    person = audience.mailable().subquery()
    chosen = select(
        person.c.subscriber_id,
        bindparam("this_key", type_=String()),
        _THIS_SLOT,
        bindparam("this_day", type_=Date()),
        literal(forced),
        bindparam("next_slot", type_=UTCDateTime()),
        person.c.version,
        person.c.minimum,
        person.c.maximum,
        person.c.cards,
        person.c.maybe,
        case((person.c.paused_until > _THIS_SLOT, literal(SlotClosing.PAUSED.value)), else_=None),
    ).where(
        person.c.cadence == bindparam("with_cadence"),
        person.c.weekday.is_not_distinct_from(bindparam("with_weekday", type_=String())),
        person.c.hour == bindparam("with_hour"),
        person.c.timezone == bindparam("with_timezone"),
        person.c.subscriber_id.not_in(select(batch.c.subscriber_id)),
    )
    if not forced:
        # A clock that ran ahead closed slots of the future: these are open.
        with_slack = bindparam("with_slack", type_=UTCDateTime())
        chosen = chosen.where(or_(person.c.slots_done_to < _THIS_SLOT, person.c.slots_done_to > with_slack))
    if one_reader:
        chosen = chosen.where(person.c.subscriber_id == bindparam("only"))
    return insert(batch).from_select(GATHERED, chosen)


def _pass_over(connection: Connection, now: datetime) -> None:
    """Close slots whose date had its digest, and slots within 12 hours of the last digest."""
    connection.execute(_CLOSE_DATES_WITH_DIGEST)
    for slot_at in _slots(connection):
        parameters = {"now": now, "this_slot": slot_at, "spaced": slot_at - DIGEST_SPACING}
        connection.execute(_CLOSE_SOON_AFTER_DIGEST, parameters)


def close_slots(connection: Connection, *, now: datetime) -> None:
    """Close every slot of the batch, unless the clock is behind; papers still owed wait for the next slot."""
    for slot_at in _slots(connection):
        people = select(batch.c.subscriber_id).where(
            batch.c.slot_at == slot_at,
            ~batch.c.forced,
            batch.c.closes.is_distinct_from(SlotClosing.CLOCK_BEHIND),
        )
        audience.close_slots(connection, people, slot_at, ahead=now + CLOCK_TOLERANCE)


def _slots(connection: Connection) -> Sequence[datetime]:
    return connection.execute(_SLOTS).scalars().all()


def _latest(column: ColumnElement[Any]) -> Select[Any]:
    """This column of the reader's last digest delivery."""
    return (
        select(column)
        .where(deliveries.c.subscriber_id == batch.c.subscriber_id, deliveries.c.kind == MailKind.DIGEST)
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )


_THIS_SLOT = bindparam("this_slot", type_=UTCDateTime())
_SLOTS = select(batch.c.slot_at).distinct().where(~batch.c.forced)
_MARK_CANARIES = (
    update(batch).where(batch.c.subscriber_id.in_(bindparam("canaries", expanding=True))).values(early=True)
)
_FIND_LAST_DIGESTS = update(batch).values(
    last_digest=_latest(deliveries.c.digest_id)
    .where(deliveries.c.composed_at <= bindparam("far_ahead", type_=UTCDateTime()))
    .scalar_subquery()
)
# After a digest of the future nothing shows what was settled: the slot waits until the clock is right.
_CLOSE_BEHIND_THE_CLOCK = (
    update(batch)
    .where(
        select(digests.c.id).where(digests.c.id == batch.c.last_digest, digests.c.composed_at > NOW).exists()
    )
    .values(closes=SlotClosing.CLOCK_BEHIND)
)
# Or each repetition would make another digest of what the maximum of papers left out of the one before.
_CLOSE_WHILE_ONE_WAITS = (
    update(batch)
    .where(
        batch.c.forced,
        batch.c.closes.is_(None),
        select(deliveries.c.id)
        .join(digests, digests.c.id == deliveries.c.digest_id)
        .where(
            deliveries.c.subscriber_id == batch.c.subscriber_id,
            deliveries.c.kind == MailKind.DIGEST,
            deliveries.c.digest_id == batch.c.last_digest,
            deliveries.c.state.in_([DeliveryState.QUEUED, DeliveryState.LEASED, DeliveryState.DEFERRED]),
            digests.c.has_left_out,
        )
        .exists(),
    )
    .values(closes=SlotClosing.ONE_WAITS)
)
_CLOSE_DATES_WITH_DIGEST = (
    update(batch)
    .where(
        batch.c.closes.is_(None),
        select(deliveries.c.id)
        .where(
            deliveries.c.subscriber_id == batch.c.subscriber_id,
            deliveries.c.kind == MailKind.DIGEST,
            deliveries.c.key == batch.c.delivery_key,
        )
        .exists(),
    )
    .values(closes=SlotClosing.PASSED_OVER)
)
_LAST_AT = _latest(deliveries.c.composed_at).where(
    deliveries.c.composed_at <= NOW,
    # The reader never received what expired or was refused.
    deliveries.c.state.not_in([DeliveryState.SKIPPED, DeliveryState.FAILED]),
)
_CLOSE_SOON_AFTER_DIGEST = (
    update(batch)
    .where(
        batch.c.closes.is_(None),
        batch.c.slot_at == _THIS_SLOT,
        ~batch.c.forced,
        _LAST_AT.scalar_subquery() > bindparam("spaced", type_=UTCDateTime()),
    )
    .values(closes=SlotClosing.PASSED_OVER)
)
