"""Reads arXiv's daily feeds (rss.arxiv.org), RSS 2.0 and Atom. A feed is empty on holidays and weekends."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

from lxml import etree

from newsletter.core.papers.listing import Announcement, Entry, Listing, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import full_date, make_entry
from newsletter.sources.formats.xml_elements import children, day_of, local_name, text_of, title_of

NAME = "arxiv-feed"
ABOUT = "a daily feed of arXiv, RSS or Atom"

_SUMMARY = re.compile(
    r"\s*arXiv:(?P<id>\S+)\s+Announce Type:\s*(?P<kind>[\w-]+)\s*(?:Abstract:\s*)?(?P<abstract>.*)", re.DOTALL
)


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a feed, from 0 (not at all) to 1 (surely)."""
    if "arxiv" not in dump.head.lower() or dump.xml is None:
        return 0
    root = local_name(dump.xml)
    if root == "item":
        return 0.9 if _SUMMARY.match(text_of(dump.xml, "description")) else 0
    head = next(children(dump.xml, "channel"), dump.xml)
    return 1 if root in ("rss", "feed") and "updates on arxiv.org" in text_of(head, "title").lower() else 0


def parse(dump: DumpFile) -> Listing:
    """Read the feed; an item that is no announcement is unread. Raises nothing."""
    root = dump.xml if dump.xml is not None else etree.Element("none")
    head = next(children(root, "channel"), root)
    items = [head] if local_name(head) == "item" else [*children(head, "item"), *children(head, "entry")]
    dump.check_papers(len(items))
    entries: list[Entry] = []
    unread: list[Unread] = []
    for number, item in enumerate(items, 1):
        found = _SUMMARY.match(text_of(item, "description", "summary"))
        title = title_of(item)
        own = text_of(item, "guid", "id", "link")  # of the same paper, unless two items ran into one
        if found is None or not title or (own and _bare(found["id"]) not in own):
            unread.append(Unread(line=number, reason="no announcement of a paper", text=title[:200]))
        else:
            entries.append(_entry(item, title, found, position=len(entries) + 1, number=number))
    return Listing(
        format=NAME,
        printed=full_date(_listed_on(head, items)),
        entries=tuple(entries),
        unread=tuple(unread),
        nonblank_lines=len(items),
        unit="record",
        empty_because=None if items else "arXiv announced nothing in this category that day",
    )


def _bare(arxiv_id: str) -> str:
    return re.sub(r"v[0-9]+$", "", arxiv_id)


def _listed_on(head: Any, items: list[Any]) -> date | None:
    """The day of the announcement: of the channel in RSS, of most entries in Atom."""
    days = Counter(day for item in items if (day := day_of(text_of(item, "published", "pubDate"))))
    stated = day_of(text_of(head, "pubDate")) or max(days, key=lambda day: (days[day], day), default=None)
    return stated or day_of(text_of(head, "updated"))


def _entry(item: Any, title: str, found: re.Match[str], *, position: int, number: int) -> Entry:
    kind = (text_of(item, "announce_type") or found["kind"]).lower()
    terms = [child.get("term") or (child.text or "").strip() for child in children(item, "category")]
    return make_entry(
        position=position,
        line=number,
        title=title,
        abstract=found["abstract"],
        authors=[name.strip() for name in text_of(item, "creator").split(", ")],
        arxiv_id=found["id"],
        doi=text_of(item, "DOI", "doi"),
        url=f"https://arxiv.org/abs/{_bare(found['id'])}",
        categories=tuple(term for term in terms if term),
        announcement=Announcement(kind) if kind in set(Announcement) else None,
    )
