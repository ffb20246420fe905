"""Who is due: gathers everybody with an open slot into one batch. What each is owed comes later.

Set-based: memory does not grow with the number of people.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    Row,
    Select,
    case,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import (
    AHEAD,
    SLACK,
    SPACING,
    Cadence,
    Slot,
    is_zone,
    last_slot,
    next_slot,
    zone_of,
)
from newsletter.core.states import NOW_KEY, DeliveryState, MailKind
from newsletter.db.schema import (
    deliveries,
    digests,
)
from newsletter.pipeline.compose.batch import GATHERED, SlotClosing, batch, create
from newsletter.pipeline.compose.canaries import due as due_for
from newsletter.pipeline.compose.stale_mail import take_back
from subscribers import audience

log = logging.getLogger("newsletter.compose")


def gather(
    connection: Connection, *, now: datetime, everyone: bool, only: int | None, canaries: Sequence[int]
) -> None:
    """Fill the batch with stale mails to be composed anew and with open slots, or else with everyone.

    now: aware. everyone: regardless of the hour. only: one subscriber's id. canaries: subscribers' ids.
    """
    create(connection)
    take_back(connection, now=now, only=only)
    if not everyone:
        _add_canaries(connection, canaries, now=now, only=only)
    for row in connection.execute(audience.cadences()).all():
        cadence = Cadence(kind=row.cadence, weekday=row.weekday, hour=row.hour, timezone=row.timezone)
        if not is_zone(row.timezone):
            log.warning("timezone=%r of people=%d is not known here: UTC", row.timezone, row.people)
        if everyone:
            slot = _slot_now(cadence, now)
        else:
            slot = last_slot(cadence, now)
            if only is None and not is_open(row, slot, now):
                continue
        _add(connection, cadence, slot, now=now, forced=everyone, only=only)
    connection.execute(update(batch).where(batch.c.subscriber_id.in_(canaries)).values(early=True))
    latest = _latest(deliveries.c.digest_id).where(deliveries.c.composed_at <= now + AHEAD)
    connection.execute(update(batch).values(last_digest=latest.scalar_subquery()))
    _mind_the_clock(connection, now)
    _pass_over(connection, now)


def _add_canaries(
    connection: Connection, canaries: Sequence[int], *, now: datetime, only: int | None
) -> None:
    """A slot at `now` for each canary whom an edition is due for ahead of its time."""
    due = set(connection.execute(due_for(canaries, now=now)).scalars())
    person = audience.mailable().subquery()
    for row in connection.execute(select(person).where(person.c.subscriber_id.in_(due))).all():
        if only is None or only == row.subscriber_id:
            cadence = Cadence(kind=row.cadence, weekday=row.weekday, hour=row.hour, timezone=row.timezone)
            _add(connection, cadence, _slot_now(cadence, now), now=now, forced=True, only=row.subscriber_id)


def _slot_now(cadence: Cadence, now: datetime) -> Slot:
    return Slot(at=now, day=now.astimezone(zone_of(cadence.timezone)).date())


def is_open(schedule: Row[Any], slot: Slot, now: datetime) -> bool:
    """Whether that slot is open for somebody of a schedule of `audience.cadences`."""
    if schedule.done_least is None:  # nobody's slots have begun to count
        return False
    return bool(schedule.done_least < slot.at or schedule.done_most > now + SLACK)


def _latest(column: ColumnElement[Any]) -> Select[Any]:
    """This column of the person's last digest delivery."""
    return (
        select(column)
        .where(deliveries.c.subscriber_id == batch.c.subscriber_id, deliveries.c.kind == MailKind.DIGEST)
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )


def _add(
    connection: Connection, cadence: Cadence, slot: Slot, *, now: datetime, forced: bool, only: int | None
) -> None:
    person = audience.mailable().subquery()
    chosen = select(
        person.c.subscriber_id,
        literal(NOW_KEY + now.isoformat() if forced else slot.day.isoformat()),
        literal(slot.at, UTCDateTime()),
        literal(slot.day, Date()),
        literal(forced),
        literal(next_slot(cadence, now).at, UTCDateTime()),
        person.c.version,
        person.c.minimum,
        person.c.maximum,
        person.c.maybe,
        case((person.c.paused_until > slot.at, literal(SlotClosing.PAUSED.value)), else_=None),
    ).where(
        person.c.cadence == cadence.kind,
        person.c.weekday.is_not_distinct_from(cadence.weekday),
        person.c.hour == cadence.hour,
        person.c.timezone == cadence.timezone,
        person.c.subscriber_id.not_in(select(batch.c.subscriber_id)),
    )
    if not forced:
        # Slots to come were closed by a clock that ran ahead: they are open.
        chosen = chosen.where(or_(person.c.slots_done_to < slot.at, person.c.slots_done_to > now + SLACK))
    if only is not None:
        chosen = chosen.where(person.c.subscriber_id == only)
    connection.execute(insert(batch).from_select(GATHERED, chosen))


def _mind_the_clock(connection: Connection, now: datetime) -> None:
    """Who had a digest later than now waits until the clock is right: it cannot tell what was settled."""
    later = select(digests.c.id).where(digests.c.id == batch.c.last_digest, digests.c.composed_at > now)
    connection.execute(update(batch).where(later.exists()).values(closes=SlotClosing.CLOCK_BEHIND))


def _pass_over(connection: Connection, now: datetime) -> None:
    """A date that has had its digest, or a slot within 12 hours of the last one, passes without another."""
    had = select(deliveries.c.id).where(
        deliveries.c.subscriber_id == batch.c.subscriber_id,
        deliveries.c.kind == MailKind.DIGEST,
        deliveries.c.key == batch.c.delivery_key,
    )
    connection.execute(
        update(batch).where(batch.c.closes.is_(None), had.exists()).values(closes=SlotClosing.PASSED_OVER)
    )
    # What expired or was refused is no digest that the person has had.
    had_at = _latest(deliveries.c.composed_at).where(
        deliveries.c.composed_at <= now,
        deliveries.c.state.not_in([DeliveryState.SKIPPED, DeliveryState.FAILED]),
    )
    for slot_at in _slots(connection):
        connection.execute(
            update(batch)
            .where(
                batch.c.closes.is_(None),
                batch.c.slot_at == slot_at,
                ~batch.c.forced,
                had_at.scalar_subquery() > slot_at - SPACING,
            )
            .values(closes=SlotClosing.PASSED_OVER)
        )


def close_slots(connection: Connection, *, now: datetime) -> None:
    """Close every slot of the batch that a clock behind does not hold open; what stays owed waits."""
    for slot_at in _slots(connection):
        people = select(batch.c.subscriber_id).where(
            batch.c.slot_at == slot_at,
            ~batch.c.forced,
            batch.c.closes.is_distinct_from(SlotClosing.CLOCK_BEHIND),
        )
        audience.close_slots(connection, people, slot_at, ahead=now + SLACK)


def _slots(connection: Connection) -> Sequence[datetime]:
    return connection.execute(select(batch.c.slot_at).distinct().where(~batch.c.forced)).scalars().all()
