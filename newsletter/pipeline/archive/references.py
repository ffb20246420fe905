"""Loads papers as references, for exports and feeds, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from newsletter.core.papers.links import paper_link
from newsletter.core.papers.reference import Reference
from newsletter.db.schema import papers
from newsletter.papers.lookup import in_chunks
from newsletter.pipeline.archive.rows import known_lead, load_topics
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.render.archive_links import paper_path
from newsletter.render.view_models import web_address


def load_references(scope: ArchiveScope, ids: Sequence[int]) -> list[Reference]:
    """The papers in this order; the caller has chosen ids that the visitor may see."""
    topics = load_topics(scope, ids)
    found: dict[int, Reference] = {}
    for chunk in in_chunks(ids):
        for row in scope.connection.execute(select(papers).where(papers.c.id.in_(chunk))):
            lead = known_lead(row.title, row.abstract)
            found[row.id] = Reference(
                id=row.id,
                title=row.title,
                abstract=row.abstract,
                lead=lead.text if lead else "",
                authors=tuple(str(name) for name in row.author_names or ()),
                organization=row.organization,
                published_on=row.published_on,
                listed_on=row.first_listed_on,
                arxiv_id=row.arxiv_id,
                doi=row.doi,
                categories=tuple(str(name) for name in row.categories or ()),
                topics=tuple(topic.title for topic in topics.get(row.id, ())),
                url=web_address(paper_link(arxiv_id=row.arxiv_id, doi=row.doi, url=row.url)),
                code_url=web_address(row.code_url),
                page_url=scope.links.permanent(paper_path(row.id, row.title)) or None,
            )
    return [found[paper_id] for paper_id in ids if paper_id in found]
