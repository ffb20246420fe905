"""Fits a digest into its size: cards shrink to rows, rows to titles, then papers wait for the next digest.

Knows no size of its own: the renderer tells what each paper takes, and how many bytes there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from newsletter.core.debts.digest_plan import PlannedPaper
from newsletter.core.states import Form

SPARED = 10  # of the strongest papers, which stay cards while there is something else to shorten
FROM_LONG_TO_SHORT = (Form.FULL, Form.SHORT, Form.ROW, Form.TITLE, Form.LEFT)
_STEPS = (  # what papers shrink to, the weakest first, and how many of the strongest are spared
    (Form.SHORT, 0),
    (Form.ROW, SPARED),
    (Form.TITLE, SPARED),
    (Form.ROW, 0),
    (Form.TITLE, 0),
    (Form.LEFT, 0),
)


def fit(
    news: Sequence[PlannedPaper],
    *,
    first: frozenset[int],
    budget: int,
    maximum: int | None,
    cards: int | None = None,
    size_of: Callable[[PlannedPaper], int],
) -> tuple[tuple[PlannedPaper, ...], tuple[PlannedPaper, ...]]:
    """Show the strongest papers of each section as cards and the others as rows; shrink them until all fit.

    news: arranged papers. first: ids of papers that must not be left out again while others stay. budget:
    bytes for the papers. maximum: papers at most. cards: papers shown at length; None: all. size_of: bytes of
    one planned paper in its form.
    Returns what is shown, in order, and what is left out, in the order in which it will lead.
    """
    kept = as_wished(news, first=first, maximum=maximum, cards=cards)
    sizes = [size_of(paper) for paper in kept]
    total = sum(sizes)
    for smaller, spared in _STEPS:
        for n in range(len(kept) - 1, spared - 1, -1):
            if total <= budget:
                break
            if _length(smaller) > _length(kept[n].form):
                kept[n] = replace(kept[n], form=smaller)
                total -= sizes[n]
                sizes[n] = 0 if smaller is Form.LEFT else size_of(kept[n])
                total += sizes[n]
    forms = {paper.paper_id: paper.form for paper in kept}
    shown = tuple(
        replace(paper, form=forms[paper.paper_id])
        for paper in news
        if forms.get(paper.paper_id, Form.LEFT) is not Form.LEFT
    )
    left = tuple(
        replace(paper, form=Form.LEFT)
        for paper in by_urgency(news, first=first)
        if forms.get(paper.paper_id, Form.LEFT) is Form.LEFT
    )
    return shown, left


def as_wished(
    news: Sequence[PlannedPaper], *, first: frozenset[int], maximum: int | None, cards: int | None
) -> list[PlannedPaper]:
    """The papers that a digest would show if it had room, each in its form, the most urgent first.

    The arguments are those of `fit`.
    """
    kept = by_urgency(news, first=first)[: None if maximum is None else max(maximum, 1)]
    most = len(kept) if cards is None else cards
    return [replace(paper, form=Form.FULL if n < most else Form.ROW) for n, paper in enumerate(kept)]


def by_urgency(news: Sequence[PlannedPaper], *, first: frozenset[int]) -> list[PlannedPaper]:
    """Papers left out before are shortened last; then each section's best before any section's rest."""
    depth: dict[str, int] = {}
    urgency: dict[int, tuple[int, int, int]] = {}
    for position, paper in enumerate(news):
        depth[paper.topic] = depth.get(paper.topic, 0) + 1
        urgency[paper.paper_id] = (0 if paper.paper_id in first else 1, depth[paper.topic], position)
    return sorted(news, key=lambda paper: urgency[paper.paper_id])


def _length(form: Form) -> int:
    return FROM_LONG_TO_SHORT.index(form)
