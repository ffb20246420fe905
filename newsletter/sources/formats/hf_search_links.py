"""Reads Hugging Face's search pages as note programs export them: text with links in lines of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from newsletter.core.papers.listing import Entry, Listing, PartialDate, Unread
from newsletter.sources.dump_file import DumpFile
from newsletter.sources.entries import make_entry
from newsletter.sources.gate import is_furniture
from newsletter.sources.hf_records import PAGE
from newsletter.sources.printed_dates import read_count, read_date
from newsletter.sources.text.cleaning import had_room

NAME = "hf-search-links"
ABOUT = "a search page of Hugging Face's papers as text with its links in lines of their own"

LONG = 200  # characters; a page with such lines was not wrapped, and its titles have one line
SHORT = 30  # characters; a line of a wrapped title is longer
_VOTE_LINK = re.compile(r"https?://huggingface\.co/login\?next=%2Fpapers%2F(?P<id>\d{4}\.\d{4,5})$")
_PAPER_LINK = re.compile(r"https?://huggingface\.co/papers/(?P<id>\d{4}\.\d{4,5})$")
_COMMUNITY = re.compile(r"https?://huggingface\.co/papers/\d{4}\.\d{4,5}#community$")
_PROFILE = re.compile(r"https?://huggingface\.co/[\w.-]+$")
_AUTHORS = re.compile(r"(?:\[|[-•*])?\s*(?P<count>\d{1,5}) authors?\b")
_VOTES = re.compile(r"(?:\[[ x-]?\]\s*)?(?P<count>\d[\d,]*(?:\.\d+)?k?|-)$")


def recognise(dump: DumpFile) -> float:
    """Return how surely the dump is such a page, from 0 (not at all) to 1 (surely)."""
    if "%2Fpapers%2F" not in dump.head:
        return 0
    lines = [line.strip() for line in dump.head.splitlines()]
    votes = sum(bool(_VOTE_LINK.match(line)) for line in lines)
    return 0.95 if votes and sum(bool(_PAPER_LINK.match(line)) for line in lines) >= votes else 0


def parse(dump: DumpFile) -> Listing:
    """Read the page; a card without a title is unread. Raises nothing."""
    rows = [(number, line) for number, line in enumerate(dump.lines, 1) if line]
    widest = max((len(line) for _, line in rows if " " in line), default=0)
    width = widest if all(len(line) <= LONG for _, line in rows) else 0
    starts = [n for n, (_, line) in enumerate(rows) if _VOTE_LINK.match(line)] or [len(rows)]
    dump.check_papers(len(starts))
    entries: list[Entry] = []
    unread: list[Unread] = []
    for start, end in zip(starts, [*starts[1:], len(rows) + 1], strict=True):
        card = rows[start : end - 1]  # the last line before the next link is the next paper's votes
        entry = (
            _entry(card, rows[start - 1][1] if start else "", width, position=len(entries) + 1)
            if card
            else None
        )
        if entry is not None:
            entries.append(entry)
        elif card:
            unread.append(Unread(line=card[0][0], reason="a card without a title", text=card[0][1][:200]))
    return Listing(
        format=NAME,
        printed=_printed([line for _, line in rows[: starts[0]]]),
        entries=tuple(entries),
        unread=tuple(unread),
        nonblank_lines=len(starts),
        unit="card",
    )


def _entry(card: Sequence[tuple[int, str]], votes_line: str, width: int, *, position: int) -> Entry | None:
    """The paper of a card; None without a title. width: columns of a page that was wrapped, else 0."""
    link = _VOTE_LINK.match(card[0][1])
    assert link is not None
    own = [
        n
        for n, (_, line) in enumerate(card)
        if (found := _PAPER_LINK.match(line)) and found["id"] == link["id"]
    ]
    if not own or own[0] < 2:
        return None
    words = [line for _, line in card[1 : own[0]]]
    if len(words) > 1 and (not width or any(len(line) < SHORT or is_furniture(line) for line in words[:-1])):
        return None
    if any(had_room(line, following, width) for line, following in pairwise(words)):
        return None  # a line of another text stands below the title
    abstract = " ".join(line for _, line in card[own[0] + 1 : own[1]]) if len(own) > 1 else ""
    rest = [line for _, line in card[(own[1] if len(own) > 1 else own[0]) + 1 :]]
    authors = next((found for line in rest if (found := _AUTHORS.match(line))), None)
    printed = next((day for line in rest if (day := read_date(line))), None)
    organization = next((a for a, b in pairwise(rest) if _PROFILE.match(b)), None)
    said = next((a for a, b in pairwise(rest) if _COMMUNITY.match(b)), "")
    votes = _VOTES.match(votes_line)
    return make_entry(
        position=position,
        line=card[1][0],
        title=" ".join(words),
        abstract=abstract,
        published=printed[0] if printed else None,
        arxiv_id=link["id"],
        url=PAGE + link["id"],
        author_count=int(authors["count"]) if authors else None,
        organization=organization if authors is None else None,
        comments=int(said) if said.isdecimal() and len(said) < 7 else None,
        upvotes=read_count(votes["count"]) if votes and votes["count"] != "-" else None,
    )


def _printed(header: Sequence[str]) -> PartialDate | None:
    found = [printed for line in header if (printed := read_date(line)) and printed[1] is None]
    return found[-1][0] if found else None
