"""Builds the application: routes, middleware and error pages. Opens no database."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from newsletter import __version__
from newsletter.core.errors import StorageError
from newsletter.render.page_renderer import ASSETS, PageRenderer
from newsletter.web import (
    account,
    api,
    confirm,
    digests,
    health,
    hooks,
    preferences,
    signed_links,
    signup,
    unsubscribe,
)
from newsletter.web.archive import crawlers
from newsletter.web.archive import files as archive_files
from newsletter.web.archive import pages as archive_pages
from newsletter.web.archive import search as archive_search
from newsletter.web.archive.caching import SeenPages
from newsletter.web.fresh_site import FreshSiteMiddleware
from newsletter.web.middleware import COMMON, SecurityMiddleware
from newsletter.web.pages import go, missing, notice, show
from newsletter.web.site import Site

CACHE_FOREVER = "public, max-age=31536000, immutable"  # the path of an asset changes with its content

log = logging.getLogger("newsletter.web")


def make_app(
    site: Site,
    *,
    background: Callable[[], AbstractContextManager[object]] = nullcontext,
    fresh: Callable[[], Site | None] = lambda: None,
) -> FastAPI:
    """The application of one site. background: runs as long as the application does.

    fresh: called before each request; the site that it returns is shown from then on.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with background():
            yield

    app = FastAPI(
        title=f"{site.brand.name}: sign-up",
        version=__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,  # they load scripts from other hosts
        redoc_url=None,
        redirect_slashes=False,  # such a redirect would lead to whatever host the request names
        lifespan=lifespan,
    )
    _use(app, site)
    of_readers = (signup, confirm, preferences, unsubscribe, account, digests)
    # Files before pages: an address without a suffix is a page.
    of_archive = (archive_files, archive_pages, archive_search, crawlers)
    for part in (*of_readers, *of_archive, api, health, hooks):
        app.include_router(part.router)
    app.add_api_route("/assets/{version}/{name}", _asset, include_in_schema=False)
    app.add_api_route("/sign-up", _sign_up, include_in_schema=False)
    app.add_api_route("/embed", _embed, include_in_schema=False)

    app.add_exception_handler(signed_links.LinkRefusedError, _link_refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StorageError, _storage)
    app.add_exception_handler(Exception, _fault)
    app.add_middleware(FreshSiteMiddleware, fresh=fresh, use=partial(_use, app))
    app.add_middleware(SecurityMiddleware)
    _describe_topics(app, site)
    return app


def _use(app: FastAPI, site: Site) -> None:
    """Show this site from now on."""
    app.state.site = site
    app.state.pages = PageRenderer(
        brand=site.brand,
        topics={slug: view for slug, view in site.views.items() if slug in site.offered()},
        base_url=site.base_url,
        own_templates=site.own_templates,
    )
    app.state.seen_pages = SeenPages()
    if app.openapi_schema is not None:
        _describe_topics(app, site)


def _describe_topics(app: FastAPI, site: Site) -> None:
    """List the topics, which the settings know, in the description of the JSON endpoints."""
    topics = app.openapi()["components"]["schemas"]["SignUp"]["properties"]["topics"]
    topics["items"] = {"type": "string", "enum": list(site.offered())}


def _asset(request: Request, version: str, name: str) -> Response:
    pages: PageRenderer = request.app.state.pages
    if name not in ASSETS:
        return missing(request)
    cache_control = CACHE_FOREVER if version == pages.version else "no-store"
    return Response(pages.assets[name], media_type=ASSETS[name], headers={"Cache-Control": cache_control})


def _embed(request: Request) -> Response:
    return show(request, "embed")


def _sign_up(request: Request) -> Response:
    return go(request, "/")  # the page of a failed form was loaded again


async def _link_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, signed_links.LinkRefusedError)
    return error.respond(request)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"errors": {"": str(error.detail)}}, status_code=error.status_code)
    if error.status_code == 404:
        return missing(request)
    return notice(
        request,
        "That does not work",
        "This page does not take what was sent to it.",
        status=error.status_code,
        link=signed_links.SIGN_UP,
    )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = {".".join(str(step) for step in each["loc"][1:]): str(each["msg"]) for each in error.errors()}
    if request.url.path.startswith("/api/"):
        return JSONResponse({"errors": wrong}, status_code=422)
    return notice(request, "That does not work", "A part of the address is wrong.", status=422)


async def _storage(request: Request, error: Exception) -> Response:
    log.error("storage: %s", error)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"errors": {"": "Busy; nothing was stored."}}, status_code=503)
    return notice(
        request,
        "Please try again in a minute",
        "Something is busy here, and what you asked for was not stored.",
        status=503,
    )


async def _fault(request: Request, error: Exception) -> Response:
    log.error("unexpected %s", type(error).__name__, exc_info=error)
    if request.url.path.startswith("/api/"):
        answer: Response = JSONResponse({"errors": {"": "Something went wrong here."}}, status_code=500)
    else:
        answer = notice(
            request,
            "Something went wrong here",
            "It is written down, and not your fault. Please try again later.",
            status=500,
        )
    answer.headers.update(COMMON)  # Starlette answers such faults outside of SecurityMiddleware
    return answer
