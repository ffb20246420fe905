"""Reads answers of arXiv's API (`/api/query`) as Atom, in the shapes before and since 2026.

An error comes as an entry titled “Error” and is refused. An answer without entries found nothing.
"""

from __future__ import annotations

from typing import Any

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.listing import Entry, Listing, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import full_date, make_entry
from newsletter.sources.formats.xml_elements import children, day_of, local_name, text_of, title_of

NAME = "arxiv-api-atom"
ABOUT = "an answer of arXiv's API, as Atom"


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such an answer, from 0 (not at all) to 1 (surely)."""
    if "<feed" not in dump.head or dump.xml is None or local_name(dump.xml) != "feed":
        return 0
    title = text_of(dump.xml, "title").lower()
    return 1 if title.startswith(("arxiv query", "arxiv search results")) else 0


def parse(dump: DumpFile) -> Listing:
    """Read the answer. Raises DumpRefusedError when it is an error message."""
    entries: list[Entry] = []
    unread: list[Unread] = []
    found = list(children(dump.xml, "entry")) if dump.xml is not None else []
    dump.check_papers(len(found))
    for number, element in enumerate(found, 1):
        link = text_of(element, "id")
        if "/api/errors" in link:
            raise DumpRefusedError(
                f"arXiv's API answered with an error: {text_of(element, 'summary')}",
                hint="Correct the query.",
                file=dump.name,
            )
        title = title_of(element)
        links = [
            child.get("href", "") for child in children(element, "link") if child.get("rel") == "alternate"
        ]
        other = any(link.partition("/abs/")[2] not in found for found in links)  # two entries ran into one
        if "/abs/" not in link or not title or other:
            unread.append(Unread(line=number, reason="no identifier or no title", text=title[:200]))
        else:
            entries.append(_entry(element, link, position=len(entries) + 1, number=number))
    return Listing(
        format=NAME,
        printed=full_date(day_of(text_of(dump.xml, "updated"))) if dump.xml is not None else None,
        entries=tuple(entries),
        unread=tuple(unread),
        nonblank_lines=len(found),
        unit="record",
        empty_because=None if found else "the query found no paper",
    )


def _entry(element: Any, link: str, *, position: int, number: int) -> Entry:
    primary = [child.get("term", "") for child in children(element, "primary_category")]
    terms = [child.get("term", "") for child in children(element, "category")]
    return make_entry(
        position=position,
        line=number,
        title=title_of(element),
        abstract=text_of(element, "summary"),
        authors=[text_of(author, "name") for author in children(element, "author")],
        published=day_of(text_of(element, "published")),
        arxiv_id=link.partition("/abs/")[2],
        doi=text_of(element, "doi"),
        url=link.replace("http://", "https://", 1),
        categories=tuple(dict.fromkeys(term for term in (*primary, *terms) if term)),
    )
