"""Finds which papers that may come again the readers of a turn had, or saw as doubtful.

It begins with the few papers and looks at the digests since the first that showed one of them: a reader's
history is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    bindparam,
    func,
    insert,
    literal,
    or_,
    select,
    union,
    union_all,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.states import DeliveryState, Form, MailKind
from newsletter.db.engine import dialect_insert
from newsletter.db.schema import (
    canary_slots,
    deliveries,
    digest_maybes,
    digest_papers,
    digests,
    paper_heirs,
    papers,
)
from newsletter.delivery.outbox.debts import was_sent
from newsletter.pipeline.compose.batch import (
    batch,
    know_size,
    papers_had,
    reappearing_papers,
    showing_digests,
)
from newsletter.pipeline.history.given import had_before

_WINDOW = bindparam("window", type_=UTCDateTime())
_CANONICAL = func.coalesce(papers.c.merged_into, papers.c.id)


def gather_papers_had(connection: Connection, *, window: datetime, reappearing: Sequence[int]) -> None:
    """Fill `papers_had`. window: a canary may have had any paper of a digest since then ahead of its time.

    reappearing: ids of papers that a reader may have had although a pair of theirs is unsettled (a corrected
    topic, a released edition).
    """
    if reappearing:
        connection.execute(insert(reappearing_papers), [{"paper_id": paper} for paper in reappearing])
        connection.execute(_find_digests())
        know_size(connection, reappearing_papers, showing_digests)
        first = connection.execute(_FIRST_DELIVERY).scalar_one()
        if first is not None:
            connection.execute(_find_readers(), {"first": first})
        _add_packed(connection, reappearing)
    if connection.execute(_ANY_CANARY, {"window": window}).first() is not None:
        connection.execute(_add_of_canaries(), {"window": window})


def _add_packed(connection: Connection, reappearing: Sequence[int]) -> None:
    """Add what mail showed whose rows are packed."""
    readers = select(batch.c.subscriber_id).where(batch.c.closes.is_(None))
    found = {
        (reader, paper, shown.doubtful)
        for reader, paper, shown, inherited in had_before(connection, reappearing, readers)
        if shown.received and not (shown.doubtful and inherited)
    }
    if found:
        add = dialect_insert(connection)(papers_had).on_conflict_do_nothing()
        names = ("subscriber_id", "paper_id", "doubtful")
        connection.execute(add, [dict(zip(names, row, strict=True)) for row in sorted(found)])


@cache  # building these costs more than running them
def _find_digests() -> Insert:
    """The digests that showed one of the papers, one merged with it, or one that it was split from."""
    again = reappearing_papers.c.paper_id
    known = again + 0  # as a sum it is no key, so that SQLite begins with these few papers
    itself = select(papers.c.id, again.label("paper_id")).join_from(
        reappearing_papers, papers, papers.c.id == known
    )
    merged = select(papers.c.id, again).join_from(reappearing_papers, papers, papers.c.merged_into == known)
    member = union_all(itself, merged).subquery()
    member_id = member.c.id + 0
    shown = (
        select(digest_papers.c.digest_id, member.c.paper_id, literal(False))
        .join_from(member, digest_papers, digest_papers.c.paper_id == member_id)
        .where(digest_papers.c.form != Form.LEFT)
    )
    inherited = (
        select(digest_papers.c.digest_id, member.c.paper_id, literal(False))
        .join_from(member, paper_heirs, paper_heirs.c.heir_id == member_id)
        .join(digest_papers, digest_papers.c.paper_id == paper_heirs.c.source_id)
        .join(digests, digests.c.id == digest_papers.c.digest_id)
        .where(digest_papers.c.form != Form.LEFT, digests.c.composed_at < paper_heirs.c.until)
    )
    doubted = select(digest_maybes.c.digest_id, member.c.paper_id, literal(True)).join_from(
        member, digest_maybes, digest_maybes.c.paper_id == member_id
    )
    return insert(showing_digests).from_select(
        ["digest_id", "paper_id", "doubtful"], union(shown, inherited, doubted)
    )


def _arrived() -> ColumnElement[bool]:
    """Whether a delivery may have been read. Papers that others gave back are rows of reader_debts."""
    return or_(
        deliveries.c.state.not_in([DeliveryState.SKIPPED.value, DeliveryState.FAILED.value]), was_sent()
    )


@cache
def _find_readers() -> Insert:
    had: Select[Any] = (
        select(batch.c.subscriber_id, showing_digests.c.paper_id, showing_digests.c.doubtful)
        .join_from(
            batch,
            deliveries,
            (deliveries.c.subscriber_id == batch.c.subscriber_id)
            & (deliveries.c.kind == MailKind.DIGEST)
            & (deliveries.c.id >= bindparam("first")),
        )
        .join(showing_digests, showing_digests.c.digest_id == deliveries.c.digest_id)
        .where(batch.c.closes.is_(None), _arrived())
        .distinct()
    )
    return insert(papers_had).from_select(["subscriber_id", "paper_id", "doubtful"], had)


@cache
def _add_of_canaries() -> Insert:
    """Everything that the canaries of the turn had since the window began."""
    shown = (
        select(digest_papers.c.digest_id, _CANONICAL.label("paper_id"), literal(False).label("doubtful"))
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(digest_papers.c.form != Form.LEFT)
    )
    inherited = (
        select(digest_papers.c.digest_id, _CANONICAL.label("paper_id"), literal(False).label("doubtful"))
        .join_from(digest_papers, paper_heirs, paper_heirs.c.source_id == digest_papers.c.paper_id)
        .join(papers, papers.c.id == paper_heirs.c.heir_id)
        .join(digests, digests.c.id == digest_papers.c.digest_id)
        .where(digest_papers.c.form != Form.LEFT, digests.c.composed_at < paper_heirs.c.until)
    )
    doubted = select(
        digest_maybes.c.digest_id, _CANONICAL.label("paper_id"), literal(True).label("doubtful")
    ).join(papers, papers.c.id == digest_maybes.c.paper_id)
    parts = [
        select(batch.c.subscriber_id, content.c.paper_id, content.c.doubtful)
        .join_from(batch, deliveries, deliveries.c.subscriber_id == batch.c.subscriber_id)
        .join(content, content.c.digest_id == deliveries.c.digest_id)
        .where(
            batch.c.subscriber_id.in_(_canaries()),
            batch.c.closes.is_(None),
            deliveries.c.kind == MailKind.DIGEST,
            deliveries.c.composed_at >= _WINDOW,
            _arrived(),
        )
        for content in (part.subquery() for part in (shown, inherited, doubted))
    ]
    every = union(*parts).subquery()
    known = papers_had.alias("known")
    absent = (
        select(known.c.paper_id)
        .where(
            known.c.subscriber_id == every.c.subscriber_id,
            known.c.paper_id == every.c.paper_id,
            known.c.doubtful == every.c.doubtful,
        )
        .exists()
    )
    return insert(papers_had).from_select(
        ["subscriber_id", "paper_id", "doubtful"], select(every).where(~absent)
    )


def _canaries() -> Select[Any]:
    return select(canary_slots.c.subscriber_id).where(canary_slots.c.at >= _WINDOW)


_FIRST_DELIVERY = select(
    func.min(
        select(func.min(deliveries.c.id))
        .where(deliveries.c.digest_id == showing_digests.c.digest_id)
        .correlate(showing_digests)
        .scalar_subquery()
    )
).select_from(showing_digests)
_ANY_CANARY = select(batch.c.subscriber_id).where(batch.c.subscriber_id.in_(_canaries())).limit(1)
