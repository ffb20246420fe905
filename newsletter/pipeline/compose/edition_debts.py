"""Decides what a group of readers is owed: pairs of editions that their topics cover and no digest settled.

It reads the candidates once for a run and decides for each group key in memory. It renders nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    select,
    union,
)
from sqlmodel.sql.sqltypes import UTCDateTime

from newsletter.core.cadence import MAX_DEBT_AGE, MINIMUM_YIELDS_AFTER
from newsletter.core.debts.digest_plan import MAX_MAYBES, OwedPair, PlannedPaper
from newsletter.core.states import Form, Role
from newsletter.db.schema import (
    digest_papers,
    digests,
    edition_maybes,
    edition_papers,
    editions,
    paper_heirs,
    papers,
)
from newsletter.papers.editions import KEEPS_DELIVERIES, PAIR_COUNTS
from newsletter.pipeline.compose.canaries import may_be_mailed
from newsletter.pipeline.compose.grouping import GroupKey, OwnDebt
from newsletter.pipeline.compose.reader_debts import OwedPairOfDebt
from newsletter.pipeline.compose.reappearing import reappearing

MOMENT = timedelta(microseconds=1)
CANONICAL = func.coalesce(papers.c.merged_into, papers.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """All papers that one group is owed now."""

    pairs: tuple[OwedPair, ...]
    recaps: tuple[PlannedPaper, ...]
    recaps_since: datetime | None  # when the oldest recap arose
    maybes: tuple[PlannedPaper, ...]  # doubtful papers, best first: shown if there is room, never owed


@dataclass(slots=True)
class Candidates:
    """The pairs of recent editions that may be mailed, and how editions are settled."""

    now: datetime
    pairs: list[OwedPair]
    maybes: list[OwedPair]  # doubtful pairs
    recent_rank: dict[int, int]  # edition to how many recent editions were ready before it
    notes: dict[int, str]
    newest: int  # the highest number that may be mailed
    reappearing: tuple[int, ...]
    _open: dict[tuple[int, int], dict[str, list[OwedPair]]] = field(default_factory=dict, compare=False)

    def unsettled(self, group_key: GroupKey) -> dict[str, list[OwedPair]]:
        """Pairs by topic that the group's last digest did not settle."""
        mark = (group_key.settled_number, group_key.settled_count)
        if mark not in self._open:
            by_topic: dict[str, list[OwedPair]] = {}
            for pair in self.pairs:
                if self._is_open(pair, group_key):
                    by_topic.setdefault(pair.topic, []).append(pair)
            self._open[mark] = by_topic
        return self._open[mark]

    def doubtful(self, group_key: GroupKey) -> list[OwedPair]:
        """Doubtful pairs that the group's topics cover and no digest of theirs could show, best first."""
        return [
            pair
            for pair in self.maybes
            if pair.topic in group_key.topics
            and pair.edition is not None
            and self.recent_rank[pair.edition] >= group_key.topics[pair.topic]
            and self._is_open(pair, group_key)
            and pair.paper_id not in group_key.had | group_key.seen
        ]

    def _is_open(self, pair: OwedPair, group_key: GroupKey) -> bool:
        assert pair.edition is not None
        return (
            pair.restored  # what the reader had is excluded by `had`
            or pair.edition > group_key.settled_number
            or self.recent_rank[pair.edition] >= group_key.settled_count
        )


def load_candidates(connection: Connection, now: datetime, *, early: bool, kept: bool) -> Candidates:
    """Read the pairs of editions that are ready, not held and not too old.

    early: for canaries, who need not wait. kept: for readers whose delivery waited: editions that the program
    itself holds count as well.
    """
    window = {"now": now, "window": now - MAX_DEBT_AGE}
    recent = connection.execute(_editions(early=early, kept=kept), window).all()
    usable = [row.number for row in recent if row.usable]
    newest = connection.execute(_newest(early=early, kept=kept), {"now": now}).scalar()
    return Candidates(
        now=now,
        pairs=pairs_of(connection, usable),
        maybes=_maybes(connection, usable),
        recent_rank={row.number: rank for rank, row in enumerate(recent)},
        notes={row.number: row.note for row in recent if row.note},
        newest=newest or 0,
        reappearing=reappearing(connection, usable, now=now),
    )


def pairs_of(connection: Connection, numbers: Sequence[int]) -> list[OwedPair]:
    """The pairs of these editions that count, in their order; merged papers under the one that was kept."""
    return [
        OwedPair(
            paper_id=row.paper_id,
            topic=row.topic,
            score=row.score,
            edition=row.edition,
            place=row.place,
            ready_at=row.ready_at,
            restored=row.restored_at is not None,
        )
        for row in connection.execute(_PAIRS, {"usable": list(numbers)})
    ]


@cache
def _editions(*, early: bool, kept: bool) -> Select[Any]:
    """The recent editions by readiness, each with whether it may be mailed."""
    return (
        select(
            editions.c.number,
            editions.c.ready_at,
            editions.c.note,
            _usable_now(early=early, kept=kept).label("usable"),
        )
        .where(editions.c.ready_at >= bindparam("window", type_=UTCDateTime()))
        .order_by(editions.c.ready_at, editions.c.number)
    )


@cache
def _newest(*, early: bool, kept: bool) -> Select[Any]:
    """The highest number that may be mailed: it looks at the newest editions first."""
    usable = _usable_now(early=early, kept=kept)
    return select(editions.c.number).where(usable).order_by(editions.c.number.desc()).limit(1)


def _usable_now(*, early: bool, kept: bool) -> ColumnElement[bool]:
    return and_(KEEPS_DELIVERIES if kept else ~editions.c.held, may_be_mailed(early=early))


def _maybes(connection: Connection, usable: list[int]) -> list[OwedPair]:
    """The doubtful pairs of these editions, best first, without papers that were merged into others."""
    return [
        OwedPair(
            paper_id=row.paper_id,
            topic=row.topic,
            score=row.score,
            edition=row.edition,
            place=0,
            ready_at=row.ready_at,
        )
        for row in connection.execute(_MAYBES, {"usable": usable})
    ]


def owed_to(
    connection: Connection,
    candidates: Candidates,
    group_key: GroupKey,
    *,
    own_pairs: Mapping[int, OwedPairOfDebt],
) -> Owed:
    """Decide what the readers with this group key are owed. own_pairs: what `gather_debts` returned."""
    pairs: list[OwedPair] = []
    fresh = candidates.unsettled(group_key)
    for topic, late in group_key.topics.items():
        pairs += (
            pair
            for pair in fresh.get(topic, ())
            if pair.edition is not None
            and candidates.recent_rank[pair.edition] >= late
            and pair.paper_id not in group_key.had
        )
    if group_key.left_by is not None:
        pairs += _left_before(connection, candidates, group_key)
    recaps: list[PlannedPaper] = []
    recaps_since: datetime | None = None
    for place, debt in enumerate(group_key.debts, 1):
        ready_at = _standing_for(debt, group_key, now=candidates.now)
        topics = [own_pairs[pair] for pair in debt.brought_by]
        if debt.kind == Role.RECAP:
            if topics:
                recaps.append(
                    PlannedPaper(paper_id=debt.paper_id, topic=debt.topic, form=Form.TITLE, role=Role.RECAP)
                )
                recaps_since = min(recaps_since or ready_at, ready_at)
            continue
        if debt.paper_id in group_key.had:  # a digest showed the paper that it was merged with
            continue
        pairs += (
            OwedPair(
                paper_id=debt.paper_id,
                topic=topic,
                score=score,
                edition=None,
                place=place,
                ready_at=ready_at,
                leads=debt.leads,
                role=Role.WELCOME if debt.kind == Role.WELCOME else Role.NEWS,
            )
            for topic, score in topics
        )
    news_ids = {pair.paper_id for pair in pairs}
    shown = tuple({r.paper_id: r for r in recaps if r.paper_id not in news_ids}.values())
    owed_ids = news_ids | {debt.paper_id for debt in group_key.debts}
    maybes = candidates.doubtful(group_key) if group_key.maybe else []
    return Owed(
        pairs=tuple(pairs),
        recaps=shown,
        maybes=_once(pair for pair in maybes if pair.paper_id not in owed_ids),
        recaps_since=recaps_since,
    )


def _standing_for(debt: OwnDebt, group_key: GroupKey, *, now: datetime) -> datetime:
    """An instant that is before or after the slot, and old enough to go alone or not, as the row's own is."""
    yields = now - MINIMUM_YIELDS_AFTER
    if debt.after_slot:
        return max(group_key.slot_at, yields) + MOMENT if debt.fresh else yields
    return group_key.slot_at if debt.fresh else min(group_key.slot_at, yields)


def _once(maybes: Iterable[OwedPair]) -> tuple[PlannedPaper, ...]:
    """Each paper once, under its most likely topic."""
    best: dict[int, PlannedPaper] = {}
    for pair in maybes:
        best.setdefault(
            pair.paper_id,
            PlannedPaper(paper_id=pair.paper_id, topic=pair.topic, form=Form.ROW, edition=pair.edition),
        )
    return tuple(best.values())[:MAX_MAYBES]


def _left_before(connection: Connection, candidates: Candidates, group_key: GroupKey) -> list[OwedPair]:
    """Papers that the last digest had no room for, by any topic that still covers them."""
    waiting = set(connection.execute(_left_out_by(), {"left_by": group_key.left_by}).scalars())
    return [
        replace(pair, leads=True)
        for pair in candidates.pairs
        if pair.paper_id in waiting
        and pair.paper_id not in group_key.had  # a later digest showed the paper that it was merged with
        and pair.topic in group_key.topics
        and pair.edition is not None
        and candidates.recent_rank[pair.edition] >= group_key.topics[pair.topic]
    ]


@cache
def _left_out_by() -> Any:
    """The papers that a digest had no room for, and those that were split off from them since."""
    of_digest = (
        digest_papers.c.digest_id == bindparam("left_by"),
        digest_papers.c.form == Form.LEFT,
    )
    left = (
        select(CANONICAL)
        .select_from(digest_papers)
        .join(papers, papers.c.id == digest_papers.c.paper_id)
        .where(*of_digest)
    )
    split_off = (
        select(CANONICAL)
        .select_from(digest_papers)
        .join(digests, digests.c.id == digest_papers.c.digest_id)
        .join(paper_heirs, paper_heirs.c.source_id == digest_papers.c.paper_id)
        .join(papers, papers.c.id == paper_heirs.c.heir_id)
        .where(*of_digest, digests.c.composed_at < paper_heirs.c.until)
    )
    return union(left, split_off)


_USABLE: BindParameter[Any] = bindparam("usable", expanding=True)  # editions that may be mailed
# Pairs of these editions that count; merged papers under the one that was kept.
_PAIRS = (
    select(
        CANONICAL.label("paper_id"),
        edition_papers.c.topic,
        func.max(edition_papers.c.score).label("score"),
        edition_papers.c.edition,
        func.min(edition_papers.c.place).label("place"),
        func.max(edition_papers.c.restored_at).label("restored_at"),
        editions.c.ready_at,
    )
    .join(editions, editions.c.number == edition_papers.c.edition)
    .join(papers, papers.c.id == edition_papers.c.paper_id)
    .where(edition_papers.c.edition.in_(_USABLE), PAIR_COUNTS)
    .group_by(CANONICAL, edition_papers.c.topic, edition_papers.c.edition, editions.c.ready_at)
    .order_by(edition_papers.c.edition, "place", edition_papers.c.topic)
)
_MAYBES = (
    select(edition_maybes, editions.c.ready_at)
    .join(editions, editions.c.number == edition_maybes.c.edition)
    .join(papers, papers.c.id == edition_maybes.c.paper_id)
    .where(edition_maybes.c.edition.in_(_USABLE), papers.c.merged_into.is_(None))
    .order_by(edition_maybes.c.score.desc(), edition_maybes.c.paper_id, edition_maybes.c.topic)
)
