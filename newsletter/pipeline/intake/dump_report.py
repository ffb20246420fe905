"""Names the report about one dump, and its JSON. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from newsletter.core.papers.listing import Unread
from newsletter.core.states import DumpStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PossiblySame:
    """Two papers under different titles with strongly overlapping abstracts: an admin decides."""

    id: int  # the later paper
    title: str
    other_id: int  # the earlier paper
    other_title: str
    overlap: float  # Jaccard index of word triples; 1.0 also when identifiers of one entry name both papers


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpReport:
    """The outcome of one dump."""

    file: str  # as it was named
    status: DumpStatus
    format: str | None = None
    listed_on: date | None = None
    listed_on_from: str | None = None  # option, known-papers, filename, contents, clock
    guess: bool = False  # the listing's year is a guess
    entries: int = 0
    new: int = 0  # papers
    known: int = 0  # the other entries
    revised: int = 0  # papers whose text changed
    quarantined: tuple[Unread, ...] = ()
    possibly_same: tuple[PossiblySame, ...] = ()
    error: str | None = None  # of a refused or held dump: what is wrong and what to do

    def as_json(self) -> dict[str, Any]:
        """The object that `ingest --json` prints for the dump."""
        return {
            "file": self.file,
            "status": self.status.value,
            "format": self.format,
            "listed_on": self.listed_on.isoformat() if self.listed_on else None,
            "listed_on_from": self.listed_on_from,
            "guess": self.guess,
            "entries": self.entries,
            "new": self.new,
            "known": self.known,
            "revised": self.revised,
            "quarantined": [{"line": item.line, "reason": item.reason} for item in self.quarantined],
            "possibly_same": [
                {
                    "id": pair.id,
                    "title": pair.title,
                    "other_id": pair.other_id,
                    "other_title": pair.other_title,
                    "overlap": pair.overlap,
                }
                for pair in self.possibly_same
            ],
            "error": self.error,
        }
