"""Writes feeds of papers: Atom (RFC 4287) and JSON Feed 1.1. Looks nothing up.

A format is one module with `write` and one line in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from newsletter.render.feeds import atom, json_feed
from newsletter.render.feeds.feed import Feed as Feed
from newsletter.render.feeds.feed import FeedEntry as FeedEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFormat:
    """One way to write a feed."""

    media_type: str
    title: str
    write: Callable[[Feed], bytes]


FORMATS = {  # by the suffix of an address
    "atom": FeedFormat(media_type="application/atom+xml; charset=utf-8", title="Atom", write=atom.write),
    "json": FeedFormat(
        media_type="application/feed+json; charset=utf-8", title="JSON Feed", write=json_feed.write
    ),
}
