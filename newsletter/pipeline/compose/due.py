"""Gathers everybody with an open slot into the batch, and closes slots. It decides nothing about papers.

It works in sets: memory does not grow with the number of readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
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
    last_slot,
    next_slot,
    zone_of,
)
from newsletter.core.states import NOW_KEY, DeliveryState, MailKind
from newsletter.db.schema import deliveries, digests
from newsletter.pipeline.compose.batch import GATHERED, NOW, SlotClosing, batch, chosen, know_size, schedules
from newsletter.pipeline.compose.canaries import due_canaries
from newsletter.pipeline.compose.stale_mail import take_back
from subscribers import audience


def gather(connection: Connection, *, now: datetime, everyone: bool, canaries: Sequence[int]) -> None:
    """Fill the batch from the readers chosen for this turn: those of stale mail, canaries and open slots.

    now: aware. everyone: regardless of the hour. canaries: subscribers' ids.
    """
    take_back(connection, now=now)
    if not everyone:
        _add_canaries(connection, canaries, now=now)
    _add_people(connection, None, now=now, forced=everyone)
    know_size(connection, batch)
    if canaries:
        connection.execute(_MARK_CANARIES, {"canaries": list(canaries)})
    connection.execute(_FIND_LAST_DIGESTS, {"far_ahead": now + MAX_CLOCK_LAG})
    know_size(connection, batch)
    connection.execute(_CLOSE_BEHIND_THE_CLOCK, {"now": now})
    if everyone:
        connection.execute(_CLOSE_WHILE_ONE_WAITS)
    _pass_over(connection, now)


def _add_canaries(connection: Connection, canaries: Sequence[int], *, now: datetime) -> None:
    """Add a slot at `now` for each canary for whom an edition is due ahead of its time."""
    due = due_canaries(connection, canaries, now=now) if canaries else ()
    if due:
        _add_people(connection, sorted(due), now=now, forced=True)


def is_open(schedule: Row[Any], slot: Slot, now: datetime) -> bool:
    """Whether that slot is open for any reader of a schedule of `audience.cadences`."""
    if schedule.done_least is None:  # no reader of it has a slot that counts yet
        return False
    return bool(schedule.done_least < slot.at or schedule.done_most > now + CLOCK_TOLERANCE)


def _add_people(connection: Connection, some: Sequence[int] | None, *, now: datetime, forced: bool) -> None:
    """Add chosen readers to the batch. some: the ids of those; None: all.

    forced: regardless of the hour; else those whose slot is open.
    """
    parameters: dict[str, Any] = {} if some is None else {"some": list(some)}
    found = connection.execute(_schedules_of(some=some is not None), parameters).all()
    if not found:
        return
    connection.execute(schedules.delete())
    connection.execute(insert(schedules), [_with_slot(*row, now, forced) for row in found])
    if not forced:
        parameters["slack"] = now + CLOCK_TOLERANCE
    connection.execute(_insert_people(forced=forced, some=some is not None), parameters)


@lru_cache(maxsize=10_000)  # there may be thousands of schedules, in each of many turns
def _with_slot(
    timezone: str, hour: int, kind: str, weekday: str | None, now: datetime, forced: bool
) -> dict[str, Any]:
    cadence = Cadence(kind=kind, weekday=weekday, hour=hour, timezone=timezone)
    slot = Slot(at=now, day=now.astimezone(zone_of(timezone)).date()) if forced else last_slot(cadence, now)
    return {
        "timezone": timezone,
        "hour": hour,
        "cadence": kind,
        "weekday": weekday or "",
        "delivery_key": NOW_KEY + now.isoformat() if forced else slot.day.isoformat(),
        "slot_at": slot.at,
        "day": slot.day,
        "next_slot": next_slot(cadence, now).at,
    }


@cache  # building these costs more than running them
def _schedules_of(*, some: bool) -> Select[Any]:
    person = audience.mailable().subquery()
    columns = (person.c.timezone, person.c.hour, person.c.cadence, person.c.weekday)
    found = select(*columns).join_from(chosen, person, person.c.subscriber_id == _CHOSEN)
    if some:
        found = found.where(chosen.c.subscriber_id.in_(bindparam("some", expanding=True)))
    return found.distinct()


@cache
def _insert_people(*, forced: bool, some: bool) -> Insert:
    person = audience.mailable().subquery()
    found = (
        select(
            person.c.subscriber_id,
            schedules.c.delivery_key,
            schedules.c.slot_at,
            schedules.c.day,
            literal(forced),
            schedules.c.next_slot,
            person.c.version,
            person.c.minimum,
            person.c.maximum,
            person.c.cards,
            person.c.maybe,
            case(
                (person.c.paused_until > schedules.c.slot_at, literal(SlotClosing.PAUSED.value)), else_=None
            ),
        )
        .join_from(chosen, person, person.c.subscriber_id == _CHOSEN)
        .join(
            schedules,
            and_(
                schedules.c.timezone == person.c.timezone,
                schedules.c.hour == person.c.hour,
                schedules.c.cadence == person.c.cadence,
                schedules.c.weekday == func.coalesce(person.c.weekday, ""),
            ),
        )
        .where(person.c.subscriber_id.not_in(select(batch.c.subscriber_id)))
    )
    if not forced:
        # A clock that ran ahead closed slots of the future: these are open.
        with_slack = bindparam("slack", type_=UTCDateTime())
        done = person.c.slots_done_to
        found = found.where(or_(done < schedules.c.slot_at, done > with_slack))
    if some:
        found = found.where(person.c.subscriber_id.in_(bindparam("some", expanding=True)))
    return insert(batch).from_select(GATHERED, found)


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


# As a sum it is no key, so that SQLite begins with the chosen readers and not with all.
_CHOSEN = chosen.c.subscriber_id + 0
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
