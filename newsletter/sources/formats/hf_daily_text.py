"""Reads the plain text of Hugging Face's daily page: votes above each title, authors below, no abstracts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from newsletter.core.papers.listing import Entry, Listing, PartialDate, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import make_entry
from newsletter.sources.gate import is_furniture
from newsletter.sources.printed_dates import read_count, read_date

NAME = "hf-daily-text"
ABOUT = "Hugging Face's daily page of papers saved as plain text"

HEADER_ROWS = 60  # non-blank lines; the listing's date is among them, above the first card
LONGEST_ORGANIZATION = 60  # characters
_SUBMITTED = re.compile(r"Submitted by\b", re.IGNORECASE)
_AUTHORS = re.compile(r"(?:·\s*)?(?P<count>\d{1,5}) authors?$", re.IGNORECASE)
_VOTES = re.compile(r"(?:Upvote\s*)?(?P<count>\d[\d,]*(?:\.\d+)?k?|-)$")
_DOT = re.compile(r"[·•∙⋅]$")


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a page, from 0 (not at all) to 1 (surely)."""
    if not _SUBMITTED.search(dump.head) or "<html" in dump.head[:2000].lower():
        return 0
    lines = [line for line in dump.head.splitlines() if line.strip()]
    cards = sum(bool(_SUBMITTED.match(line.strip())) for line in lines)
    authors = sum(bool(_AUTHORS.match(line.strip())) for line in lines)
    return 1 if cards and 2 * authors >= cards and 3 * cards > len(lines) / 8 else 0


def parse(dump: DumpFile) -> Listing:
    """Read the page; a card whose title is missing is unread. Raises nothing."""
    rows = [(number, line) for number, line in enumerate(dump.lines, 1) if line]
    cards = [n for n, (_, line) in enumerate(rows) if _SUBMITTED.match(line)] or [len(rows)]
    dump.check_papers(len(cards))
    width = max((len(line) for _, line in rows[cards[0] :]), default=0)
    entries: list[Entry] = []
    unread: list[Unread] = []
    for start, end in zip(cards, [*cards[1:], len(rows)], strict=True):
        card = rows[start:end]
        entry = _entry(card, width, position=len(entries) + 1)
        if entry is not None:
            entries.append(entry)
        elif card:
            unread.append(Unread(line=card[0][0], reason="a card without a title", text=card[0][1][:200]))
    header = rows[: cards[0]]
    return Listing(
        format=NAME,
        printed=_printed([line for _, line in header[-HEADER_ROWS:]]),
        entries=tuple(entries),
        unread=tuple(unread),
        nonblank_lines=len(cards),
        header_lines=tuple(line for _, line in header),
        unit="card",
    )


def _entry(card: Sequence[tuple[int, str]], width: int, *, position: int) -> Entry | None:
    """The paper of a card: submitter, votes, title, perhaps an organisation, a dot, authors, comments."""
    votes = next((n for n, (_, line) in enumerate(card) if n and _VOTES.match(line)), None)
    credit = next((n for n, (_, line) in enumerate(card) if _AUTHORS.match(line) or _DOT.match(line)), None)
    if votes is None or credit is None or credit <= votes + 1:
        return None
    words = card[votes + 1 : credit]
    if len(words) > 2 or any(is_furniture(line) for _, line in words):
        return None
    if len(words) == 2 and len(words[0][1]) + 1 + len(words[1][1].split()[0]) > width:
        return None  # the lines of a wrapped title
    if len(words) == 2 and len(words[1][1]) > LONGEST_ORGANIZATION:
        return None  # two titles
    authors = next((found for _, line in card[credit:] if (found := _AUTHORS.match(line))), None)
    counts = [int(line) for _, line in card[credit:] if line.isdecimal() and len(line) < 7]
    count = _VOTES.match(card[votes][1])
    return make_entry(
        position=position,
        line=words[0][0],
        title=words[0][1],
        organization=words[1][1] if len(words) == 2 else None,
        author_count=int(authors["count"]) if authors else None,
        upvotes=read_count(count["count"]) if count and count["count"] != "-" else None,
        comments=counts[0] if counts else None,
    )


def _printed(lines: Sequence[str]) -> PartialDate | None:
    found = [printed for line in lines if (printed := read_date(line)) and printed[1] is None]
    return found[-1][0] if found else None
