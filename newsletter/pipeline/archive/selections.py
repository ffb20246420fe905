"""Chooses the papers of an export or feed, by id: of a paper, an edition, a topic, or the latest ones."""

from __future__ import annotations

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError
from newsletter.db.schema import papers
from newsletter.pipeline.archive.edition_page import edition_page
from newsletter.pipeline.archive.lists import of_topic
from newsletter.pipeline.archive.paper_page import place_of
from newsletter.pipeline.archive.scope import ORDER, ArchiveScope

MOST_EXPORTED = 1_000  # papers in one file of the web pages, the newest; `papers export` has no bound


def of_paper(scope: ArchiveScope, paper_id: int) -> list[int]:
    """The paper, or the one that it was merged into. Raises NotFoundError."""
    return [place_of(scope, paper_id).id]


def of_edition(scope: ArchiveScope, number: int) -> list[int]:
    """The papers of an edition in the order of its page. Raises NotFoundError."""
    page = edition_page(scope, number)
    return [paper.id for section in page.sections for paper in section.papers]


def latest(scope: ArchiveScope, slug: str = EVERYTHING, *, limit: int = MOST_EXPORTED) -> list[int]:
    """The newest papers of a topic, or of all, newest first. Raises NotFoundError for an unknown topic."""
    if slug not in scope.visible_topics() and slug != EVERYTHING:
        raise NotFoundError(f"there is no topic {slug!r}")
    newest_first = [column.desc() for column in ORDER]
    chosen = of_topic(scope, slug).where(scope.shown()).order_by(*newest_first).limit(limit)
    return list(scope.connection.execute(chosen.with_only_columns(papers.c.id)).scalars())
