"""Cuts an abstract after a sentence, or after a word where no sentence ends in reach. It reads no LaTeX."""

from __future__ import annotations

from newsletter.core.papers.sentences import sentence_spans

LEAST_FILLED = 0.45  # of the room; a sentence that ends earlier leaves too much of it empty
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


def shortened(text: str, room: int) -> str:
    """`text`, cut after a word and closed by … when it is longer than `room` characters."""
    if len(text) <= room:
        return text
    head = text[: room - 1]
    if text[room - 1] != " " and " " in head:
        head = head.rsplit(" ", 1)[0]
    return head.rstrip(" ,;:.–—-(") + "…"
