"""Answers requests with pages, notices and redirects; `newsletter.render.page_renderer` renders them."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from newsletter.render.page_renderer import PageRenderer
from newsletter.web.site import Site


def site_of(request: Request) -> Site:
    """The site of a request."""
    site: Site = request.app.state.site
    return site


def show(request: Request, name: str, /, *, status: int = 200, **context: Any) -> Response:
    """Answer with a page."""
    pages: PageRenderer = request.app.state.pages
    return HTMLResponse(pages.html(name, **context), status_code=status)


def notice(
    request: Request, title: str, *words: str, status: int = 200, link: tuple[str, str] | None = None
) -> Response:
    """Answer with a short message as a page. link: (path, text)."""
    return show(request, "notice", status=status, title=title, words=words, link=link)


def go(request: Request, path: str) -> Response:
    """Redirect with 303 after a successful POST, so that a reload does not repeat it."""
    pages: PageRenderer = request.app.state.pages
    return RedirectResponse(f"{pages.root}{path}", status_code=303)


def missing(request: Request) -> Response:
    """The page for an address that leads nowhere."""
    return notice(
        request,
        "There is no such page",
        "The address may have been cut, or what was here was taken back.",
        status=404,
        link=("/archive", "Archive"),
    )
