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
    and_,
    case,
    delete,
    func,
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
from newsletter.core.states import NOW_KEY, DeliveryState, Form, MailKind, Role
from newsletter.db.schema import (
    deliveries,
    digest_maybes,
    digest_papers,
    digests,
    edition_maybes,
    edition_papers,
    editions,
    papers,
    reader_debts,
)
from newsletter.delivery.outbox.held_mail import carrying
from newsletter.papers.editions import KEEPS_DELIVERIES, PAIR_COUNTS
from newsletter.pipeline.compose.batch import SlotClosing, batch, create
from newsletter.pipeline.compose.canaries import due as due_for
from subscribers import audience

log = logging.getLogger("newsletter.compose")

_UNTOUCHED = and_(
    deliveries.c.kind == MailKind.DIGEST,
    deliveries.c.state == DeliveryState.QUEUED,
    deliveries.c.attempts == 0,
)
_GATHERED = [
    column.name
    for column in batch.columns
    if column.name not in ("early", "kept", "last_digest", "group_key")
]


def gather(
    connection: Connection, *, now: datetime, everyone: bool, only: int | None, canaries: Sequence[int]
) -> None:
    """Fill the batch with stale mails to be composed anew and with open slots, or else with everyone.

    now: aware. everyone: regardless of the hour. only: one subscriber's id. canaries: subscribers' ids.
    """
    create(connection)
    _take_back_stale(connection, now=now, only=only)
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
    connection.execute(insert(batch).from_select(_GATHERED, chosen))


def stale_mails(now: Any, ahead: Any) -> Select[Any]:
    """Composed mails that no longer say what they should, in the columns of the batch.

    now: an instant, or a parameter for one. ahead: the same, by AHEAD later.
    """
    later = deliveries.alias("later")
    superseded = (
        select(later.c.id)
        .where(
            later.c.subscriber_id == deliveries.c.subscriber_id,
            later.c.kind == MailKind.DIGEST,
            later.c.id > deliveries.c.id,
        )
        .exists()
    )
    person = audience.mailable().subquery()
    return (
        select(
            deliveries.c.subscriber_id,
            deliveries.c.key,
            deliveries.c.slot_at,
            digests.c.date,
            literal(True),
            deliveries.c.expires_at,
            person.c.version,
            person.c.minimum,
            person.c.maximum,
            person.c.maybe,
            case((person.c.paused_until > now, literal(SlotClosing.PAUSED.value)), else_=None),
        )
        .join(person, person.c.subscriber_id == deliveries.c.subscriber_id)
        .join(digests, digests.c.id == deliveries.c.digest_id)
        .where(
            _UNTOUCHED,
            ~superseded,
            or_(
                deliveries.c.composed_at > ahead,
                and_(
                    deliveries.c.composed_at <= now,
                    or_(
                        deliveries.c.stamp != person.c.version,
                        deliveries.c.digest_id.in_(overtaken()),
                        deliveries.c.digest_id.in_(_doubted_in_vain()),
                    ),
                ),
            ),
        )
    )


def _take_back_stale(connection: Connection, *, now: datetime, only: int | None) -> None:
    """Undo composed mails that nobody has leased yet and that no longer say what they should.

    That is so when the reader changed something, or a paper in it was dropped, withdrawn or held back. They
    join the batch. Only a reader's last digest is taken back: what an earlier one held is settled by the
    later; it waits to expire. One that waits for a date far ahead, by a clock that was wrong, is undone too.
    """
    stale = (
        stale_mails(now, now + AHEAD)
        # On PostgreSQL a sender may be leasing at this moment: theirs are not ours, ours not theirs.
        .with_for_update(skip_locked=True, of=deliveries)
    )
    if only is not None:
        stale = stale.where(deliveries.c.subscriber_id == only)
    connection.execute(insert(batch).from_select(_GATHERED, stale))
    waited = select(deliveries.c.id).where(
        deliveries.c.subscriber_id == batch.c.subscriber_id,
        deliveries.c.key == batch.c.delivery_key,
        deliveries.c.digest_id.in_(carrying(_held_by_themselves(connection))),
    )
    connection.execute(update(batch).where(waited.exists()).values(kept=True))
    taken = (
        select(deliveries.c.id)
        .join(
            batch,
            and_(
                batch.c.subscriber_id == deliveries.c.subscriber_id,
                batch.c.delivery_key == deliveries.c.key,
            ),
        )
        .where(_UNTOUCHED)
    )
    connection.execute(
        update(reader_debts).where(reader_debts.c.carried_by.in_(taken)).values(carried_by=None)
    )
    connection.execute(delete(deliveries).where(deliveries.c.id.in_(taken)))
    connection.execute(delete(batch).where(batch.c.expires_at > now + AHEAD))  # their slots never were


def _held_by_themselves(connection: Connection) -> Sequence[int]:
    held = select(editions.c.number).where(editions.c.held, editions.c.held_because.is_not(None))
    return connection.execute(held).scalars().all()


def overtaken() -> Select[tuple[int]]:
    """Composed digests that show a paper of which no pair stands any more, whatever it is merged with.

    News need one under the topic that they are shown under, in an edition that no admin holds; recaps any.
    """
    shown, member = papers.alias("shown"), papers.alias("member")
    kept = func.coalesce(shown.c.merged_into, shown.c.id)
    recap = digest_papers.c.role == Role.RECAP
    stands = (
        select(edition_papers.c.edition)
        .join(member, member.c.id == edition_papers.c.paper_id)
        .join(editions, editions.c.number == edition_papers.c.edition)
        .where(
            or_(member.c.id == kept, member.c.merged_into == kept),
            PAIR_COUNTS,
            or_(recap, and_(edition_papers.c.topic == digest_papers.c.topic, KEEPS_DELIVERIES)),
        )
        .correlate(shown, digest_papers)
        .exists()
    )
    waiting = select(deliveries.c.digest_id).where(_UNTOUCHED)
    return (
        select(digest_papers.c.digest_id)
        .join(shown, shown.c.id == digest_papers.c.paper_id)
        .where(digest_papers.c.digest_id.in_(waiting), digest_papers.c.form != Form.LEFT, ~stands)
    )


def _doubted_in_vain() -> Select[tuple[int]]:
    """Composed digests that show a doubtful paper which no edition holds as such any more, or a held one."""
    stands = (
        select(edition_maybes.c.edition)
        .join(editions, editions.c.number == edition_maybes.c.edition)
        .where(
            edition_maybes.c.paper_id == digest_maybes.c.paper_id,
            edition_maybes.c.topic == digest_maybes.c.topic,
            KEEPS_DELIVERIES,
        )
        .correlate(digest_maybes)
        .exists()
    )
    waiting = select(deliveries.c.digest_id).where(_UNTOUCHED)
    return select(digest_maybes.c.digest_id).where(digest_maybes.c.digest_id.in_(waiting), ~stands)


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
