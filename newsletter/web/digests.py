"""Shows digests in the browser: the one that a mail links to, and a sample. Shows nothing personal.

The papers of a mail are there as files, too, for the link in its foot.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection

from newsletter.core.errors import NotFoundError
from newsletter.db.engine import reading
from newsletter.papers.visibility import Visibility
from newsletter.pipeline.archive import selections
from newsletter.pipeline.archive.references import load_references
from newsletter.pipeline.archive.scope import ArchiveScope
from newsletter.pipeline.compose.whole_edition import public_sample, public_sample_number
from newsletter.pipeline.content import web_version
from newsletter.pipeline.content.personalization import WEB_DIGEST
from newsletter.render import exports
from newsletter.render.archive_links import EXPORTS, LiveLinks, edition_path
from newsletter.web import signed_links
from newsletter.web.archive import caching
from newsletter.web.middleware import MAIL_POLICY
from newsletter.web.pages import site_of
from newsletter.web.site import Site
from subscribers import tokens
from subscribers.errors import TokenError

router = APIRouter(include_in_schema=False)

_ONE_AT_A_TIME = Lock()


def _add_exports(suffix: str) -> None:
    """The routes of one form, which come before those of the pages."""
    form = exports.BY_SUFFIX[suffix]

    @router.get(f"/digests/{{token}}.{suffix}")
    def papers(request: Request, token: str) -> Response:
        """The papers of one digest as a file. Its link shows what the mail showed, private topics as well."""
        site = site_of(request)
        try:
            payload = tokens.read(WEB_DIGEST, token, keys=site.keys, now=site.clock())
            with reading(site.engine) as connection:
                digest_id = web_version.digest_of(connection, str(payload.get("key", "")))
                scope = ArchiveScope(
                    connection=connection,
                    visibility=_of_digest(connection, site, digest_id),
                    topics=site.topics,
                    links=LiveLinks(base_url=site.base_url),
                )
                written = form.write(load_references(scope, selections.of_digest(scope, digest_id)))
        except (TokenError, NotFoundError):
            return signed_links.unknown(request)
        answer = caching.private(written.encode(), f"{form.media_type}; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="papers.{suffix}"'
        return answer

    @router.get(f"/sample.{suffix}")
    def sample_papers(request: Request) -> Response:
        """Leads to the file of the edition that `/sample` shows; to the archive while there is none."""
        site = site_of(request)
        with reading(site.engine) as connection:
            number = public_sample_number(connection, _public(site))
        path = "/archive" if number is None else f"{edition_path(number)}.{suffix}"
        return RedirectResponse(LiveLinks(base_url=site.base_url, root=request.app.state.pages.root).to(path))


for each in EXPORTS:
    _add_exports(each)


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
    view = _public(site)
    with _ONE_AT_A_TIME:  # a renderer keeps what it rendered, and is no use to two threads
        content = public_sample(site.engine, view, site.digest_renderer)
    if content is None:
        content = site.sample_digest.content(now=site.clock())
    return _mail(web_version.sample(content, builder=site.builder, links=site.links))


def _public(site: Site) -> Visibility:
    return Visibility.public(site.known_topics, now=site.clock())


def _of_digest(connection: Connection, site: Site, digest_id: int) -> Visibility:
    """What a mail shows: its own papers whatever their topics, and the names of topics that it names."""
    named = selections.topics_of_digest(connection, digest_id)
    topics = {slug: topic.public or slug in named for slug, topic in site.topics.items()}
    return replace(Visibility.public(topics, now=site.clock()), hidden=frozenset())


def _mail(document: str) -> Response:
    # A digest has its styles in its elements; it may not run scripts or send forms.
    return HTMLResponse(document, headers={"Content-Security-Policy": MAIL_POLICY})
