"""Reads the archive of real papers and our labels of some of them.

`archive.jsonl` holds ids and labels of our own reading. Nothing is trained on papers of days drawn by chance
and of the last weeks. Their `draw` tells why they were read:

- `random`: by chance
- `kind`: by chance among papers with a category or keyword of a topic
- `near`: keywords, categories, rules and an earlier model disagreed about them
- `given`: a daily page listed them, and some model gave them a topic

The others have the draw `train`. The texts lie in ../shared.
"""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.shared_data import SHARED

LABELS = Path(__file__).with_name("archive.jsonl")
ARXIV = SHARED / "archive" / "arxiv-papers.jsonl.gz"
DAILY = SHARED / "archive" / "hf-daily-papers-2024-05-27_2026-02-28.jsonl.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePaper:
    """One paper of the archive."""

    id: str  # of arXiv
    title: str
    abstract: str
    categories: tuple[str, ...]  # of arXiv; empty where only a daily page listed it
    daily: bool  # a daily page listed it
    held_out: bool  # of the days that no training touches


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLabel:
    """Our reading of one paper."""

    id: str
    draw: str
    topics: frozenset[str]
    borderline: bool


def labels() -> list[ArchiveLabel]:
    rows = map(json.loads, LABELS.read_text("utf-8").splitlines())
    return [ArchiveLabel(**{**row, "topics": frozenset(row["topics"])}) for row in rows]


@cache
def papers() -> dict[str, ArchivePaper]:
    """The papers of both archives by id, sorted. A paper of both is held out if either listing is."""
    found: dict[str, ArchivePaper] = {}
    for row in _rows(ARXIV):
        found[row["id"]] = ArchivePaper(
            id=row["id"],
            title=row["title"],
            abstract=row["abstract"],
            categories=tuple(row["categories"]),
            daily=False,
            held_out=_seen_late(row["seen"]),
        )
    for row in _rows(DAILY):
        late = row["day"] >= "2026-01-01" or _drawn(row["day"])
        known = found.get(row["id"])
        found[row["id"]] = ArchivePaper(
            id=row["id"],
            title=known.title if known else row["title"],
            abstract=known.abstract if known else row["summary"],
            categories=known.categories if known else (),
            daily=True,
            held_out=late or (known is not None and known.held_out),
        )
    return dict(sorted(found.items()))


def _seen_late(seen: str) -> bool:
    if "W" in seen:  # a week of the feed of quant-ph: the last of four
        return seen == "2026-W06"
    return seen >= "2026-04-15" or _drawn(seen)


def _drawn(day: str) -> bool:
    """One day in eight."""
    return zlib.crc32(day.encode()) % 8 == 0


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
