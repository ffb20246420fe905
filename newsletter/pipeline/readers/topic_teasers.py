"""The shop window: what a visitor sees of the topics before signing up. Looks only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from newsletter.db.engine import reading
from newsletter.pipeline.content.digest_renderer import load_views
from newsletter.pipeline.readers import backlog
from newsletter.topics.definitions import Topic

LATELY = timedelta(days=30)  # how far back a topic's papers are counted
TITLES = 3  # recent titles of each topic


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicTeaser:
    """One topic in the window."""

    slug: str
    title: str
    description: str
    lately: int  # papers that became ready within LATELY
    recent: tuple[tuple[str, str], ...]  # (title, link), the newest first


def panes(engine: Engine, topics: Sequence[Topic], *, now: datetime) -> tuple[TopicTeaser, ...]:
    """The topics in their order, with what they brought lately."""
    found = []
    with reading(engine) as connection:
        for topic in topics:
            recent = backlog.recent(connection, [topic.slug], now=now, limit=TITLES)
            views = load_views(connection, [paper.id for paper in recent])
            found.append(
                TopicTeaser(
                    slug=topic.slug,
                    title=topic.title,
                    description=topic.description,
                    lately=backlog.count(connection, [topic.slug], now=now, since=now - LATELY),
                    recent=tuple((paper.title, views[paper.id].link) for paper in recent),
                )
            )
    return tuple(found)
