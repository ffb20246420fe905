"""Serves exports and feeds: what a page of the archive lists, as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError
from newsletter.pipeline.archive import selections
from newsletter.pipeline.archive.feeds import ENTRIES, feed_of, topic_feed
from newsletter.pipeline.archive.references import load_references
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.pipeline.archive.search_page import typed
from newsletter.render import exports, feeds
from newsletter.render.archive_links import ALL, EXPORTS, FEEDS
from newsletter.web.archive.search import fields_of
from newsletter.web.archive.visitor import archive_of, reader_of, respond
from newsletter.web.pages import missing, site_of
from subscribers import link_purposes

router = APIRouter(include_in_schema=False)

Selection = Callable[[ArchiveScope], Sequence[int]]
MOST_DIGITS = 18  # of a number in an address; more are no id


def export(request: Request, suffix: str, name: str, chosen: Selection) -> Response:
    """The chosen papers as a file. name: of the file, without its suffix."""
    form = exports.BY_SUFFIX[suffix]
    with archive_of(request) as scope:
        try:
            written = form.write(load_references(scope, chosen(scope)))
        except NotFoundError:
            return missing(request)
        answer = respond(request, scope, written.encode(), f"{form.media_type}; charset=utf-8", indexed=False)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{suffix}"'
    return answer


def _add_exports(suffix: str) -> None:
    """The routes of one form. The suffix is no parameter: it may hold a dot, and so may other names."""

    @router.get(f"/papers/{{number:int}}.{suffix}")
    def paper(request: Request, number: int) -> Response:
        if len(str(number)) > MOST_DIGITS:
            return missing(request)
        return export(request, suffix, f"paper-{number}", lambda scope: selections.of_paper(scope, number))

    @router.get(f"/editions/{{number:int}}.{suffix}")
    def edition(request: Request, number: int) -> Response:
        if len(str(number)) > MOST_DIGITS:
            return missing(request)
        return export(
            request, suffix, f"edition-{number}", lambda scope: selections.of_edition(scope, number)
        )

    @router.get(f"/search.{suffix}")
    def search(request: Request) -> Response:
        fields = fields_of(request)
        return export(request, suffix, "search", lambda scope: selections.of_search(scope, fields))

    @router.get(f"/topics/{{slug}}.{suffix}")
    def topic(request: Request, slug: str) -> Response:
        def chosen(scope: ArchiveScope) -> Sequence[int]:
            return selections.latest(scope, slug)

        return export(request, suffix, slug if slug.isascii() else "topic", chosen)


for each in EXPORTS:
    _add_exports(each)


def _add_feeds(suffix: str) -> None:
    """The routes of the feeds whose addresses may hold more dots."""
    form = feeds.FORMATS[suffix]

    @router.get(f"/search.{suffix}")
    def search(request: Request) -> Response:
        """The newest papers that fit a query."""
        fields, brand = fields_of(request), site_of(request).brand
        asked = {name: value for name, value in typed(fields).items() if value}
        words = ", ".join(asked.values()) or "everything"
        with archive_of(request) as scope:
            made = feed_of(
                scope,
                selections.of_search(scope, fields, limit=ENTRIES, newest_first=True),
                title=f"{brand.name}: {words}",
                subtitle=f"New research papers for the search “{words}”.",
                path=f"/search.{suffix}",
                home="/search",
                query=asked,
                language=brand.language,
            )
            return respond(request, scope, form.write(made), form.media_type, indexed=False)

    @router.get(f"/feeds/mine/{{token}}.{suffix}")
    def mine(request: Request, token: str) -> Response:
        """The papers of one reader's mails. The address is as secret as their mail."""
        site, reader = site_of(request), reader_of(request, link_purposes.FEED, token)
        with archive_of(request, reader) as scope:
            made = feed_of(
                scope,
                selections.mailed_to(scope, reader.id, limit=ENTRIES),
                title=f"{site.brand.name}: your papers",
                subtitle="The papers that were mailed to you.",
                path=f"/feeds/mine/{token}.{suffix}",
                home="/archive",
                language=site.brand.language,
            )
            return respond(request, scope, form.write(made), form.media_type, indexed=False)


for each in FEEDS:
    _add_feeds(each)


@router.get("/feeds/{name}.{suffix}")
def feed(request: Request, name: str, suffix: str) -> Response:
    """The latest papers of a topic, or of all."""
    if suffix not in FEEDS:
        return missing(request)
    brand = site_of(request).brand
    with archive_of(request) as scope:
        try:
            ids = selections.latest(scope, EVERYTHING if name == ALL else name, limit=ENTRIES)
        except NotFoundError:
            return missing(request)
        made = topic_feed(scope, name, ids, suffix=suffix, newsletter=brand.name, language=brand.language)
        form = feeds.FORMATS[suffix]
        return respond(request, scope, form.write(made), form.media_type, indexed=False)
