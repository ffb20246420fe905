"""Writes JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

import json
from typing import Any

from newsletter.render.feeds.feed import Feed, FeedEntry


def write(feed: Feed) -> bytes:
    """The feed as a JSON document."""
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "description": feed.subtitle,
        "home_page_url": feed.home,
        "feed_url": feed.address,
        "language": feed.language,
        "items": [_item(entry) for entry in feed.entries],
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def _item(entry: FeedEntry) -> dict[str, Any]:
    known: dict[str, Any] = {
        "id": entry.id,
        "url": entry.link,
        "external_url": entry.paper_url,
        "title": entry.title,
        "summary": entry.lead,
        "content_html": entry.content,
        "date_published": entry.published.isoformat().replace("+00:00", "Z"),
        "date_modified": entry.updated.isoformat().replace("+00:00", "Z"),
        "authors": [{"name": name} for name in entry.authors],
        "tags": list(entry.topics),
    }
    return {name: value for name, value in known.items() if value or name == "content_html"}
