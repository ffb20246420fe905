"""Selects the news: (paper, topic) pairs that no edition holds yet. It freezes none (`editions` does).

A paper is news once, when it is first listed. Later only an admin's correction makes a new pair: changed
rules, a new topic or retraining change no published paper.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, not_, or_, select, union_all

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.states import DumpStatus
from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import (
    dumps,
    edition_papers,
    listed_entries,
    paper_topics,
    papers,
    topic_corrections,
)
from newsletter.papers.topic_matches import BY_ADMIN

# As a sum the id is no key, so SQLite begins with the few news and not with the matches of all papers.
_NEWS_FIRST = papers.c.id + 0


def unpublished_pairs() -> Select[Any]:
    """The pairs that publishing would freeze now.

    Columns: paper_id, topic, score, first_listed_on, first_position, and news_at: the instant of the ingest
    or of the correction that made the pair news.
    """
    place = (papers.c.first_listed_on, papers.c.first_position)
    every = select(
        papers.c.id.label("paper_id"),
        literal(EVERYTHING).label("topic"),
        literal(0.0).label("score"),
        *place,
        papers.c.ingested_at.label("news_at"),
    ).where(_unpublished())
    matched = (
        select(
            papers.c.id,
            paper_topics.c.topic,
            paper_topics.c.score,
            *place,
            papers.c.ingested_at,
        )
        .join(paper_topics, paper_topics.c.paper_id == _NEWS_FIRST)
        .where(_unpublished(), paper_topics.c.strength == STRONG, paper_topics.c.topic != EVERYTHING)
    )
    return select(union_all(every, matched, _corrected(place)).subquery())


def unpublished_maybes() -> Select[Any]:
    """Doubtful pairs of papers that no edition holds yet: paper_id, topic, score."""
    return (
        select(paper_topics.c.paper_id, paper_topics.c.topic, paper_topics.c.score)
        .join(papers, paper_topics.c.paper_id == _NEWS_FIRST)
        .where(_unpublished(), paper_topics.c.strength != STRONG)
    )


def _unpublished() -> ColumnElement[bool]:
    # As a subquery the status is checked last. A join would let SQLite begin with all dumps.
    ingested = select(dumps.c.id).where(
        dumps.c.id == papers.c.first_dump_id, dumps.c.status == DumpStatus.INGESTED
    )
    return and_(
        papers.c.edition.is_(None),
        not_(papers.c.backfill),
        papers.c.merged_into.is_(None),
        ingested.correlate(papers).exists(),
    )


def _corrected(place: tuple[Any, ...]) -> Select[Any]:
    """Pairs that an admin added to published papers, as long as an ingested dump lists the paper."""
    listed = papers.alias("listed")
    in_ingested = select(dumps.c.id).where(
        dumps.c.id == listed_entries.c.dump_id, dumps.c.status == DumpStatus.INGESTED
    )
    ingested_listing = (
        select(listed_entries.c.dump_id)
        .join(listed, listed.c.id == listed_entries.c.paper_id)
        .where(
            or_(listed.c.id == papers.c.id, listed.c.merged_into == papers.c.id),
            in_ingested.correlate(listed_entries).exists(),
        )
        .correlate(papers)
    )
    merged = papers.alias("merged")
    held = (
        select(edition_papers.c.paper_id)
        .join(merged, merged.c.id == edition_papers.c.paper_id)
        .where(
            or_(merged.c.id == papers.c.id, merged.c.merged_into == papers.c.id),
            edition_papers.c.topic == paper_topics.c.topic,
            edition_papers.c.withdrawn_at.is_(None),
        )
        .correlate(papers, paper_topics)
    )
    corrected_at = (
        select(func.max(topic_corrections.c.at, type_=topic_corrections.c.at.type))
        .where(topic_corrections.c.paper_id == papers.c.id, topic_corrections.c.topic == paper_topics.c.topic)
        .correlate(papers, paper_topics)
        .scalar_subquery()
    )
    return (
        select(
            papers.c.id,
            paper_topics.c.topic,
            paper_topics.c.score,
            *place,
            func.coalesce(corrected_at, papers.c.ingested_at, type_=papers.c.ingested_at.type),
        )
        .join(paper_topics, paper_topics.c.paper_id == papers.c.id)
        .where(
            paper_topics.c.by == BY_ADMIN,
            paper_topics.c.strength == STRONG,
            papers.c.edition.is_not(None),
            papers.c.merged_into.is_(None),
            not_(held.exists()),
            ingested_listing.exists(),
        )
    )
