"""Collects what the sign-up page shows of each topic: description, count, recent titles. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from newsletter.db.engine import reading
from newsletter.papers.visibility import Visibility
from newsletter.pipeline.content.digest_renderer import load_views
from newsletter.pipeline.readers import backlog
from newsletter.topics.definitions import Topic

COUNTED_PERIOD = timedelta(days=30)  # in which the papers of a topic are counted
TITLES_PER_TOPIC = 3  # shown on the sign-up page


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicTeaser:
    """One topic on the sign-up page."""

    slug: str
    title: str
    description: str
    lately: int  # papers first listed within COUNTED_PERIOD, as the statistics count them
    recent: tuple[tuple[str, str], ...]  # (title, link), the newest first


def topic_teasers(
    engine: Engine, topics: Sequence[Topic], *, known: Mapping[str, bool], now: datetime
) -> tuple[TopicTeaser, ...]:
    """A teaser for each topic, in the given order. known: of `known_topics.remember`."""
    found = []
    everybody = Visibility.public(known, now=now)
    with reading(engine) as connection:
        for topic in topics:
            # Papers of a public topic are public, but for the topic that holds every paper.
            view = everybody if topic.public else None
            recent = backlog.recent(connection, [topic.slug], now=now, limit=TITLES_PER_TOPIC, view=view)
            views = load_views(connection, [paper.id for paper in recent])
            found.append(
                TopicTeaser(
                    slug=topic.slug,
                    title=topic.title,
                    description=topic.description,
                    lately=backlog.count(
                        connection,
                        [topic.slug],
                        now=now,
                        listed_since=(now - COUNTED_PERIOD).date(),
                        view=view,
                    ),
                    recent=tuple((paper.title, views[paper.id].link) for paper in recent),
                )
            )
    return tuple(found)
