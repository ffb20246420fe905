"""Serves what search engines read: robots.txt (RFC 9309) and the sitemaps, which name nothing private."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import Response

from newsletter.core.errors import NotFoundError
from newsletter.pipeline.archive import sitemap
from newsletter.web.archive.visitor import archive_of, respond
from newsletter.web.pages import missing, site_of

router = APIRouter(include_in_schema=False)

XML = "application/xml; charset=utf-8"
_ROBOTS = """User-agent: *
Allow: {root}/$
Allow: {root}/archive
Allow: {root}/papers/
Allow: {root}/editions/
Allow: {root}/topics/
Allow: {root}/assets/
Allow: {root}/sitemap
Disallow: /*?*reader=
Disallow: {root}/

Sitemap: {base_url}/sitemap.xml
"""


@router.get("/robots.txt")
def robots(request: Request) -> Response:
    """The archive may be read by search engines, and nothing else."""
    text = _ROBOTS.format(root=request.app.state.pages.root, base_url=site_of(request).base_url)
    return Response(text, media_type="text/plain", headers={"Cache-Control": "public, max-age=3600"})


@router.get("/sitemap.xml")
def index(request: Request) -> Response:
    """The list of sitemaps."""
    with archive_of(request) as scope:
        return respond(request, scope, sitemap.sitemap_index(scope).encode(), XML, indexed=False)


@router.get("/sitemaps/{name}")
def part(request: Request, name: str) -> Response:
    """One sitemap."""
    found = re.fullmatch(r"(0|[1-9][0-9]{0,6})\.xml", name)
    if found is None:
        return missing(request)
    with archive_of(request) as scope:
        try:
            text = sitemap.sitemap(scope, int(found[1]))
        except NotFoundError:
            return missing(request)
        return respond(request, scope, text.encode(), XML, indexed=False)
