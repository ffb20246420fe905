"""Reads the texts of stored papers and an admin's verdicts on their topics, for training.

It matches nothing and changes nothing. A merged paper appears as the paper that was kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import paper_topics, papers, topic_corrections


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredText:
    """One paper with its present text and topics."""

    paper_id: int
    title: str
    abstract: str
    topics: frozenset[str]  # slugs of its sections
    doubtful: frozenset[str]  # slugs
    corrected: dict[str, bool]  # slug to an admin's latest verdict
    categories: tuple[str, ...] = ()  # of arXiv


def stored_texts(
    connection: Connection, *, since: date | None = None, newest: int | None = None
) -> list[StoredText]:
    """Papers, the newest first. since: first listed on that day or later. newest: their largest number."""
    columns = (papers.c.id, papers.c.title, papers.c.abstract, papers.c.categories)
    chosen = select(*columns).where(papers.c.merged_into.is_(None))
    if since is not None:
        chosen = chosen.where(papers.c.first_listed_on >= since)
    chosen = chosen.order_by(papers.c.first_listed_on.desc(), papers.c.id.desc()).limit(newest)
    named = chosen.subquery()
    rows = connection.execute(chosen).all()
    sure: dict[int, set[str]] = {}
    doubtful: dict[int, set[str]] = {}
    for match in connection.execute(
        select(paper_topics).where(paper_topics.c.paper_id.in_(select(named.c.id)))
    ):
        (sure if match.strength == STRONG else doubtful).setdefault(match.paper_id, set()).add(match.topic)
    corrected: dict[int, dict[str, bool]] = {}
    for paper_id, topic, belongs in verdicts(connection):
        corrected.setdefault(paper_id, {})[topic] = belongs
    return [
        StoredText(
            paper_id=row.id,
            title=row.title,
            abstract=row.abstract,
            topics=frozenset(sure.get(row.id, ())),
            doubtful=frozenset(doubtful.get(row.id, ())),
            corrected=corrected.get(row.id, {}),
            categories=tuple(row.categories or ()),
        )
        for row in rows
    ]


def verdicts(connection: Connection) -> Iterator[tuple[int, str, bool]]:
    """The latest verdict of an admin on each (paper id, topic): whether it belongs."""
    kept = func.coalesce(papers.c.merged_into, papers.c.id)
    rows = connection.execute(
        select(kept.label("paper_id"), topic_corrections.c.topic, topic_corrections.c.belongs)
        .join(papers, papers.c.id == topic_corrections.c.paper_id)
        .order_by(topic_corrections.c.id)
    )
    latest = {(row.paper_id, row.topic): row.belongs for row in rows}
    return ((paper_id, topic, belongs) for (paper_id, topic), belongs in latest.items())
