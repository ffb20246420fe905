"""Tells what ingesting a file would read, and stores nothing."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Any

from newsletter.core.errors import DumpRefusedError
from newsletter.core.papers.dating import decide_listed_on
from newsletter.core.papers.listing import Listing
from newsletter.pipeline.intake.ingest import read_file, why_held
from newsletter.sources.registry import formats, read_listing

SHOWN = 3  # papers


def try_dump(path: Path, *, now: datetime, format: str | None = None) -> dict[str, Any]:
    """What would become of a file: `outcome` "ingested", "held" or "refused", and `why`.

    now: aware. format: a name from `formats()`. A file that cannot be read is refused. Raises nothing.
    """
    try:
        listing = read_listing(read_file(path), name=str(path), format=format)
    except DumpRefusedError as error:
        why = f"{error.message}. {error.hint}".strip()
        nothing = {"format": None, "outcome": "refused", "why": why, "entries": 0, "listed_on": None}
        return {**nothing, "unread": [], "first": []}
    held = why_held(listing)
    empty = f": {listing.empty_because}" if listing.empty_because else ""
    return {
        "format": listing.format,
        "outcome": "held" if held else "ingested",
        "why": held or f"it is {formats()[listing.format].ABOUT}{empty}",
        "entries": len(listing.entries),
        "listed_on": _listed_on(listing, path, now),
        "unread": [dataclasses.asdict(item) for item in listing.unread],
        "first": [_shown(listing, n) for n in range(min(SHOWN, len(listing.entries)))],
    }


def _listed_on(listing: Listing, path: Path, now: datetime) -> str:
    printed = [entry.printed for entry in listing.entries if entry.printed is not None]
    decided = decide_listed_on(listing.printed, entries_printed=printed, today=now.date(), filename=path.name)
    return decided.date.isoformat()


def _shown(listing: Listing, number: int) -> dict[str, Any]:
    entry = listing.entries[number]
    return {
        "title": entry.title,
        "abstract": entry.abstract,
        "authors": list(entry.author_names) or entry.author_count,
        **dict(entry.identifiers),
        "url": entry.url,
    }
