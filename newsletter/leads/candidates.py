"""Lists the stretches of an abstract that may be its lead. It prefers none.

Each is a sentence without its empty opening, and cut after a clause where it is too long.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from newsletter.core.papers.sentences import clause_ends, link_words, sentence_spans
from newsletter.leads.openings import begin_after_opening

LONGEST_LEAD = 320  # characters, the ellipsis of a cut one included
SHORTEST_CUT = 80  # characters; less of a long sentence says too little
GOOD_CUT = 110  # characters before a clause; where less would be left, a list may be cut
ELLIPSIS = "…"
_CLAUSE_FOLLOWS = re.compile(
    r";|\s*[–—]|,\s+(?:and|but|which|while|whereas|where|when|so|thus|thereby|we|\w+ing|\(\w{1,4}\))[\s,]"
)
MOST_SENTENCES = 40  # of an abstract; later ones are no lead


class Candidate(NamedTuple):
    """A stretch of an abstract: a sentence, or clauses of one."""

    start: int
    end: int
    opened: bool  # an empty opening before it is left out
    cut: bool  # the sentence goes on after it


def candidates_of(abstract: str) -> list[Candidate]:
    """The stretches of at most LONGEST_LEAD characters, one for each sentence that has one."""
    found = []
    for begin, end in sentence_spans(abstract)[:MOST_SENTENCES]:
        start = begin_after_opening(abstract, begin, end)
        if end - start <= LONGEST_LEAD:
            found.append(Candidate(start, end, start > begin, False))
            continue
        cut = _cut_of(abstract, start, end)
        if cut is not None:
            found.append(Candidate(start, cut, start > begin, True))
    return found


def _cut_of(abstract: str, start: int, end: int) -> int | None:
    """Where a lead that begins at `start` is cut: rather where a clause follows than within a list."""
    room = start + LONGEST_LEAD - len(ELLIPSIS)
    ends = [place for place in clause_ends(abstract, start, end) if start + SHORTEST_CUT <= place <= room]
    good = [place for place in ends if place >= start + GOOD_CUT and _CLAUSE_FOLLOWS.match(abstract, place)]
    if good or ends:
        return (good or ends)[-1]
    words = [place for place in link_words(abstract, start, end) if start + SHORTEST_CUT <= place <= room]
    return words[-1] if words else None
