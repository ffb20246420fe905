"""Writes Atom (RFC 4287)."""

from __future__ import annotations

from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from newsletter.render.feeds.feed import Feed, FeedEntry, printable

_ATOM = "http://www.w3.org/2005/Atom"
_E = ElementMaker(namespace=_ATOM, nsmap={None: _ATOM})


def write(feed: Feed) -> bytes:
    """The feed as an Atom document."""
    root = _E.feed(
        {"{http://www.w3.org/XML/1998/namespace}lang": feed.language},
        _E.id(feed.address),
        _E.title(printable(feed.title)),
        _E.subtitle(printable(feed.subtitle)),
        _E.updated(_instant(feed.updated)),
        _E.link(rel="self", type="application/atom+xml", href=feed.address),
        _E.link(rel="alternate", type="text/html", href=feed.home),
        _E.author(_E.name(printable(feed.title))),  # section 4.1.1: of entries without one
        *map(_entry, feed.entries),
    )
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True))


def _entry(entry: FeedEntry) -> etree._Element:
    return _E.entry(
        _E.id(entry.id),
        _E.title(printable(entry.title)),
        _E.link(rel="alternate", type="text/html", href=entry.link),
        *([_E.link(rel="related", href=entry.paper_url)] if entry.paper_url else []),
        _E.published(_instant(entry.published)),
        _E.updated(_instant(entry.updated)),
        *(_E.author(_E.name(printable(name))) for name in entry.authors),
        *(_E.category(term=printable(topic)) for topic in entry.topics),
        *([_E.summary(printable(entry.lead))] if entry.lead else []),
        _E.content({"type": "html"}, entry.content),
    )


def _instant(at: datetime) -> str:
    """RFC 3339, as section 3.3 asks."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
