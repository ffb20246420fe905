"""Papers to write in the shapes of listings: real ones of the archives, or those of the shipped samples."""

from __future__ import annotations

import gzip
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from newsletter import samples
from newsletter.sources.registry import read_listing
from tests.shared_data import SHARED

ARCHIVES = (
    SHARED / "archive" / "hf-daily-papers-2024-05-27_2026-02-28.jsonl.gz",
    SHARED / "archive" / "arxiv-papers.jsonl.gz",
)
MONTHS = [date(2000, month, 1).strftime("%b") for month in range(1, 13)]
NAMES = ("Ada Example", "Jean-Luc van der Berg", "Li Wei", "Robert W. Heath Jr", "María José Núñez", "Sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A paper as a server knows it."""

    id: str  # of arXiv
    title: str
    abstract: str  # perhaps with line ends
    authors: tuple[str, ...]
    published: date
    categories: tuple[str, ...] = ("cs.LG",)
    upvotes: int = 3
    comments: int = 0
    organization: str | None = None
    github: str | None = None


def one_line(text: str) -> str:
    """The text without line ends and doubled blanks."""
    return " ".join(text.split())


def folded(text: str, width: int, **more: str) -> list[str]:
    """The text wrapped at blanks."""
    return textwrap.wrap(one_line(text), width, break_long_words=False, break_on_hyphens=False, **more)


@cache
def real_records() -> tuple[Record, ...]:
    """Each paper of the archives once; empty when they are not beside this checkout."""
    found: dict[str, Record] = {}
    for path in ARCHIVES if all(path.exists() for path in ARCHIVES) else ():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                found.setdefault(row["id"], _record(row))
    return tuple(found.values())


@cache
def real_days() -> dict[date, tuple[Record, ...]]:
    """The Daily Papers of each day of the archive, in order; empty when it is not beside this checkout."""
    found: dict[date, list[Record]] = {}
    if ARCHIVES[0].exists():
        with gzip.open(ARCHIVES[0], "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                found.setdefault(date.fromisoformat(row["day"]), []).append(_record(row))
    return {day: tuple(found[day]) for day in sorted(found)}


def _record(row: dict[str, Any]) -> Record:
    return Record(
        id=row["id"],
        title=row["title"],
        abstract=row.get("summary") or row.get("abstract") or "",
        authors=tuple(row["authors"]),
        published=date.fromisoformat((row.get("published") or "2026-01-05")[:10]),
        categories=tuple(row.get("categories") or ["cs.LG"]),
        upvotes=row.get("upvotes") or 0,
        comments=row.get("comments") or 0,
        organization=row.get("organization"),
        github=row.get("github"),
    )


@cache
def shipped_records() -> tuple[Record, ...]:
    """The papers of the shipped samples, with authors and identifiers of our own."""
    found: dict[str, Record] = {}
    for title, abstract in _shipped():
        number = len(found)
        found.setdefault(
            title,
            Record(
                id=f"2601.{number + 10:05}",
                title=title,
                abstract=abstract,
                authors=NAMES[: number % len(NAMES) + 1],
                published=date(2026, 1, number % 28 + 1),
                categories=("cs.LG", "quant-ph")[: number % 2 + 1],
                upvotes=number * 7,
                comments=number % 4,
                organization=(None, None, "AI at Meta")[number % 3],
            ),
        )
    return tuple(found.values())


def _shipped() -> Iterator[tuple[str, str]]:
    abstracts: set[str] = set()
    for dump in samples.dumps():
        for entry in read_listing(dump.read_bytes(), name=dump.name).entries:
            if entry.abstract not in abstracts:
                abstracts.add(entry.abstract)
                yield entry.title, entry.abstract
