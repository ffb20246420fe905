"""Loads papers as the rows of a list, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby

from sqlalchemy import select

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.topics.topic_match import STRONG
from newsletter.db.schema import paper_topics
from newsletter.leads import Lead, lead_of
from newsletter.papers.lookup import in_chunks
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.pipeline.archive.values import DayOfPapers, NamedLink, PaperRow, TopicLink
from newsletter.pipeline.content.digest_renderer import load_views
from newsletter.render.archive_links import ALL, EXPORTS, FEEDS

LEADS_KEPT = 4_096  # with their abstracts some 8 MB


@lru_cache(maxsize=LEADS_KEPT)
def known_lead(title: str, abstract: str) -> Lead | None:
    """The lead of a paper, remembered: the same papers stand on many pages."""
    return lead_of(title, abstract)


def load_rows(scope: ArchiveScope, ids: Sequence[int]) -> dict[int, PaperRow]:
    """The papers by id; the caller has chosen ids that the visitor may see."""
    topics = load_topics(scope, ids)
    rows = {}
    for paper in load_views(scope.connection, ids).values():
        lead = known_lead(paper.title, paper.abstract)
        rows[paper.id] = PaperRow(
            id=paper.id,
            title=paper.title,
            link=scope.links.paper(paper.id, paper.title),
            lead=lead.text if lead else "",
            byline=paper.byline,
            dated=paper.dated,
            listed_on=paper.first_listed_on,
            topics=topics.get(paper.id, ()),
        )
    return rows


def load_topics(scope: ArchiveScope, ids: Sequence[int]) -> dict[int, tuple[TopicLink, ...]]:
    """The topics of each paper that the visitor may see, the strongest first; doubtful ones do not count."""
    found: dict[int, list[TopicLink]] = {}
    links = {slug: scope.topic_link(slug) for slug in scope.visible_topics() if slug != EVERYTHING}
    for chunk in in_chunks(ids):
        chosen = (
            select(paper_topics.c.paper_id, paper_topics.c.topic)
            .where(paper_topics.c.paper_id.in_(chunk), paper_topics.c.strength == STRONG)
            .order_by(paper_topics.c.score.desc(), paper_topics.c.topic)
        )
        for paper_id, slug in scope.connection.execute(chosen):
            if slug in links:
                found.setdefault(paper_id, []).append(links[slug])
    return {paper_id: tuple(topics) for paper_id, topics in found.items()}


def by_day(rows: Iterable[PaperRow]) -> tuple[DayOfPapers, ...]:
    """Rows in the order of a page, grouped by the day of their first listing."""
    return tuple(
        DayOfPapers(day=day, papers=tuple(papers))
        for day, papers in groupby(rows, key=lambda row: row.listed_on)
    )


def export_links(scope: ArchiveScope, path: str) -> tuple[NamedLink, ...]:
    """The files with what a page lists. path: of the page, without the slug of a paper."""
    return tuple(
        NamedLink(title=title, link=scope.links.export(path, suffix)) for suffix, title in EXPORTS.items()
    )


def feed_links(scope: ArchiveScope, slug: str = ALL) -> tuple[NamedLink, ...]:
    """The feeds of a topic, or of all."""
    return tuple(
        NamedLink(title=title, link=scope.links.feed(slug, suffix)) for suffix, title in FEEDS.items()
    )
