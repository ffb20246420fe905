"""Cuts an abstract after a sentence, or where that is too far, after a word."""

from __future__ import annotations

import re

# A full stop after these ends no sentence.
_ABBREVIATIONS = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|al|etc|resp|approx|Fig|Figs|Eq|Eqs|Sec|Ref|Refs|No|Dr|Prof|St|[A-Z]))\.$"
)
_END = re.compile(r"[.!?][)\]\"”’]*(?=\s+[\"“(\[]?[A-Z0-9À-Þ]|\s*$)")
LEAST = 0.45  # of the room: a shorter end of sentence leaves too much of it empty
SCAN = 4  # times the room: how far an end of sentence is looked for


def cut(text: str, room: int) -> str:
    """The first sentences of `text` that fit into `room` characters; with … where a sentence is cut."""
    text = " ".join(text[: room * SCAN].split())
    if len(text) <= room:
        return text
    best = 0
    for end in _END.finditer(text[: room + 1]):
        if end.end() <= room and not _ABBREVIATIONS.search(text[: end.start() + 1]):
            best = end.end()
    if best >= room * LEAST:
        return text[:best]
    words = text[: room - 1].rsplit(" ", 1)[0] if " " in text[: room - 1] else text[: room - 1]
    return words.rstrip(" ,;:–—-") + "…"
