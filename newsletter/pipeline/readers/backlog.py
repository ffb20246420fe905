"""Finds recent papers of topics, and adds debts for the papers of a welcome.

A new reader is owed no earlier papers unless the settings give some. Does not decide who is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Select, func, insert, select, true

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.states import Role
from newsletter.db.schema import edition_papers, editions, papers, reader_debts
from newsletter.papers.visibility import Visibility

MAX_LISTED = 10  # papers in an answer of the command line; the count is separate


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentPaper:
    """A paper that an earlier edition held."""

    id: int  # of the kept paper, after merges
    title: str
    topic: str  # the best match among the requested topics


def count(
    connection: Connection,
    topics: Sequence[str],
    *,
    now: datetime,
    listed_since: date | None = None,
    view: Visibility | None = None,
) -> int:
    """The number of papers of these topics in editions that were ready before `now`.

    listed_since: only those that were first listed then or later, as the statistics count them. view: only
    papers that it shows.
    """
    backlog = _backlog(topics, now=now).subquery()
    counted = select(func.count()).select_from(backlog)
    if listed_since is not None or view is not None:
        counted = counted.join(papers, papers.c.id == backlog.c.paper_id)
    if listed_since is not None:
        counted = counted.where(papers.c.first_listed_on >= listed_since)
    if view is not None:
        counted = counted.where(view.paper_is_visible(papers))
    return int(connection.execute(counted).scalar_one())


def recent(
    connection: Connection,
    topics: Sequence[str],
    *,
    now: datetime,
    limit: int,
    offset: int = 0,
    view: Visibility | None = None,
) -> list[RecentPaper]:
    """The most recent papers of these topics, newest first. view: only papers that it shows."""
    if limit <= 0:
        return []
    backlog = _backlog(topics, now=now).subquery()
    chosen = connection.execute(
        select(papers.c.id, papers.c.title)
        .join(backlog, backlog.c.paper_id == papers.c.id)
        .where(true() if view is None else view.paper_is_visible(papers))
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
        .where(canonical.in_([row.id for row in chosen]), edition_papers.c.topic.in_(topics), *_IN_EDITION)
        .group_by(canonical, edition_papers.c.topic)
    )
    strongest: dict[int, tuple[bool, float, str]] = {}
    for paper_id, topic, score in pairs:
        rank = (topic != EVERYTHING, score, topic)
        strongest[paper_id] = max(rank, strongest.get(paper_id, rank))
    return [RecentPaper(id=row.id, title=row.title, topic=strongest[row.id][2]) for row in chosen]


def spread(connection: Connection, topics: Sequence[str], *, now: datetime, limit: int) -> list[RecentPaper]:
    """The most recent papers, of each topic in turn, so that no topic takes all the places."""
    chosen: list[Sequence[str]] = [[topic] for topic in topics if topic != EVERYTHING]
    if EVERYTHING in topics:
        chosen.append(topics)
    queues = [iter(recent(connection, each, now=now, limit=limit)) for each in chosen]
    found: dict[int, RecentPaper] = {}
    while queues and len(found) < limit:
        queue = queues.pop(0)
        paper = next((paper for paper in queue if paper.id not in found), None)
        if paper is not None:
            found[paper.id] = paper
            queues.append(queue)
    return list(found.values())


def give(
    connection: Connection,
    newcomers: Iterable[tuple[int, tuple[str, ...]]],
    *,
    papers_each: int,
    now: datetime,
) -> int:
    """Add debts for the most recent papers of each newcomer (id, topics); returns how many debts.

    Only for subscribers with their first consent: no earlier digest can have given them these papers.
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


_IN_EDITION = (edition_papers.c.dropped_at.is_(None), edition_papers.c.withdrawn_at.is_(None))


def _backlog(topics: Sequence[str], *, now: datetime) -> Select[tuple[int, datetime]]:
    # Strictly before now: an edition that is ready at the moment of joining is owed anyway.
    canonical = func.coalesce(papers.c.merged_into, papers.c.id)
    return (
        select(canonical.label("paper_id"), func.max(editions.c.ready_at).label("ready_at"))
        .select_from(edition_papers)
        .join(editions, editions.c.number == edition_papers.c.edition)
        .join(papers, papers.c.id == edition_papers.c.paper_id)
        .where(edition_papers.c.topic.in_(topics), editions.c.ready_at < now, ~editions.c.held, *_IN_EDITION)
        .group_by(canonical)
    )
