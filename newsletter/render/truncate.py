"""Cuts an abstract after a sentence, or after a word where no sentence ends in reach. It reads no LaTeX."""

from __future__ import annotations

import re

# A full stop after these ends no sentence; a single capital is an initial.
_ABBREVIATIONS = re.compile(
    r"(?:^|[\s(\[“\"])(?:e\.g|i\.e|cf|vs|al|etc|resp|approx|incl|w\.r\.t|a\.k\.a|viz|ca|et|"
    r"Figs?|Eqs?|Secs?|Refs?|Tabs?|Alg|Thm|No|Nos|Vol|pp?|Dr|Prof|Mr|Mrs|Ms|St|Inc|Jr|[A-Z])\.$"
)
_END = re.compile(r"[.!?。！？][)\]\"”’]*(?=\s+[\"“(\[]?(?:[^\W_a-zß-öø-ÿ]|[a-z]*[A-Z])|\s*$|(?<=[。！？]))")
LEAST_FILLED = 0.45  # of the room; a sentence that ends earlier leaves too much of it empty
SCAN_FACTOR = 4  # times the room; characters of the text that are read


def cut(text: str, room: int) -> str:
    """The first sentences of `text` that fit into `room` characters; with … where a sentence is cut."""
    text = " ".join(text[: room * SCAN_FACTOR].split())
    if len(text) <= room:
        return text
    best = 0
    for end in _END.finditer(text, 0, room + 40):
        if end.end() <= room and not _ABBREVIATIONS.search(text[: end.start() + 1]):
            best = end.end()
    if best >= room * LEAST_FILLED:
        return text[:best]
    return shortened(text, room)


def shortened(text: str, room: int) -> str:
    """`text`, cut after a word and closed by … when it is longer than `room` characters."""
    if len(text) <= room:
        return text
    head = text[: room - 1]
    if text[room - 1] != " " and " " in head:
        head = head.rsplit(" ", 1)[0]
    return head.rstrip(" ,;:.–—-(") + "…"
