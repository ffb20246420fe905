"""Chooses one sentence of an abstract as the lead, or its first clauses where it is too long.

It writes no word of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.core.papers.sentences import clause_ends, sentence_spans

LONGEST_LEAD = 320  # characters, the ellipsis of a cut one included
SHORTEST_CUT = 80  # characters; less of a long sentence says too little
ELLIPSIS = "…"
_CUE = re.compile(
    r"\b[Ww]e\s+(?:\w+\s+)?(?:propose|present|introduce|show|find|develop|describe|report|demonstrate)\b"
)


@dataclass(frozen=True, slots=True)
class Lead:
    """A stretch of an abstract that says what the paper does or finds.

    `text` is abstract[start:end], followed by an ellipsis where the sentence goes on after `end`.
    """

    text: str
    start: int
    end: int


def lead_of(title: str, abstract: str) -> Lead | None:
    """The lead of a paper, at most LONGEST_LEAD characters.

    None where the abstract is blank, or has neither sentence nor clause of that length.
    """
    found = [lead for span in sentence_spans(abstract) if (lead := _fitted(abstract, *span))]
    if not found:
        return None
    return next((lead for lead in found if _CUE.search(lead.text)), found[0])


def _fitted(abstract: str, start: int, end: int) -> Lead | None:
    """The sentence; where it is too long, as many of its clauses as fit; None where not even one does."""
    if end - start <= LONGEST_LEAD:
        return Lead(abstract[start:end], start, end)
    room = start + LONGEST_LEAD - len(ELLIPSIS)
    fits = [at for at in clause_ends(abstract, start, end) if start + SHORTEST_CUT <= at <= room]
    return Lead(abstract[start : fits[-1]] + ELLIPSIS, start, fits[-1]) if fits else None
