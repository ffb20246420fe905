"""Builds static copies of a site of the tests, and reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from newsletter.pipeline.archive.static_build import BuildReport, StaticSite, build_archive
from newsletter.pipeline.archive.static_folder import MEMORY
from newsletter.pipeline.content.digest_renderer import topic_views
from newsletter.render.page_renderer import PageRenderer
from newsletter.topics.definitions import load_topics
from tests.browser.links import links_of
from tests.web.newsletter_site import NewsletterSite


def static_site(
    site: NewsletterSite, *, own_topics: dict[str, dict[str, Any]] | None = None, base_url: str = ""
) -> StaticSite:
    """What a copy is made from. own_topics: instead of those that the site has."""
    topics = site.newsletter.topics if own_topics is None else load_topics(own_topics)
    views = topic_views(list(topics.values()))
    return StaticSite(
        pages=PageRenderer(
            brand=site.site.brand,
            topics={slug: view for slug, view in views.items() if topics[slug].public},
            base_url=site.base,
        ),
        topics=topics,
        newsletter=site.site.brand.name,
        language="en",
        site_url=site.base,
        base_url=base_url,
    )


def build(site: NewsletterSite, out: Path, **changed: Any) -> BuildReport:
    """Bring a copy up to date."""
    return build_archive(site.newsletter.engine, out, static_site(site, **changed), now=site.now)


def texts(out: Path) -> dict[str, str]:
    """Every file that visitors can see, by name, with its name."""
    return {
        str(file.relative_to(out)): f"{file.relative_to(out)}\n{file.read_text()}"
        for file in out.rglob("*")
        if file.is_file() and not file.name.startswith(MEMORY)
    }


def dead_links(out: Path) -> list[tuple[str, str]]:
    """The page and the address of every relative link that leads to no file."""
    return [
        (str(page.relative_to(out)), link)
        for page in out.rglob("*.html")
        for link in links_of(page.read_text(), base=page.as_uri())
        if link.startswith("file:") and not Path(unquote(urlsplit(link).path)).is_file()
    ]
