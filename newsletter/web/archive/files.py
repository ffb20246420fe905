"""Serves exports and feeds: what a page of the archive lists, as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.core.debts.digest_plan import EVERYTHING
from newsletter.core.errors import NotFoundError
from newsletter.pipeline.archive import selections
from newsletter.pipeline.archive.feeds import ENTRIES, topic_feed
from newsletter.pipeline.archive.references import load_references
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.render import exports, feeds
from newsletter.render.archive_links import ALL, EXPORTS, FEEDS
from newsletter.web.archive.visitor import archive_of, respond
from newsletter.web.pages import missing, site_of

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

    @router.get(f"/topics/{{slug}}.{suffix}")
    def topic(request: Request, slug: str) -> Response:
        def chosen(scope: ArchiveScope) -> Sequence[int]:
            return selections.latest(scope, slug)

        return export(request, suffix, slug if slug.isascii() else "topic", chosen)


for each in EXPORTS:
    _add_exports(each)


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
