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
from newsletter.pipeline.content.personalization import reader_token
from newsletter.render.archive_links import READER, LiveLinks
from newsletter.render.page_renderer import PageRenderer
from newsletter.web import signed_links
from newsletter.web.archive import caching
from newsletter.web.pages import site_of
from subscribers import link_purposes
from subscribers.queries import SubscriberView


@contextmanager
def archive_of(request: Request, reader: SubscriberView | None = None) -> Iterator[ArchiveScope]:
    """What the visitor of a request may see, in one consistent view. Raises LinkRefusedError.

    reader: known from the path; else the query may name one.
    """
    site = site_of(request)
    pages: PageRenderer = request.app.state.pages
    topics = site.known_topics
    token = request.query_params.get(READER, "")
    if reader is not None:
        token = reader_token(site.links, reader.ref, reader.links_epoch, now=site.clock())
    elif token:
        reader = reader_of(request, link_purposes.READER, token)
    if reader is not None:
        visibility = Visibility.of_reader(topics, reader.topics, now=site.clock())
    else:
        visibility = Visibility.public(topics, now=site.clock())
    links = LiveLinks(base_url=site.base_url, root=pages.root, assets=pages.version, reader=token)
    with reading(site.engine) as connection:
        yield ArchiveScope(connection=connection, visibility=visibility, topics=site.topics, links=links)


def reader_of(request: Request, purpose: str, token: str) -> SubscriberView:
    """The confirmed reader of a link that was not revoked. Raises LinkRefusedError."""
    person = signed_links.reader(request, purpose, token)
    if signed_links.open_link(request, purpose, token).epoch != str(person.links_epoch):
        raise signed_links.LinkRefusedError(signed_links.unknown)
    return person


def answer(request: Request, scope: ArchiveScope, page: Page, *, indexed: bool = True) -> Response:
    """A page of the archive, for everybody or for one reader. indexed: search engines may list it."""
    site = site_of(request)
    html = page_html(request.app.state.pages, page, scope.links, newsletter=site.brand.name)
    return respond(request, scope, html.encode(), "text/html; charset=utf-8", indexed=indexed)


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
