"""Gathers and ends the debts that are rows of one reader: returned papers, welcomes, recaps.

Such a row names a paper, not a pair: it stays open while any topic that the reader follows covers the paper.
After an outage everybody has such rows. So they are gathered, judged and carried in sets, and readers with
equal rows are one group. Debts that follow from editions are decided in
`newsletter.pipeline.compose.edition_debts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Select,
    Update,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import MAX_DEBT_AGE, MINIMUM_YIELDS_AFTER
from newsletter.core.states import DebtEnd, Form, MailKind, Role
from newsletter.db.schema import (
    deliveries,
    digest_papers,
    edition_papers,
    editions,
    papers,
    reader_debts,
)
from newsletter.delivery.outbox.debts import RETURNED, was_sent
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.pipeline.compose.batch import (
    NOW,
    batch,
    carried_debts,
    covers,
    giving_digests,
    groups,
    know_size,
    owed_members,
    owed_pairs,
    own_debts,
    shown_papers,
)
from newsletter.pipeline.history.given import had_before
from subscribers import audience

OPEN_DEBT = and_(reader_debts.c.carried_by.is_(None), reader_debts.c.ended.is_(None))


class OwedPairOfDebt(NamedTuple):
    """A topic that can bring a paper which a row names."""

    topic: str
    score: float


def gather_debts(connection: Connection, *, now: datetime) -> Mapping[int, OwedPairOfDebt]:
    """Fill `own_debts` and `covers` for the batch's readers; the pairs that `covers` names, by their ids.

    Rows that are given, too old, or covered by no topic that their reader follows end here. now: aware.
    """
    times = {"now": now, "too_old": now - MAX_DEBT_AGE, "yields": now - MINIMUM_YIELDS_AFTER}
    connection.execute(_gather(), times)
    if connection.execute(_ANY).first() is None:
        return {}
    know_size(connection, own_debts)
    connection.execute(_find_members())
    know_size(connection, owed_members)
    connection.execute(_find_pairs(), times)
    know_size(connection, owed_pairs)
    for recaps in (False, True):
        connection.execute(_find_covers(recaps=recaps))
    know_size(connection, covers)
    connection.execute(_find_giving_digests())
    first = connection.execute(_FIRST_GIVING).scalar_one()
    if first is not None:
        connection.execute(_mark_given(), {"first": first})
    _mark_given_before(connection)
    connection.execute(_judge(), times)
    if connection.execute(_ANY_ENDED).first() is not None:
        connection.execute(_END, times)
        connection.execute(_FORGET_ENDED)
    found = connection.execute(select(owed_pairs.c.id, owed_pairs.c.topic, owed_pairs.c.score))
    return {row.id: OwedPairOfDebt(row.topic, row.score) for row in found}


def _mark_given_before(connection: Connection) -> None:
    """Mark the rows whose paper was given by mail whose rows are packed."""
    owed = set(connection.execute(_OWED).scalars())
    given = {
        (reader, paper)
        for reader, paper, shown, inherited in had_before(connection, owed, select(batch.c.subscriber_id))
        if shown.sent and not (shown.recap or shown.doubtful or inherited)
    }
    if given:
        rows = [{"reader": reader, "paper": paper} for reader, paper in sorted(given)]
        connection.execute(_MARK_GIVEN_BEFORE, rows)


def carry_debts(connection: Connection) -> None:
    """Let the batch's new deliveries carry the rows whose papers they show."""
    if connection.execute(_ANY).first() is not None:
        know_size(connection, groups)
        connection.execute(_FIND_SHOWN)
        know_size(connection, shown_papers)
        connection.execute(_find_carried())
        know_size(connection, carried_debts)
        connection.execute(_CARRY)


@cache  # building these costs more than running them
def _gather() -> Insert:
    kept = func.coalesce(papers.c.merged_into, papers.c.id)
    # a returned paper has been ready since the composing of the delivery that gave it back
    ready_at = func.coalesce(
        deliveries.c.composed_at, reader_debts.c.made_at, type_=reader_debts.c.made_at.type
    )
    rows = (
        select(
            batch.c.subscriber_id,
            reader_debts.c.id,
            kept,
            reader_debts.c.kind,
            reader_debts.c.topic,
            reader_debts.c.made_at,
            or_(reader_debts.c.kind != Role.WELCOME, deliveries.c.id.is_not(None)),
            ready_at > batch.c.slot_at,
            ready_at > bindparam("yields", type_=UTCDateTime()),
        )
        .join_from(batch, reader_debts, reader_debts.c.subscriber_id == batch.c.subscriber_id)
        .join(papers, papers.c.id == reader_debts.c.paper_id)
        .outerjoin(deliveries, deliveries.c.id == reader_debts.c.from_delivery_id)
        .where(OPEN_DEBT)
    )
    columns = ["subscriber_id", "debt_id", "kept", "kind", "topic", "made_at", "leads", "after_slot", "fresh"]
    return insert(own_debts).from_select(columns, rows)


@cache
def _find_members() -> Insert:
    kept = select(own_debts.c.kept).distinct().subquery().c.kept
    known = kept + 0  # as a sum it is no key, so that SQLite begins with these few papers
    itself = select(papers.c.id, kept.label("kept")).join_from(kept.table, papers, papers.c.id == known)
    merged = select(papers.c.id, kept).join_from(kept.table, papers, papers.c.merged_into == known)
    return insert(owed_members).from_select(["id", "kept"], union_all(itself, merged))


@cache
def _find_pairs() -> Insert:
    """All pairs of these papers. A larger id is a better score, among those of a paper and topic."""
    member = owed_members
    pair = edition_papers.c
    place = func.row_number().over(
        order_by=(member.c.kept, pair.topic, pair.score, pair.edition, member.c.id)
    )
    pairs = (
        select(
            member.c.kept,
            place,
            pair.topic,
            pair.score,
            editions.c.ready_at,
            PAIR_COUNTS,
            and_(PAIR_COUNTS, ~editions.c.held, editions.c.ready_at <= NOW),
            pair.dropped_at.is_not(None),
            pair.withdrawn_at.is_not(None),
        )
        .join_from(member, edition_papers, pair.paper_id == member.c.id + 0)
        .join(editions, editions.c.number == pair.edition)
    )
    columns = ["kept", "id", "topic", "score", "ready_at", "counts", "offered", "dropped", "withdrawn"]
    return insert(owed_pairs).from_select(columns, pairs)


@cache
def _find_covers(*, recaps: bool) -> Insert:
    """The pairs that a topic followed now covers, by row and topic.

    A returned paper is covered as its edition's pair was; a welcome by topics followed since it was made. A
    recap stays when its topic is left, but ends when the reader leaves all topics.
    """
    following = audience.following().subquery()
    since = case((own_debts.c.kind == RETURNED, owed_pairs.c.ready_at), else_=own_debts.c.made_at)

    def any_is(flag: ColumnElement[bool]) -> ColumnElement[bool]:
        return func.max(case((flag, 1), else_=0)) == 1

    found = (
        select(
            own_debts.c.debt_id,
            owed_pairs.c.topic,
            func.max(case((owed_pairs.c.offered, owed_pairs.c.id))),
            any_is(owed_pairs.c.counts),
            any_is(owed_pairs.c.dropped),
            any_is(owed_pairs.c.withdrawn),
        )
        .join_from(own_debts, owed_pairs, owed_pairs.c.kept == own_debts.c.kept)
        .join(following, following.c.subscriber_id == own_debts.c.subscriber_id)
        .where(following.c.until.is_(None), following.c.since <= since)
        .group_by(own_debts.c.debt_id, owed_pairs.c.topic)
    )
    if recaps:
        found = found.where(own_debts.c.kind == Role.RECAP)
    else:
        found = found.where(own_debts.c.kind != Role.RECAP, following.c.topic == owed_pairs.c.topic)
    return insert(covers).from_select(["debt_id", "topic", "best", "counts", "dropped", "withdrawn"], found)


@cache
def _find_giving_digests() -> Insert:
    """The digests that give one of these papers, or one that it is merged with."""
    member = owed_members
    found = (
        select(digest_papers.c.digest_id, member.c.kept)
        .join_from(member, digest_papers, digest_papers.c.paper_id == member.c.id + 0)
        .where(digest_papers.c.form != Form.LEFT, digest_papers.c.role != Role.RECAP)
        .distinct()
    )
    return insert(giving_digests).from_select(["digest_id", "kept"], found)


@cache
def _mark_given() -> Update:
    """Mark the rows whose paper a sent delivery showed."""
    own = own_debts.alias("own")
    given = (
        select(own.c.debt_id)
        .join_from(
            batch,
            deliveries,
            and_(
                deliveries.c.subscriber_id == batch.c.subscriber_id,
                deliveries.c.kind == MailKind.DIGEST,
                deliveries.c.id >= bindparam("first"),
            ),
        )
        .join(giving_digests, giving_digests.c.digest_id == deliveries.c.digest_id)
        .join(own, and_(own.c.subscriber_id == batch.c.subscriber_id, own.c.kept == giving_digests.c.kept))
        .where(was_sent())
    )
    return update(own_debts).where(own_debts.c.debt_id.in_(given)).values(ended=DebtEnd.GIVEN.value)


@cache
def _judge() -> Update:
    def covered(flag: ColumnElement[bool]) -> ColumnElement[bool]:
        return select(covers.c.debt_id).where(covers.c.debt_id == own_debts.c.debt_id, flag).exists()

    end = case(
        (own_debts.c.ended.is_not(None), own_debts.c.ended),
        (own_debts.c.made_at < bindparam("too_old", type_=UTCDateTime()), DebtEnd.TOO_OLD.value),
        (covered(covers.c.counts), None),
        (covered(covers.c.dropped), DebtEnd.DROPPED.value),
        (covered(covers.c.withdrawn), DebtEnd.WITHDRAWN.value),
        else_=DebtEnd.LEFT.value,
    )
    return update(own_debts).values(ended=end)


@cache
def _find_carried() -> Insert:
    # Not a join: SQLite might begin with all deliveries.
    carrier = (
        select(deliveries.c.id)
        .where(
            deliveries.c.subscriber_id == batch.c.subscriber_id,
            deliveries.c.kind == MailKind.DIGEST,
            deliveries.c.key == batch.c.delivery_key,
        )
        .correlate(batch)
        .scalar_subquery()
    )
    shown = (
        select(own_debts.c.debt_id, carrier)
        .join_from(batch, groups, groups.c.group_key == batch.c.group_key)
        .join(own_debts, own_debts.c.subscriber_id == batch.c.subscriber_id)
        .join(
            shown_papers,
            and_(
                shown_papers.c.digest_id == groups.c.digest_id,
                shown_papers.c.paper_id == own_debts.c.kept,
            ),
        )
    )
    return insert(carried_debts).from_select(["debt_id", "delivery_id"], shown)


def _of(table: Any, column: ColumnElement[Any]) -> Select[Any]:
    return select(column).where(table.c.debt_id == reader_debts.c.id)


_ANY = select(own_debts.c.debt_id).limit(1)
_OWED = select(own_debts.c.kept).distinct()
_MARK_GIVEN_BEFORE = (
    update(own_debts)
    .where(own_debts.c.subscriber_id == bindparam("reader"), own_debts.c.kept == bindparam("paper"))
    .values(ended=DebtEnd.GIVEN.value)
)
_ANY_ENDED = select(own_debts.c.debt_id).where(own_debts.c.ended.is_not(None)).limit(1)
_END = (
    update(reader_debts)
    .where(reader_debts.c.id.in_(select(own_debts.c.debt_id).where(own_debts.c.ended.is_not(None))))
    .values(ended=_of(own_debts, own_debts.c.ended).scalar_subquery(), ended_at=NOW)
)
_FIND_SHOWN = insert(shown_papers).from_select(
    ["digest_id", "paper_id"],
    select(digest_papers.c.digest_id, digest_papers.c.paper_id)
    .where(
        digest_papers.c.digest_id.in_(select(groups.c.digest_id).where(groups.c.digest_id.is_not(None))),
        digest_papers.c.form != Form.LEFT,
    )
    .distinct(),
)
_FORGET_ENDED: Delete = delete(own_debts).where(own_debts.c.ended.is_not(None))
_FIRST_GIVING = select(
    func.min(
        select(func.min(deliveries.c.id))
        .where(deliveries.c.digest_id == giving_digests.c.digest_id)
        .correlate(giving_digests)
        .scalar_subquery()
    )
).select_from(giving_digests)
_CARRY = (
    update(reader_debts)
    .where(reader_debts.c.id.in_(select(carried_debts.c.debt_id)))
    .values(carried_by=_of(carried_debts, carried_debts.c.delivery_id).scalar_subquery())
)
