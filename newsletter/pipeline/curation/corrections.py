"""Corrects decisions about papers: merges, splits, adds and removes topics. Each in one transaction.

It changes no debts: these follow from the rows. Only a split copies debts that are rows of a reader.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError, UsageError
from newsletter.core.topics.topic_match import TopicMatcher
from newsletter.db.engine import reading, writing
from newsletter.delivery.outbox import debts
from newsletter.papers import merging, queries, topic_matches


def merge_papers(engine: Engine, keep: int, other: int, *, now: datetime) -> dict[str, Any]:
    """Record that two papers are one; returns the row of the kept one. A second merge changes nothing.

    A paper given as either counts as given. Raises NotFoundError for an unknown id, UsageError for two equal
    ids.
    """
    with writing(engine, exclusive=True) as connection:
        kept = merging.merge(connection, keep, other, now=now)
        return queries.show(connection, kept)


def split_papers(
    engine: Engine, paper_id: int, other_id: int | None = None, *, news: bool = False, now: datetime
) -> dict[str, Any]:
    """Undo a merge, or keep two similar papers apart; returns the row of the paper that was split off.

    news: that paper is news; otherwise it counts as given to every reader of the kept one. Raises
    NotFoundError and UsageError.
    """
    with writing(engine, exclusive=True) as connection:
        kept = merging.canonical(connection, paper_id)
        off = merging.split(connection, paper_id, other_id, news=news, now=now)
        if not news and merging.canonical(connection, off) == off != kept:  # otherwise they were never one
            debts.share(connection, kept, off)
        return queries.show(connection, off)


def correct_topics(
    engine: Engine,
    paper_id: int,
    *,
    add: Collection[str] = (),
    remove: Collection[str] = (),
    known_topics: Collection[str],
    matcher: TopicMatcher,
    now: datetime,
) -> dict[str, Any]:
    """Add a paper to topics and remove it from others, against the rules; returns its row.

    An added pair enters the next edition; a removed one ends the debts not yet given. known_topics: slugs.
    Raises NotFoundError for an unknown paper or topic, UsageError for a contradiction.
    """
    for topic in (*add, *remove):
        if topic == EVERYTHING:
            raise UsageError(f"{EVERYTHING!r} holds every paper", hint="To take a paper out: editions drop.")
        if topic not in known_topics:
            raise NotFoundError(
                f"there is no topic {topic!r}", hint=f"Known: {', '.join(sorted(known_topics))}."
            )
    if both := set(add) & set(remove):
        raise UsageError(
            f"added and removed at once: {', '.join(sorted(both))}", hint="Choose one of the two."
        )
    with writing(engine, exclusive=True) as connection:
        kept = merging.canonical(connection, paper_id)
        for topics, belongs in ((add, True), (remove, False)):
            for topic in dict.fromkeys(topics):
                topic_matches.correct(connection, kept, topic, belongs=belongs, matcher=matcher, now=now)
        return queries.show(connection, kept)


def possibly_same(engine: Engine) -> list[dict[str, Any]]:
    """Pairs of papers that wait for an admin to merge them or keep them apart."""
    with reading(engine) as connection:
        return merging.open_cases(connection)
