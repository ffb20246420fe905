"""Reads pages of Hugging Face's Daily Papers saved as HTML: daily, trending, and search pages.

The papers are in the JSON of a `data-props` attribute, with the abstracts that the visible cards lack.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from newsletter.core.papers.listing import Listing
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import full_date
from newsletter.sources.hf_records import is_record, listed_on, read_records
from newsletter.sources.limits import MOST_PROPS

NAME = "hf-page-html"
ABOUT = "a page of Hugging Face's Daily Papers saved as HTML"


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a page, from 0 (not at all) to 1 (surely)."""
    if "data-props" not in dump.text or "<" not in dump.head:
        return 0
    return 1 if _records(dump)[1] else 0


def parse(dump: DumpFile) -> Listing:
    """Read the page; a record that is no paper is unread. Raises nothing."""
    printed, records = _records(dump)
    dump.check_papers(len(records))
    entries, unread = read_records(records)
    return Listing(
        format=NAME,
        printed=full_date(printed or listed_on(records)),
        entries=entries,
        unread=unread,
        nonblank_lines=len(records),
        unit="record",
    )


def _records(dump: DumpFile) -> tuple[date | None, list[Any]]:
    """The day of the page where it says one, and its records."""
    for element in () if dump.html is None else dump.html.xpath("//*[@data-props]")[:MOST_PROPS]:
        props = element.get("data-props")
        if '"paper"' not in props:
            continue
        value = dump.json_in(props)
        for held in value.values() if isinstance(value, dict) else ():
            if isinstance(held, list) and any(map(is_record, held)):
                return _day(value.get("date")), held
    return None, []


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
