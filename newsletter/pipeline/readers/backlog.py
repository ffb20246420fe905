"""What a newcomer could have had, and the recent papers that they are given as explicit debts.

Joining starts now: without a welcome nothing of the backlog is owed. Who is new is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, insert, select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.states import Role
from newsletter.db.schema import edition_papers, editions, papers, reader_debts

SHOWN = 10  # papers that an answer lists; the count tells the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentPaper:
    """A paper of the backlog."""

    id: int  # canonical
    title: str
    topic: str  # the strongest of those asked for


def count(
    connection: Connection, topics: Sequence[str], *, now: datetime, since: datetime | None = None
) -> int:
    """How many papers of these topics stand in editions that were ready before `now`, and since when."""
    backlog = _backlog(topics, now=now).subquery()
    counted = select(func.count()).select_from(backlog)
    if since is not None:
        counted = counted.where(backlog.c.ready_at >= since)
    return int(connection.execute(counted).scalar_one())


def recent(
    connection: Connection, topics: Sequence[str], *, now: datetime, limit: int, offset: int = 0
) -> list[RecentPaper]:
    """The most recent of these papers, the newest first."""
    if limit <= 0:
        return []
    backlog = _backlog(topics, now=now).subquery()
    chosen = connection.execute(
        select(papers.c.id, papers.c.title)
        .join(backlog, backlog.c.paper_id == papers.c.id)
        .order_by(
            backlog.c.ready_at.desc(),
            papers.c.first_listed_on.desc(),
            papers.c.first_position,
            papers.c.id,
        )
        .limit(limit)
        .offset(offset)
    ).all()
    canonical = func.coalesce(papers.c.merged_into, papers.c.id)
    pairs = connection.execute(
        select(canonical.label("paper_id"), edition_papers.c.topic, func.max(edition_papers.c.score))
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .where(canonical.in_([row.id for row in chosen]), edition_papers.c.topic.in_(topics), *_STANDS)
        .group_by(canonical, edition_papers.c.topic)
    )
    strongest: dict[int, tuple[bool, float, str]] = {}
    for paper_id, topic, score in pairs:
        rank = (topic != EVERYTHING, score, topic)
        strongest[paper_id] = max(rank, strongest.get(paper_id, rank))
    return [RecentPaper(id=row.id, title=row.title, topic=strongest[row.id][2]) for row in chosen]


def give(
    connection: Connection,
    newcomers: Iterable[tuple[int, tuple[str, ...]]],
    *,
    papers_each: int,
    now: datetime,
) -> int:
    """Owe each newcomer (id, topics) the most recent papers of their topics; returns how many debts.

    For people who were never confirmed before: nothing of it can have reached them.
    """
    if papers_each <= 0:
        return 0
    known: dict[tuple[str, ...], list[RecentPaper]] = {}
    rows = []
    for subscriber_id, topics in newcomers:
        if topics not in known:
            known[topics] = recent(connection, topics, now=now, limit=papers_each)
        rows += [
            {
                "subscriber_id": subscriber_id,
                "paper_id": paper.id,
                "topic": paper.topic,
                "kind": Role.WELCOME.value,
                "made_at": now,
            }
            for paper in known[topics]
        ]
    if rows:
        connection.execute(insert(reader_debts), rows)
    return len(rows)


_STANDS = (edition_papers.c.dropped_at.is_(None), edition_papers.c.withdrawn_at.is_(None))


def _backlog(topics: Sequence[str], *, now: datetime) -> Select[tuple[int, datetime]]:
    # Strictly before now: what is ready at this very instant is news to who joins at it.
    canonical = func.coalesce(papers.c.merged_into, papers.c.id)
    return (
        select(canonical.label("paper_id"), func.max(editions.c.ready_at).label("ready_at"))
        .select_from(edition_papers)
        .join(editions, editions.c.number == edition_papers.c.edition)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .where(edition_papers.c.topic.in_(topics), editions.c.ready_at < now, ~editions.c.held, *_STANDS)
        .group_by(canonical)
    )
