"""Serves the search page: a plain form, whose results a script can fetch while a visitor types."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.pipeline.archive.search_page import FIELDS, search_page
from newsletter.web.archive.pages import page_number
from newsletter.web.archive.visitor import answer, archive_of
from newsletter.web.pages import missing

router = APIRouter(include_in_schema=False)


def fields_of(request: Request) -> dict[str, str]:
    """What the form of a search sent."""
    return {name: request.query_params.get(name, "") for name in FIELDS}


@router.get("/search")
def search(request: Request, page: str = "1", typing: str = "") -> Response:
    """The results for any query. typing: the script asks, and the last word may be half typed."""
    number = page_number(page)
    if number is None:
        return missing(request)
    with archive_of(request) as scope:
        results = search_page(scope, fields_of(request), number, is_typing=bool(typing))
        if number > results.numbers.pages:
            return missing(request)
        return answer(request, scope, results, indexed=False)
