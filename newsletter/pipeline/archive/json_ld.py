"""Describes a page to search engines as JSON-LD with the words of schema.org. Only permanent addresses."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from newsletter.pipeline.archive.values import ArchivePage, EditionPage, MonthPage, PaperPage, TopicPage

_CONTEXT = {"@context": "https://schema.org"}


@singledispatch
def described(page: Any, *, newsletter: str) -> dict[str, Any]:
    """The description of a page of the archive. newsletter: its name."""
    raise TypeError(f"no page of the archive: {page!r}")


@described.register
def _(page: PaperPage, *, newsletter: str) -> dict[str, Any]:
    same = [each.link for each in page.read]
    return _filled(
        {
            **_CONTEXT,
            "@type": "ScholarlyArticle",
            "headline": page.title,
            "name": page.title,
            "abstract": page.abstract,
            "author": [{"@type": "Person", "name": name} for name in page.authors],
            "sourceOrganization": {"@type": "Organization", "name": page.organization}
            if page.organization
            else None,
            "datePublished": page.published_on.isoformat() if page.published_on else None,
            "url": page.address,
            "sameAs": same,
            "identifier": list(page.identifiers),
            "about": [match.topic.title for match in page.topics if not match.doubtful],
            "isPartOf": {"@type": "Periodical", "name": newsletter},
        }
    )


@described.register
def _(page: EditionPage, *, newsletter: str) -> dict[str, Any]:
    return _filled(
        {
            **_CONTEXT,
            "@type": "PublicationIssue",
            "issueNumber": page.number,
            "datePublished": page.date.isoformat(),
            "url": page.address,
            "isPartOf": {"@type": "Periodical", "name": newsletter},
            "about": [section.topic.title for section in page.sections],
        }
    )


@described.register
def _(page: ArchivePage, *, newsletter: str) -> dict[str, Any]:
    return _filled({**_CONTEXT, "@type": "Periodical", "name": newsletter, "url": page.address})


@described.register
def _(page: MonthPage, *, newsletter: str) -> dict[str, Any]:
    return _collection(page.address, f"{page.month:%B %Y}", newsletter)


@described.register
def _(page: TopicPage, *, newsletter: str) -> dict[str, Any]:
    return _collection(page.address, page.topic.title, newsletter)


def _collection(address: str, name: str, newsletter: str) -> dict[str, Any]:
    return _filled(
        {
            **_CONTEXT,
            "@type": "CollectionPage",
            "name": name,
            "url": address,
            "isPartOf": {"@type": "Periodical", "name": newsletter},
        }
    )


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
