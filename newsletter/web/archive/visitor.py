"""Opens the archive for the visitor of a request: everybody, or the reader of a private link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request
from fastapi.responses import Response

from newsletter.db.engine import reading
from newsletter.papers.visibility import Visibility
from newsletter.pipeline.archive.render import Page, page_html
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.render.archive_links import LiveLinks
from newsletter.render.page_renderer import PageRenderer
from newsletter.web.archive import caching
from newsletter.web.pages import site_of


@contextmanager
def archive_of(request: Request) -> Iterator[ArchiveScope]:
    """What the visitor of a request may see, in one consistent view. Raises LinkRefusedError."""
    site = site_of(request)
    pages: PageRenderer = request.app.state.pages
    topics = {slug: topic.public for slug, topic in site.topics.items()}
    visibility = Visibility.public(topics, now=site.clock())
    links = LiveLinks(base_url=site.base_url, root=pages.root, assets=pages.version)
    with reading(site.engine) as connection:
        yield ArchiveScope(connection=connection, visibility=visibility, topics=site.topics, links=links)


def answer(request: Request, scope: ArchiveScope, page: Page) -> Response:
    """A page of the archive, for everybody or for one reader."""
    site = site_of(request)
    html = page_html(request.app.state.pages, page, scope.links, newsletter=site.brand.name)
    return respond(request, scope, html.encode(), "text/html; charset=utf-8")


def respond(
    request: Request, scope: ArchiveScope, body: bytes, media_type: str, *, indexed: bool = True
) -> Response:
    """Any document of the archive with the headers that its visitor calls for."""
    if scope.links.hidden_fields:
        return caching.private(body, media_type)
    return caching.public(
        request,
        body,
        media_type,
        seen=request.app.state.seen_pages,
        now=site_of(request).clock(),
        indexed=indexed,
    )
