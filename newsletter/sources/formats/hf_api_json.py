"""Reads answers of Hugging Face's `/api/daily_papers`: a JSON list of records, in every shape since 2024."""

from __future__ import annotations

from typing import Any

from newsletter.core.papers.listing import Listing
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import full_date
from newsletter.sources.hf_records import is_record, listed_on, read_records

NAME = "hf-api-json"
ABOUT = "an answer of Hugging Face's API of daily papers, as JSON"


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such an answer, from 0 (not at all) to 1 (surely)."""
    if '"paper"' not in dump.head:
        return 0
    records = _records(dump)
    return 1 if records and 2 * sum(map(is_record, records)) > len(records) else 0


def parse(dump: DumpFile) -> Listing:
    """Read the answer; a record that is no paper is unread. Raises nothing."""
    records = _records(dump)
    dump.check_papers(len(records))
    entries, unread = read_records(records)
    return Listing(
        format=NAME,
        printed=full_date(listed_on(records)),
        entries=entries,
        unread=unread,
        nonblank_lines=len(records),
        unit="record",
    )


def _records(dump: DumpFile) -> list[Any]:
    """The records: the list itself, or the one that an object holds under any name."""
    value = dump.json
    if isinstance(value, dict):
        value = next(
            (held for held in value.values() if isinstance(held, list) and any(map(is_record, held))), [value]
        )
    return value if isinstance(value, list) else []
