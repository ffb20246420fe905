"""Cuts an abstract after a sentence, or after a word where no sentence ends in reach. It reads no LaTeX."""

from __future__ import annotations

import re

from newsletter.core.papers.sentences import clause_ends, sentence_spans

_HANGING = re.compile(  # words at a cut that lead to nothing
    r"(?:\s+(?:an?|the|of|and|or|for|to|in|on|by|with|that|which|as|via|from|at|its|their|is|are|be|into))+…$"
)
LEAST_FILLED = 0.45  # of the room; a sentence that ends earlier leaves too much of it empty
LEAST_OF_A_LINE = 0.6  # of the room; a clause that ends earlier says too little
SCAN_FACTOR = 4  # times the room; characters of the text that are read


def cut(text: str, room: int) -> str:
    """The first sentences of `text` that fit into `room` characters; with … where a sentence is cut."""
    text = " ".join(text[: room * SCAN_FACTOR].split())
    if len(text) <= room:
        return text
    spans = sentence_spans(text[: room + 40])  # with some of the next sentence, to tell that it begins
    best = max((end for _, end in spans if end <= room), default=0)
    if best >= room * LEAST_FILLED:
        return text[:best]
    return shortened(text, room)


def one_line(text: str, room: int) -> str:
    """The beginning of a sentence, in `room` characters: its first clauses, or as many words as fit."""
    if len(text) <= room:
        return text
    ends = [end for end in clause_ends(text, 0, len(text)) if room * LEAST_OF_A_LINE <= end < room]
    if ends:
        return f"{text[: ends[-1]]}…"
    return _HANGING.sub("…", shortened(text, room))


def shortened(text: str, room: int) -> str:
    """`text`, cut after a word and closed by … when it is longer than `room` characters."""
    if len(text) <= room:
        return text
    head = text[: room - 1]
    if text[room - 1] != " " and " " in head:
        head = head.rsplit(" ", 1)[0]
    return head.rstrip(" ,;:.–—-(") + "…"
