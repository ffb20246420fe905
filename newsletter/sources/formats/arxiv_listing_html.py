"""Reads listing pages of arXiv (`/list/cs.AI/new` and the like) saved as HTML.

Its headings say how many papers a section holds: a page that shows fewer is held.
"""

from __future__ import annotations

import re
from typing import Any

from newsletter.core.papers.listing import Announcement, Entry, Listing, PartialDate, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import make_entry
from newsletter.sources.printed_dates import read_date

NAME = "arxiv-listing-html"
ABOUT = "a listing page of arXiv saved as HTML"

_ID = re.compile(r"arXiv:((?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?)")
_CATEGORY = re.compile(r"\(([a-z-]+(?:\.[A-Za-z-]+)?)\)")
_SHOWING = re.compile(r"showing\s+(?:first\s+|last\s+)?(\d+)\s+of\s+(\d+)\s+entries", re.IGNORECASE)
_DATE = re.compile(r"\d{1,2} [A-Z][a-z]+ \d{4}")
_SECTIONS = (("cross", Announcement.CROSS), ("replace", Announcement.REPLACE), ("new", Announcement.NEW))


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a page, from 0 (not at all) to 1 (surely)."""
    page = dump.head
    return 1 if "list-title" in page and "<dt" in page and "/abs/" in page else 0


def parse(dump: DumpFile) -> Listing:
    """Read the page; an entry without identifier or title is unread. Raises nothing."""
    entries: list[Entry] = []
    unread: list[Unread] = []
    printed: PartialDate | None = None
    stated: int | None = None
    section: Announcement | None = None
    anchor = ""
    number = 0
    dump.check_papers(dump.text.lower().count("<dd"))
    for element in () if dump.html is None else dump.html.iter("h3", "dt", "dd"):
        if element.tag == "h3":
            heading = " ".join(element.text_content().split())
            section = next((kind for word, kind in _SECTIONS if heading.lower().startswith(word)), section)
            if (day := _DATE.search(heading)) and printed is None and (found := read_date(day[0])):
                printed = found[0]
            if showing := _SHOWING.search(heading):
                stated = (stated or 0) + int(showing[2])
        elif element.tag == "dt":
            anchor = " ".join(element.text_content().split())
        else:
            number += 1
            entry = _entry(element, anchor, section, position=len(entries) + 1, number=number)
            anchor = ""
            if entry is None:
                text = " ".join(element.text_content().split())[:200]
                unread.append(Unread(line=number, reason="no identifier or no title", text=text))
            else:
                entries.append(entry)
    return Listing(
        format=NAME,
        printed=printed,
        entries=tuple(entries),
        unread=tuple(unread),
        nonblank_lines=number,
        unit="record",
        stated=stated,
    )


def _entry(
    element: Any, anchor: str, section: Announcement | None, *, position: int, number: int
) -> Entry | None:
    fields = {
        name: "".join(found.text_content().split(":", 1)[1:] or [found.text_content()])
        for name in ("title", "subjects")
        for found in element.find_class(f"list-{name}")[:1]
    }
    found_id = _ID.search(anchor)
    title = fields.get("title", "").strip()
    if found_id is None or not title or "\n" in title or "://" in title:
        return None  # more than a title: the page is damaged
    if section is Announcement.REPLACE and "cross-list" in anchor:
        section = Announcement.REPLACE_CROSS
    authors = [
        link.text_content() for held in element.find_class("list-authors")[:1] for link in held.iter("a")
    ]
    abstract = [held.text_content() for held in element.iter("p") if "mathjax" in (held.get("class") or "")]
    return make_entry(
        position=position,
        line=number,
        title=fields["title"],
        abstract=abstract[0] if abstract else "",
        authors=authors,
        arxiv_id=found_id[1],
        url=f"https://arxiv.org/abs/{re.sub(r'v[0-9]+$', '', found_id[1])}",
        categories=tuple(_CATEGORY.findall(fields.get("subjects", ""))),
        announcement=section,
    )
