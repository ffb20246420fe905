"""Writes the sitemaps of what everybody may see (https://www.sitemaps.org/protocol.html)."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from sqlalchemy import func, select

from newsletter.core.errors import NotFoundError
from newsletter.db.schema import editions, papers
from newsletter.pipeline.archive.edition_page import edition_links
from newsletter.pipeline.archive.lists import archive_page
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.render.archive_links import edition_path, month_path, paper_path, topic_path

PAPERS_PER_SITEMAP = 5_000  # far below the 50,000 that the protocol allows, so that none is slow
_SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def sitemap_index(scope: ArchiveScope) -> str:
    """The index: number 0 has the lists and editions, the others have papers by id."""
    highest = scope.connection.execute(select(func.max(papers.c.id)).where(scope.shown())).scalar_one() or 0
    addresses = (
        scope.links.permanent(f"/sitemaps/{number}.xml")
        for number in range(2 + highest // PAPERS_PER_SITEMAP)
    )
    entries = "".join(f"<sitemap><loc>{escape(address)}</loc></sitemap>\n" for address in addresses)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<sitemapindex {_SPACE}>\n{entries}</sitemapindex>\n'


def sitemap(scope: ArchiveScope, number: int) -> str:
    """One of the sitemaps of the index. Raises NotFoundError for another number."""
    if number == 0:
        return _written(scope, ((path, "") for path in _lists(scope)))
    first = (number - 1) * PAPERS_PER_SITEMAP
    if first > _highest(scope):
        raise NotFoundError(f"there is no sitemap {number}")

    chosen = (
        select(papers.c.id, papers.c.title, papers.c.ingested_at)
        .where(papers.c.id >= first, papers.c.id < first + PAPERS_PER_SITEMAP, scope.shown())
        .order_by(papers.c.id)
    )
    rows = scope.connection.execute(chosen)
    return _written(
        scope, ((paper_path(row.id, row.title), row.ingested_at.date().isoformat()) for row in rows)
    )


def _highest(scope: ArchiveScope) -> int:
    """The highest id of a paper that may be seen."""
    return scope.connection.execute(select(func.max(papers.c.id)).where(scope.shown())).scalar_one() or 0


def _lists(scope: ArchiveScope) -> Iterable[str]:
    page = archive_page(scope)
    yield page.path
    yield from (month_path(f"{month.month:%Y-%m}") for _, months in page.years for month in months)
    yield from (topic_path(slug) for slug in scope.visible_topics())
    yield from (
        edition_path(edition.number)
        for edition in edition_links(scope, select(editions).order_by(editions.c.number))
    )


def _written(scope: ArchiveScope, found: Iterable[tuple[str, str]]) -> str:
    """The sitemap of paths, each with the day of its last change or an empty text."""
    entries = "".join(
        f"<url><loc>{escape(scope.links.permanent(path))}</loc>"
        f"{f'<lastmod>{day}</lastmod>' if day else ''}</url>\n"
        for path, day in found
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset {_SPACE}>\n{entries}</urlset>\n'
