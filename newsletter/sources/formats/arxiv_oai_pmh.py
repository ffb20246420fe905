"""Reads answers of arXiv's OAI-PMH interface with `metadataPrefix=arXiv`: one record or many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from newsletter.core.papers.listing import Entry, Listing, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import full_date, make_entry
from newsletter.sources.formats.xml_elements import children, day_of, text_of, title_of

NAME = "arxiv-oai-pmh"
ABOUT = "an answer of arXiv's OAI-PMH interface"


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such an answer, from 0 (not at all) to 1 (surely)."""
    if "<OAI-PMH" not in dump.head or dump.xml is None:
        return 0
    return 0 if next(_papers(dump.xml), None) is None else 1


def parse(dump: DumpFile) -> Listing:
    """Read the answer; a record without identifier or title is unread. Raises nothing."""
    entries: list[Entry] = []
    unread: list[Unread] = []
    found = [] if dump.xml is None else list(_papers(dump.xml))
    dump.check_papers(len(found))
    for number, element in enumerate(found, 1):
        title = title_of(element)
        if title and text_of(element, "id"):
            entries.append(_entry(element, title, position=len(entries) + 1, number=number))
        else:
            unread.append(Unread(line=number, reason="no identifier or no title", text=title[:200]))
    return Listing(
        format=NAME,
        printed=full_date(day_of(text_of(dump.xml, "responseDate"))) if found else None,
        entries=tuple(entries),
        unread=tuple(unread),
        nonblank_lines=len(found),
        unit="record",
    )


def _papers(root: Any) -> Iterator[Any]:
    return iter(root.iter("{*}arXiv"))


def _entry(element: Any, title: str, *, position: int, number: int) -> Entry:
    held = [author for authors in children(element, "authors") for author in children(authors, "author")]
    names = [" ".join(text_of(a, part) for part in ("forenames", "keyname", "suffix")) for a in held]
    return make_entry(
        position=position,
        line=number,
        title=title,
        abstract=text_of(element, "abstract"),
        authors=names,
        published=day_of(text_of(element, "created")),
        arxiv_id=text_of(element, "id"),
        doi=text_of(element, "doi"),
        url=f"https://arxiv.org/abs/{text_of(element, 'id')}",
        categories=tuple(text_of(element, "categories").split()),
    )
