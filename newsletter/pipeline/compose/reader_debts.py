"""Reads and ends the debts that are rows of one reader: returned papers, welcomes, recaps.

Such a row names a paper, not a pair: it stays open while any topic that the reader follows covers the paper.
Debts that follow from editions are decided in `newsletter.pipeline.compose.edition_debts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import MAX_DEBT_AGE
from newsletter.core.states import DebtEnd, Form, MailKind, Role
from newsletter.db.schema import deliveries, digest_papers, edition_papers, editions, papers, reader_debts
from newsletter.delivery.outbox.debts import RETURNED, was_sent
from newsletter.papers.editions import PAIR_COUNTS
from newsletter.pipeline.compose.batch import NOW, batch
from newsletter.pipeline.compose.grouping import OPEN_DEBT
from newsletter.pipeline.history.given import had_before
from subscribers import audience


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDebt:
    """One open row."""

    id: int
    paper_id: int  # canonical
    kind: str  # returned, welcome, recap
    topic: str  # that it was first shown under
    ready_at: datetime
    leads: bool
    scores: dict[str, float] = field(default_factory=dict)  # by topic that can bring it now


def open_debts(connection: Connection, ids: Sequence[int], *, now: datetime) -> list[OpenDebt]:
    """The rows with these ids, each with the topics that can bring it at `now` (aware)."""
    if not ids:
        return []
    found = {row.id: OpenDebt(**row._mapping) for row in connection.execute(_DEBTS, {"ids": list(ids)})}
    for debt_id, topic, score in connection.execute(_topics_of_debts(), {"ids": list(ids), "now": now}):
        found[debt_id].scores[topic] = score
    return list(found.values())


def end_debts(connection: Connection, *, now: datetime) -> None:
    """End open rows of the batch's readers: given, too old, or covered by no topic that they follow."""
    if connection.execute(_ANY_OPEN).first() is None:
        return
    _end_given_before(connection, now=now)
    for statement in _ends():
        connection.execute(statement, {"now": now, "too_old": now - MAX_DEBT_AGE})


def _end_given_before(connection: Connection, *, now: datetime) -> None:
    """End open rows whose paper, or one that it is merged with, was given by mail whose rows are packed."""
    open_papers = set(connection.execute(_OPEN_PAPERS).scalars())
    found = had_before(connection, open_papers, select(batch.c.subscriber_id))
    given = {
        (reader, paper)
        for reader, paper, shown, inherited in found
        if shown.sent and not (shown.recap or shown.doubtful or inherited)
    }
    if given:
        rows = connection.execute(_OPEN_ROWS.where(_CANONICAL.in_(sorted({paper for _, paper in given}))))
        ids = [row.id for row in rows if (row.subscriber_id, row.paper) in given]
        connection.execute(
            update(reader_debts)
            .where(reader_debts.c.id.in_(ids))
            .values(ended=DebtEnd.GIVEN.value, ended_at=now)
        )


@cache  # building these costs more than running them
def _ends() -> tuple[Update, ...]:
    pairs = _covering(edition_papers.c.edition).correlate(reader_debts)
    alive = pairs.where(PAIR_COUNTS).exists()
    too_old = bindparam("too_old", type_=UTCDateTime())
    ends = (
        (_given(), DebtEnd.GIVEN),  # by a paper that it was merged with
        (reader_debts.c.made_at < too_old, DebtEnd.TOO_OLD),
        (~alive & pairs.where(edition_papers.c.dropped_at.is_not(None)).exists(), DebtEnd.DROPPED),
        (~alive & pairs.where(edition_papers.c.withdrawn_at.is_not(None)).exists(), DebtEnd.WITHDRAWN),
        (~alive, DebtEnd.LEFT),
    )
    return tuple(
        update(reader_debts).where(_OF_BATCH, condition).values(ended=end, ended_at=NOW)
        for condition, end in ends
    )


@cache
def _topics_of_debts() -> Select[Any]:
    """The topics that can bring these rows now, each with its best score."""
    return (
        _covering(reader_debts.c.id, edition_papers.c.topic, func.max(edition_papers.c.score))
        .where(reader_debts.c.id.in_(_IDS), PAIR_COUNTS, ~editions.c.held, editions.c.ready_at <= NOW)
        .group_by(reader_debts.c.id, edition_papers.c.topic)
        .order_by(reader_debts.c.id, edition_papers.c.topic)
    )


def _covering(*columns: ColumnElement[Any]) -> Select[Any]:
    """The pairs of a row's paper, merged ones included, that a topic followed now covers.

    A returned paper is covered as its edition's pair was; a welcome by topics followed since it was made. A
    recap stays when its topic is left, but ends when the reader leaves all topics.
    """
    following = audience.following().subquery()
    owed, member = papers.alias("owed"), papers.alias("member")
    kept = func.coalesce(owed.c.merged_into, owed.c.id)
    since = case(
        (reader_debts.c.kind == RETURNED, editions.c.ready_at),
        else_=reader_debts.c.made_at,
    )
    return (
        select(*columns)
        .join_from(owed, member, or_(member.c.id == kept, member.c.merged_into == kept))
        .join(edition_papers, edition_papers.c.paper_id == member.c.id)
        .join(editions, editions.c.number == edition_papers.c.edition)
        .join(following, following.c.until.is_(None))
        .where(
            owed.c.id == reader_debts.c.paper_id,
            following.c.subscriber_id == reader_debts.c.subscriber_id,
            following.c.since <= since,
            or_(following.c.topic == edition_papers.c.topic, reader_debts.c.kind == Role.RECAP),
        )
    )


def _given() -> ColumnElement[bool]:
    """Whether a sent delivery showed the row's paper, or one that it is merged with."""
    owed, shown = papers.alias("owed"), papers.alias("shown")
    return (
        select(deliveries.c.id)
        .join(digest_papers, digest_papers.c.digest_id == deliveries.c.digest_id)
        .join(shown, shown.c.id == digest_papers.c.paper_id)
        .join(
            owed,
            func.coalesce(owed.c.merged_into, owed.c.id) == func.coalesce(shown.c.merged_into, shown.c.id),
        )
        .where(
            deliveries.c.subscriber_id == reader_debts.c.subscriber_id,
            deliveries.c.kind == MailKind.DIGEST,
            was_sent(),
            digest_papers.c.form != Form.LEFT,
            digest_papers.c.role != Role.RECAP,
            owed.c.id == reader_debts.c.paper_id,
        )
        .exists()
    )


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_OF_BATCH = and_(OPEN_DEBT, reader_debts.c.subscriber_id.in_(select(batch.c.subscriber_id)))
_CANONICAL = func.coalesce(papers.c.merged_into, papers.c.id)
_OPEN_PAPERS = (
    select(_CANONICAL).join(reader_debts, reader_debts.c.paper_id == papers.c.id).where(_OF_BATCH).distinct()
)
_OPEN_ROWS = (
    select(reader_debts.c.id, reader_debts.c.subscriber_id, _CANONICAL.label("paper"))
    .join(papers, papers.c.id == reader_debts.c.paper_id)
    .where(_OF_BATCH)
)
_ANY_OPEN = select(reader_debts.c.id).where(_OF_BATCH).limit(1)
_DEBTS = (
    select(
        reader_debts.c.id,
        func.coalesce(papers.c.merged_into, papers.c.id).label("paper_id"),
        reader_debts.c.kind,
        reader_debts.c.topic,
        # a returned paper has been ready since the composing of the delivery that gave it back
        func.coalesce(
            deliveries.c.composed_at, reader_debts.c.made_at, type_=reader_debts.c.made_at.type
        ).label("ready_at"),
        or_(reader_debts.c.kind != Role.WELCOME, deliveries.c.id.is_not(None)).label("leads"),
    )
    .join(papers, papers.c.id == reader_debts.c.paper_id)
    .outerjoin(deliveries, deliveries.c.id == reader_debts.c.from_delivery_id)
    .where(reader_debts.c.id.in_(_IDS))
    .order_by(reader_debts.c.id)
)
