"""Shows digests in the browser: the one that a mail links to, and a sample. Shows nothing personal."""

from __future__ import annotations

from threading import Lock

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from newsletter.core.errors import NotFoundError
from newsletter.papers.visibility import Visibility
from newsletter.pipeline.compose.whole_edition import public_sample
from newsletter.pipeline.content import web_version
from newsletter.pipeline.content.personalization import WEB_DIGEST
from newsletter.web import signed_links
from newsletter.web.middleware import MAIL_POLICY
from newsletter.web.pages import site_of
from subscribers import tokens
from subscribers.errors import TokenError

router = APIRouter(include_in_schema=False)

_ONE_AT_A_TIME = Lock()


@router.get("/digests/{token}")
def digest(request: Request, token: str) -> Response:
    """One digest as it was mailed, without the personal parts."""
    site = site_of(request)
    try:
        payload = tokens.read(WEB_DIGEST, token, keys=site.keys, now=site.clock())
        document = web_version.page_of(
            site.engine,
            str(payload.get("key", "")),
            web_url=f"{site.base_url}/digests/{token}",
            builder=site.builder,
            links=site.links,
        )
    except (TokenError, NotFoundError):
        return signed_links.unknown(request)
    return _mail(document)


@router.get("/sample")
def sample(request: Request) -> Response:
    """The public part of the latest edition as a digest, or one of the shipped papers."""
    site = site_of(request)
    topics = {slug: topic.public for slug, topic in site.topics.items()}
    view = Visibility.public(topics, now=site.clock())
    with _ONE_AT_A_TIME:  # a renderer keeps what it rendered, and is no use to two threads
        content = public_sample(site.engine, view, site.digest_renderer)
    if content is None:
        content = site.sample_digest.content(now=site.clock())
    return _mail(web_version.sample(content, builder=site.builder, links=site.links))


def _mail(document: str) -> Response:
    # A digest has its styles in its elements; it may not run scripts or send forms.
    return HTMLResponse(document, headers={"Content-Security-Policy": MAIL_POLICY})
