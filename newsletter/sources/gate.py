"""Refuses entries that are no papers, whatever format they come from: page furniture, recurring titles.

It changes no entry. A refused one becomes an unread part of the listing, with the reason.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator

from newsletter.core.papers.identity import keys_of, title_key
from newsletter.core.papers.listing import Entry, Listing, Unread

SHORTEST_SENTENCE = 25  # characters of a title's key; shorter ones occur in other papers' abstracts by chance
_FURNITURE = re.compile(
    r"""submitted\ by\b.*|(?:\+|[^\w\s])*\s*\d[\d,.]*k?|[-·•]+|.{0,60}\ ?·?\ ?\d+\ authors?
    |(?:sign|log)\ ?(?:in|up|out)|(?:page|file)?\ ?not\ found|404.*|403.*|(?:access\ denied|forbidden)
    |just\ a\ moment.*|(?:verify|checking).*(?:human|browser).*|are\ you\ a\ (?:human|robot).*
    |error|untitled|untitled\ document|loading.*|skip\ to\ (?:main\ )?content
    |(?:accept|reject|manage)\ (?:all\ )?cookies.*|.*we\ use\ cookies.*
    |cookie\ (?:policy|settings|preferences)|privacy(?:\ policy)?|terms(?:\ of\ (?:use|service))?
    |about(?:\ us)?|contact(?:\ us)?|help|home|menu|search|subscribe|unsubscribe|previous|next|upvote
    |(?:load|show|see)\ more|view\ (?:all|more|pdf|paper)""",
    re.IGNORECASE | re.VERBOSE,
)


def admit(listing: Listing) -> Listing:
    """The listing with its papers alone; what is refused is in `unread`. Positions are numbered again."""
    reasons = dict(_refused(listing.entries))
    if not reasons:
        return listing
    entries = [entry for entry in listing.entries if entry.position not in reasons]
    refused = [
        Unread(line=entry.line, reason=reasons[entry.position], text=entry.title[:200])
        for entry in listing.entries
        if entry.position in reasons
    ]
    return dataclasses.replace(
        listing,
        entries=tuple(dataclasses.replace(entry, position=n) for n, entry in enumerate(entries, 1)),
        unread=tuple(sorted((*listing.unread, *refused), key=lambda item: item.line)),
    )


def is_furniture(text: str) -> bool:
    """Whether a line is part of a page around its papers: a button, a count, a notice."""
    return not any(char.isalpha() for char in text) or _FURNITURE.fullmatch(text) is not None


def _refused(entries: tuple[Entry, ...]) -> Iterator[tuple[int, str]]:
    """(position, reason) of each entry that is no paper."""
    keys = [keys_of(entry) for entry in entries]
    titles = Counter(key.title for key in keys)
    holders: dict[tuple[str, str], str] = {}
    sentences = _sentences(entries)
    for entry, key in zip(entries, keys, strict=True):
        if is_furniture(entry.title):
            yield entry.position, "part of the page, not a paper"
        elif titles[key.title] > 1 and not entry.abstract and not key.identifiers:
            yield entry.position, "a line that recurs, not a title"
        elif sentences.get(key.title, entry.position) != entry.position:
            yield entry.position, "a sentence of another paper's abstract"
        elif any(holders.get(identifier, key.title) != key.title for identifier in key.identifiers):
            yield entry.position, "the identifier of another entry"
        else:
            holders |= dict.fromkeys(key.identifiers, key.title)


def _sentences(entries: tuple[Entry, ...]) -> dict[str, int]:
    """The position of the entry whose abstract holds a sentence, by the sentence's key."""
    found: dict[str, int] = {}
    for entry in entries:
        for sentence in re.split(r"(?<=[.!?])\s+", entry.abstract):
            key = title_key(sentence) if len(sentence) < 400 else ""
            if len(key) >= SHORTEST_SENTENCE:
                found.setdefault(key, entry.position)
    return found
