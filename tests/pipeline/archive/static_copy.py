"""Builds static copies of a newsletter with a private topic, and says what is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from newsletter.pipeline.archive.static_build import BuildReport, StaticSite, build_archive
from newsletter.render.page_renderer import PageRenderer
from tests.web.newsletter_site import BRAND, NewsletterSite


def build(site: NewsletterSite, out: Path, *, base_url: str = "") -> BuildReport:
    """Bring the static copy of a newsletter up to date."""
    topics = site.newsletter.topics
    public = {slug: view for slug, view in site.site.views.items() if topics[slug].public}
    made_from = StaticSite(
        pages=PageRenderer(brand=BRAND, topics=public, base_url=site.base),
        topics=topics,
        newsletter=BRAND.name,
        language="en",
        site_url=site.base,
        base_url=base_url,
    )
    return build_archive(site.newsletter.engine, out, made_from, now=site.now)


def files_of(out: Path) -> dict[str, str]:
    """The hash of each file by its name in the folder, without what builds remember."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
