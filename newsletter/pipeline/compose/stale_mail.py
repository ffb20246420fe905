"""Finds composed mail that has to be made again, and takes it back into the batch. Composes nothing.

Only what no sender has leased yet can be taken back; after that a message goes out as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    Select,
    and_,
    bindparam,
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

from newsletter.core.cadence import MAX_CLOCK_LAG
from newsletter.core.states import DeliveryState, Form, MailKind, Role
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
from newsletter.delivery.outbox.held_mail import WAITING, digests_with
from newsletter.papers.editions import KEEPS_DELIVERIES, PAIR_COUNTS
from newsletter.pipeline.compose.batch import GATHERED, SlotClosing, batch, chosen, know_size, unsent
from subscribers import audience

_NOT_LEASED_YET = and_(
    WAITING,  # literal, for the partial index
    deliveries.c.kind == MailKind.DIGEST,
    deliveries.c.state == DeliveryState.QUEUED,
    deliveries.c.attempts == 0,
)
_NOW = bindparam("now", type_=UTCDateTime())
_FAR_AHEAD = bindparam("far_ahead", type_=UTCDateTime())


def take_back(connection: Connection, *, now: datetime) -> None:
    """Delete composed mail that is out of date; its readers, of those chosen for this turn, join the batch.

    Deliveries that a wrong clock dated far ahead are deleted as well, but their readers do not join.
    """
    parameters = stale_parameters(now)
    know_size(connection, chosen)
    connection.execute(_FIND_UNSENT)
    if connection.execute(_ANY_UNSENT).first() is None:
        return
    know_size(connection, unsent)
    connection.execute(_gather_stale(), parameters)
    held = list(connection.execute(_HELD_AUTOMATICALLY).scalars())
    if held:
        connection.execute(_mark_kept(held))
    connection.execute(_RELEASE_DEBTS)
    connection.execute(_DELETE_TAKEN_BACK)
    connection.execute(_FORGET_FAR_AHEAD, parameters)


@cache  # building it costs more than running it
def stale_deliveries() -> Select[Any]:
    """Composed mail that is out of date, in the columns of the batch. Parameters: `stale_parameters`.

    The reader changed something, or a paper in it was dropped, withdrawn or held. Only a reader's last digest
    counts: a later one has settled the papers of an earlier one, which waits to expire.
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
    waiting = select(deliveries.c.digest_id).where(_NOT_LEASED_YET)
    return _stale(waiting).where(_NOT_LEASED_YET, ~superseded)


def _stale(waiting: Select[Any]) -> Select[Any]:
    """waiting: the ids of the digests that may have lost a paper."""
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
            person.c.cards,
            person.c.maybe,
            case((person.c.paused_until > _NOW, literal(SlotClosing.PAUSED.value)), else_=None),
        )
        .join(person, person.c.subscriber_id == deliveries.c.subscriber_id)
        .join(digests, digests.c.id == deliveries.c.digest_id)
        .where(
            or_(
                deliveries.c.composed_at > _FAR_AHEAD,
                and_(
                    deliveries.c.composed_at <= _NOW,
                    or_(
                        deliveries.c.stamp != person.c.version,
                        deliveries.c.digest_id.in_(_with_lost_papers(waiting)),
                        deliveries.c.digest_id.in_(_with_lost_maybes(waiting)),
                    ),
                ),
            ),
        )
    )


def stale_parameters(now: datetime) -> dict[str, Any]:
    """The parameters of `stale_deliveries` at an instant (aware)."""
    return {"now": now, "far_ahead": now + MAX_CLOCK_LAG}


@cache
def digests_with_lost_papers() -> Select[tuple[int]]:
    """Digests of mail that waits which show a paper of which no pair counts any more."""
    return _with_lost_papers(select(deliveries.c.digest_id).where(_NOT_LEASED_YET))


def _with_lost_papers(waiting: Select[Any]) -> Select[tuple[int]]:
    """Those of these digests that show a paper of which no pair counts any more, merged papers included.

    News needs a pair of the topic that shows it, in an edition that no admin holds; a recap needs any pair.
    """
    shown, member = papers.alias("shown"), papers.alias("member")
    kept = func.coalesce(shown.c.merged_into, shown.c.id)
    recap = digest_papers.c.role == Role.RECAP
    counts = (
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
    return (
        select(digest_papers.c.digest_id)
        .join(shown, shown.c.id == digest_papers.c.paper_id)
        .where(digest_papers.c.digest_id.in_(waiting), digest_papers.c.form != Form.LEFT, ~counts)
    )


def _with_lost_maybes(waiting: Select[Any]) -> Select[tuple[int]]:
    """Those of these digests with a doubtful paper that no edition has as doubtful, or a held one."""
    counts = (
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
    return select(digest_maybes.c.digest_id).where(digest_maybes.c.digest_id.in_(waiting), ~counts)


@cache
def _gather_stale() -> Insert:
    stale = _stale(select(unsent.c.digest_id)).where(
        deliveries.c.id.in_(select(unsent.c.delivery_id)), _NOT_LEASED_YET
    )
    # On PostgreSQL a sender may be leasing some of these: skip the rows that it has locked.
    return insert(batch).from_select(GATHERED, stale.with_for_update(skip_locked=True, of=deliveries))


def _mark_kept(held: Sequence[int]) -> Any:
    """Mark the readers whose delivery waited for one of these editions, which the program itself holds."""
    waited = select(deliveries.c.id).where(
        deliveries.c.subscriber_id == batch.c.subscriber_id,
        deliveries.c.key == batch.c.delivery_key,
        deliveries.c.digest_id.in_(digests_with(held)),
    )
    return update(batch).where(waited.exists()).values(kept=True)


_latest = deliveries.alias("latest")
_FIND_UNSENT = insert(unsent).from_select(
    ["delivery_id", "digest_id"],
    select(deliveries.c.id, deliveries.c.digest_id)
    .join_from(
        chosen,
        deliveries,
        deliveries.c.id
        == select(func.max(_latest.c.id))
        .where(_latest.c.subscriber_id == chosen.c.subscriber_id, _latest.c.kind == MailKind.DIGEST)
        .correlate(chosen)
        .scalar_subquery(),
    )
    .where(_NOT_LEASED_YET),
)
_ANY_UNSENT = select(unsent.c.delivery_id).limit(1)
_HELD_AUTOMATICALLY = select(editions.c.number).where(editions.c.held, editions.c.held_because.is_not(None))
_TAKEN_BACK = (
    select(deliveries.c.id)
    .join(
        batch,
        and_(
            batch.c.subscriber_id == deliveries.c.subscriber_id,
            batch.c.delivery_key == deliveries.c.key,
        ),
    )
    .where(_NOT_LEASED_YET)
)
_RELEASE_DEBTS = (
    update(reader_debts).where(reader_debts.c.carried_by.in_(_TAKEN_BACK)).values(carried_by=None)
)
_DELETE_TAKEN_BACK = delete(deliveries).where(deliveries.c.id.in_(_TAKEN_BACK))
_FORGET_FAR_AHEAD = delete(batch).where(batch.c.expires_at > _FAR_AHEAD)
