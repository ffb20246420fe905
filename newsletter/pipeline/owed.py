"""What a group of readers is owed: edition pairs that their topics cover and no digest has settled.

Reads the candidates once for a run; decides for each signature in memory. Sends and renders nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, update

from newsletter.core.cadence import MAX_AGE
from newsletter.core.plan import OwedPair, PlannedPaper
from newsletter.core.states import DebtEnd, DeliveryState, Form, Role
from newsletter.db.schema import (
    deliveries,
    digest_papers,
    edition_papers,
    editions,
    paper_topics,
    papers,
    reader_debts,
)
from newsletter.papers.editions import STANDS
from newsletter.papers.merging import inheritances
from newsletter.pipeline.batch import KIND, batch
from newsletter.pipeline.signature import OPEN_DEBT, Signature
from subscribers import audience

CANONICAL = func.coalesce(papers.c.merged_into, papers.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """All that one group is owed now."""

    pairs: tuple[OwedPair, ...]
    recaps: tuple[PlannedPaper, ...]
    recaps_since: datetime | None  # when the oldest recap arose
    debt_papers: dict[int, int]  # id of a reader's own debt row to its paper


@dataclass(slots=True)
class Candidates:
    """The pairs of recent, ready editions, and how editions are settled."""

    now: datetime
    pairs: list[OwedPair]
    ready_rank: dict[int, int]  # edition to how many editions were ready before it, of all
    recent_rank: dict[int, int]  # the same among recent ones
    notes: dict[int, str]
    newest: int  # the highest number that is ready
    reappearing: tuple[int, ...]
    _open: dict[tuple[int, int], dict[str, list[OwedPair]]] = field(default_factory=dict)

    def unsettled(self, signature: Signature) -> dict[str, list[OwedPair]]:
        """Pairs by topic that the group's last digest did not settle."""
        mark = (signature.settled_number, signature.settled_count)
        if mark not in self._open:
            by_topic: dict[str, list[OwedPair]] = {}
            for pair in self.pairs:
                assert pair.edition is not None
                settled = pair.edition <= mark[0] and self.ready_rank[pair.edition] < mark[1]
                if not settled:
                    by_topic.setdefault(pair.topic, []).append(pair)
            self._open[mark] = by_topic
        return self._open[mark]


def load_candidates(connection: Connection, now: datetime) -> Candidates:
    """Read the pairs of editions that are ready, not held and not too old."""
    order = connection.execute(
        select(editions.c.number, editions.c.ready_at, editions.c.held, editions.c.note).order_by(
            editions.c.ready_at, editions.c.number
        )
    ).all()
    window = now - MAX_AGE
    recent = [row for row in order if row.ready_at >= window]
    usable = [row.number for row in recent if row.ready_at <= now and not row.held]
    pairs = [
        OwedPair(
            paper_id=row.paper_id,
            topic=row.topic,
            score=row.score,
            edition=row.edition,
            place=row.place,
            ready_at=row.ready_at,
        )
        for row in connection.execute(_pairs(usable))
    ]
    return Candidates(
        now=now,
        pairs=pairs,
        ready_rank={row.number: rank for rank, row in enumerate(order)},
        recent_rank={row.number: rank for rank, row in enumerate(recent)},
        notes={row.number: row.note for row in recent if row.note},
        newest=max((row.number for row in order if row.ready_at <= now and not row.held), default=0),
        reappearing=_reappearing(connection, usable),
    )


def _pairs(usable: list[int]) -> Select[Any]:
    """The standing pairs of these editions, merged papers under the one that was kept."""
    return (
        select(
            CANONICAL.label("paper_id"),
            edition_papers.c.topic,
            func.max(edition_papers.c.score).label("score"),
            edition_papers.c.edition,
            func.min(edition_papers.c.place).label("place"),
            editions.c.ready_at,
        )
        .join(editions, editions.c.number == edition_papers.c.edition)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .where(edition_papers.c.edition.in_(usable), STANDS)
        .group_by(CANONICAL, edition_papers.c.topic, edition_papers.c.edition, editions.c.ready_at)
        .order_by(edition_papers.c.edition, "place", edition_papers.c.topic)
    )


def _reappearing(connection: Connection, usable: list[int]) -> tuple[int, ...]:
    """Papers that a reader may have had although a pair of theirs is unsettled.

    Those in several editions (a corrected topic, a merge), those of an edition that was held back after
    some had got it, and those that count as given with the paper that they were split from.
    """
    heirs = inheritances().subquery()
    several = (
        select(CANONICAL.label("paper_id"))
        .select_from(edition_papers)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .group_by(CANONICAL)
        .having(
            or_(
                func.count(edition_papers.c.edition.distinct()) > 1,
                func.count(edition_papers.c.paper_id.distinct()) > 1,
            )
        )
    ).subquery()
    released = edition_papers.c.edition.in_(
        select(editions.c.number).where(editions.c.number.in_(usable), editions.c.released)
    )
    found = (
        select(CANONICAL)
        .select_from(edition_papers)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .where(
            edition_papers.c.edition.in_(usable),
            STANDS,
            released | CANONICAL.in_(select(several.c.paper_id)) | CANONICAL.in_(select(heirs.c.heir)),
        )
        .distinct()
    )
    return tuple(sorted(connection.execute(found).scalars()))


def owed_to(connection: Connection, candidates: Candidates, signature: Signature) -> Owed:
    """Decide what the people with this signature are owed."""
    pairs: list[OwedPair] = []
    fresh = candidates.unsettled(signature)
    for topic, late in signature.topics.items():
        pairs += (
            pair
            for pair in fresh.get(topic, ())
            if pair.edition is not None
            and candidates.recent_rank[pair.edition] >= late
            and pair.paper_id not in signature.had
        )
    if signature.left_by is not None:
        pairs += _left_before(connection, candidates, signature)
    recaps: list[PlannedPaper] = []
    recaps_since: datetime | None = None
    debt_papers: dict[int, int] = {}
    for row in _own_debts(connection, signature.debts):
        if row.topic not in signature.topics and not (signature.topics and row.kind == Role.RECAP):
            continue
        debt_papers[row.id] = row.paper_id
        if row.kind == Role.RECAP:
            recaps.append(
                PlannedPaper(paper_id=row.paper_id, topic=row.topic, form=Form.TITLE, role=Role.RECAP)
            )
            recaps_since = min(recaps_since or row.ready_at, row.ready_at)
            continue
        pairs.append(
            OwedPair(
                paper_id=row.paper_id,
                topic=row.topic,
                score=row.score or 0.0,
                edition=None,
                place=row.id,
                ready_at=row.ready_at,
                leads=row.kind != Role.WELCOME,
                role=Role.WELCOME if row.kind == Role.WELCOME else Role.NEWS,
            )
        )
    news_ids = {pair.paper_id for pair in pairs}
    return Owed(
        pairs=tuple(pairs),
        recaps=tuple({r.paper_id: r for r in recaps if r.paper_id not in news_ids}.values()),
        recaps_since=recaps_since,
        debt_papers=debt_papers,
    )


def _left_before(connection: Connection, candidates: Candidates, signature: Signature) -> list[OwedPair]:
    """What the last digest had no room for, through any topic that still covers it."""
    left = connection.execute(
        select(CANONICAL)
        .select_from(digest_papers)
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(digest_papers.c.digest_id == signature.left_by, digest_papers.c.form == Form.LEFT)
        .order_by(digest_papers.c.position)
    ).scalars()
    waiting = set(left)
    return [
        replace(pair, leads=True)
        for pair in candidates.pairs
        if pair.paper_id in waiting
        and pair.paper_id not in signature.had  # given since as what it was merged with
        and pair.topic in signature.topics
        and pair.edition is not None
        and candidates.recent_rank[pair.edition] >= signature.topics[pair.topic]
    ]


def _own_debts(connection: Connection, ids: Iterable[int]) -> list[Row[Any]]:
    wanted = list(ids)
    if not wanted:
        return []
    score = (
        select(func.max(paper_topics.c.score))
        .where(
            paper_topics.c.paper_id == reader_debts.c.paper_id, paper_topics.c.topic == reader_debts.c.topic
        )
        .scalar_subquery()
    )
    return list(
        connection.execute(
            select(
                reader_debts.c.id,
                CANONICAL.label("paper_id"),
                reader_debts.c.topic,
                reader_debts.c.kind,
                # what came back has been ready since the mail that gave it back was composed
                func.coalesce(
                    deliveries.c.composed_at, reader_debts.c.made_at, type_=reader_debts.c.made_at.type
                ).label("ready_at"),
                score.label("score"),
            )
            .join(papers, papers.c.id == reader_debts.c.paper_id)
            .outerjoin(deliveries, deliveries.c.id == reader_debts.c.from_delivery_id)
            .where(reader_debts.c.id.in_(wanted))
            .order_by(reader_debts.c.id)
        )
    )


def end_debts(connection: Connection, *, now: datetime) -> None:
    """End the batch's own open debts that are given, too old, or whose topic the reader has left or lost.

    A recap outlives its topic, but not the reader's last subscription.
    """
    following = audience.following().subquery()
    follows = (
        select(following.c.topic)
        .where(
            following.c.subscriber_id == reader_debts.c.subscriber_id,
            following.c.until.is_(None),
            (following.c.topic == reader_debts.c.topic) | (reader_debts.c.kind == Role.RECAP),
        )
        .exists()
    )
    ever = edition_papers.c.paper_id == reader_debts.c.paper_id
    stands = select(edition_papers.c.edition).where(ever, STANDS).exists()
    dropped = select(edition_papers.c.edition).where(ever, edition_papers.c.dropped_at.is_not(None))
    withdrawn = select(edition_papers.c.edition).where(ever, edition_papers.c.withdrawn_at.is_not(None))
    owed, shown = papers.alias("owed"), papers.alias("shown")
    given = (
        select(deliveries.c.id)
        .join(digest_papers, digest_papers.c.digest_id == deliveries.c.digest_id)
        .join(shown, shown.c.id == digest_papers.c.paper_id)
        .join(
            owed,
            func.coalesce(owed.c.merged_into, owed.c.id) == func.coalesce(shown.c.merged_into, shown.c.id),
        )
        .where(
            deliveries.c.subscriber_id == reader_debts.c.subscriber_id,
            deliveries.c.kind == KIND,
            deliveries.c.state == DeliveryState.SENT,
            digest_papers.c.form != Form.LEFT,
            digest_papers.c.role != Role.RECAP,
            owed.c.id == reader_debts.c.paper_id,
        )
        .exists()
    )
    ends = (
        (given, DebtEnd.GIVEN),  # as what it was merged with
        (reader_debts.c.made_at < now - MAX_AGE, DebtEnd.TOO_OLD),
        (~follows, DebtEnd.LEFT),
        (dropped.exists() & ~stands, DebtEnd.DROPPED),
        (withdrawn.exists() & ~stands, DebtEnd.WITHDRAWN),
    )
    for condition, end in ends:
        connection.execute(
            update(reader_debts)
            .where(
                OPEN_DEBT,
                reader_debts.c.subscriber_id.in_(select(batch.c.subscriber_id)),
                condition,
            )
            .values(ended=end, ended_at=now)
        )
