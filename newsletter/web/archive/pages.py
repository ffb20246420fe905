"""Serves the pages of the archive: papers, editions, months and topics."""

from __future__ import annotations

import re
from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from newsletter.core.errors import NotFoundError
from newsletter.pipeline.archive import edition_page, lists, paper_page
from newsletter.web.archive.visitor import answer, archive_of
from newsletter.web.pages import missing, notice

router = APIRouter(include_in_schema=False)

_PAPER = re.compile(r"([1-9][0-9]{0,17})(?:-(.*))?")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_MONTH = re.compile(r"((?:19|20|21)[0-9]{2})-(0[1-9]|1[0-2])")


def page_number(text: str) -> int | None:
    """The number of a page as it stands in an address; None when it is none."""
    return int(text) if _NUMBER.fullmatch(text) else None


@router.get("/archive")
def archive(request: Request) -> Response:
    """The months, newest first. The List-Archive header of every mail leads here."""
    with archive_of(request) as scope:
        return answer(request, scope, lists.archive_page(scope))


@router.get("/archive/{month}")
def month(request: Request, month: str, page: str = "1") -> Response:
    """The papers of a month."""
    found = _MONTH.fullmatch(month)
    if found is None or not _NUMBER.fullmatch(page):
        return missing(request)
    with archive_of(request) as scope:
        try:
            return answer(
                request, scope, lists.month_page(scope, date(int(found[1]), int(found[2]), 1), int(page))
            )
        except NotFoundError:
            return missing(request)


@router.get("/topics/{slug}")
def topic(request: Request, slug: str, page: str = "1") -> Response:
    """The papers of a topic."""
    if not _NUMBER.fullmatch(page):
        return missing(request)
    with archive_of(request) as scope:
        try:
            return answer(request, scope, lists.topic_page(scope, slug, int(page)))
        except NotFoundError:
            return missing(request)


@router.get("/editions/{number}")
def edition(request: Request, number: str) -> Response:
    """An edition."""
    if not _NUMBER.fullmatch(number):
        return missing(request)
    with archive_of(request) as scope:
        try:
            return answer(request, scope, edition_page.edition_page(scope, int(number)))
        except NotFoundError:
            return missing(request)


@router.get("/papers/{name:path}")
def paper(request: Request, name: str) -> Response:
    """A paper. A wrong or missing slug, and the id of a merged paper, lead to its permanent address."""
    found = _PAPER.fullmatch(name)
    if found is None:
        return missing(request)
    with archive_of(request) as scope:
        try:
            place = paper_page.place_of(scope, int(found[1]))
        except paper_page.TakenBackError:
            return notice(
                request,
                "This paper was taken back",
                "It was in an edition once. The editors took it out, so it has no page any more.",
                status=410,
                link=("/archive", "Archive"),
            )
        except NotFoundError:
            return missing(request)
        if f"/papers/{name}" != place.path:
            return RedirectResponse(scope.links.to(place.path), status_code=301)
        return answer(request, scope, paper_page.paper_page(scope, place))
