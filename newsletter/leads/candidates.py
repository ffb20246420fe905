"""Lists the stretches of an abstract that may be its lead. It prefers none.

Each is a sentence without its empty opening, and cut after a clause where it is too long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from newsletter.core.papers.sentences import clause_ends, link_words, sentence_spans
from newsletter.leads.openings import begin_after_opening

LONGEST_LEAD = 320  # characters, the ellipsis of a cut one included
SHORTEST_CUT = 80  # characters; less of a long sentence says too little
ELLIPSIS = "…"
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
        cut = _last_cut(clause_ends(abstract, start, end), start) or _last_cut(
            link_words(abstract, start, end), start
        )
        if cut is not None:
            found.append(Candidate(start, cut, start > begin, True))
    return found


def _last_cut(places: Iterable[int], start: int) -> int | None:
    """The last of the places up to which a lead that begins at `start` is neither too short nor too long."""
    room = LONGEST_LEAD - len(ELLIPSIS)
    return max((place for place in places if SHORTEST_CUT <= place - start <= room), default=None)
