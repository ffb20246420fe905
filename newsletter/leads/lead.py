"""Chooses the lead of an abstract among its sentences. It writes no word of its own."""

from __future__ import annotations

from dataclasses import dataclass

from newsletter.leads.candidates import ELLIPSIS, candidates_of
from newsletter.leads.features import features_of
from newsletter.leads.model import shipped_scorer


@dataclass(frozen=True, slots=True)
class Lead:
    """A stretch of an abstract that says what the paper does or finds.

    `text` is abstract[start:end], followed by an ellipsis where the sentence goes on after `end`.
    """

    text: str
    start: int
    end: int


def lead_of(title: str, abstract: str) -> Lead | None:
    """The lead of a paper: one sentence, at most LONGEST_LEAD characters.

    An opening that points to what is not shown ("To address this gap, …") is left out; then the lead begins
    with a small letter. None where the abstract is blank, or has neither sentence nor clause of that length.
    """
    found = candidates_of(abstract)
    if not found:
        return None
    best = found[0]
    if len(found) > 1:
        texts = [abstract[one.start : one.end] for one in found]
        described = features_of(title, texts, [one.opened for one in found])
        score = shipped_scorer().score
        best = found[max(described, key=lambda place: score(described[place]))]
    text = abstract[best.start : best.end]
    return Lead(text + ELLIPSIS if best.cut else text, best.start, best.end)
