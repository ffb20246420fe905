"""Renders the values of a page of the archive as HTML, for the server and for a static copy alike."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from newsletter.pipeline.archive.json_ld import described
from newsletter.pipeline.archive.search_page import SearchResults
from newsletter.pipeline.archive.values import ArchivePage, EditionPage, MonthPage, PaperPage, TopicPage
from newsletter.render.archive_links import ArchiveLinks
from newsletter.render.page_renderer import PageRenderer

Page = PaperPage | EditionPage | ArchivePage | MonthPage | TopicPage | SearchResults
_TEMPLATES: dict[type[Any], str] = {
    PaperPage: "paper",
    EditionPage: "edition",
    ArchivePage: "months",
    MonthPage: "month",
    TopicPage: "topic",
    SearchResults: "search",
}


def page_html(pages: PageRenderer, page: Page, links: ArchiveLinks, *, newsletter: str) -> str:
    """The HTML of a page. links: those that made its values. newsletter: its name."""
    note = Markup(page.note_html) if isinstance(page, EditionPage) else ""  # noqa: S704 - escaped by `editor_note`
    return pages.html(
        f"archive/{_TEMPLATES[type(page)]}",
        page=page,
        links=links,
        note=note,
        json_ld=None if isinstance(page, SearchResults) else described(page, newsletter=newsletter),
    )
