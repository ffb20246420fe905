"""Holds what pages of the archive are made from: a connection, what the visitor may see, topics, links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from sqlalchemy import ColumnElement, Connection

from newsletter.db.schema import papers
from newsletter.papers.visibility import Visibility
from newsletter.pipeline.archive.values import TopicLink
from newsletter.render.archive_links import ArchiveLinks
from newsletter.render.view_models import nameless
from newsletter.topics.definitions import Topic

# The order of the archive: by first listing, within it by place.
ORDER = (papers.c.first_listed_on, papers.c.first_dump_id, papers.c.first_position, papers.c.id)


@dataclass(frozen=True, kw_only=True)  # no slots: they leave no room for a cached property
class ArchiveScope:
    """One visitor's view of the archive at one moment."""

    connection: Connection
    visibility: Visibility
    topics: Mapping[str, Topic]  # all that are defined, in reading order
    links: ArchiveLinks

    def topic_link(self, slug: str, papers: int = 0) -> TopicLink:
        """A topic that the visitor may see."""
        topic = self.topics.get(slug)
        title = topic.title if topic is not None else nameless(slug).title
        return TopicLink(slug=slug, title=title, link=self.links.topic(slug), papers=papers)

    def visible_topics(self) -> list[str]:
        """The topics that the visitor may see, in reading order."""
        return self.visibility.visible_topics(self.topics)

    def shown(self) -> ColumnElement[bool]:
        """The condition on `papers` for those that have a page."""
        return self._shown

    @cached_property
    def _shown(self) -> ColumnElement[bool]:
        return self.visibility.paper_is_visible(papers)  # it takes a millisecond to write


def month_after(month: date) -> date:
    """The first day of the next month. month: any day."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
