"""Fits a digest into its size: abstracts shrink, then only titles stay, then papers wait for the next digest.

Knows no size of its own: the renderer tells what each paper takes, and how many bytes there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from newsletter.core.debts.digest_plan import PlannedPaper
from newsletter.core.states import Form


def fit(
    news: Sequence[PlannedPaper],
    *,
    first: frozenset[int],
    budget: int,
    maximum: int | None,
    size_of: Callable[[PlannedPaper], int],
) -> tuple[tuple[PlannedPaper, ...], tuple[PlannedPaper, ...]]:
    """Shorten abstracts, then keep only titles, then leave papers out, until the rest fits.

    news: arranged papers. first: ids of papers that must not be left out again while others stay. budget:
    bytes for the papers. maximum: papers at most. size_of: bytes of one planned paper in its form.
    Returns what is shown, in order, and what is left out, in the order in which it will lead.
    """
    # Papers left out before are shortened last; then each section's best before any section's rest.
    depth: dict[str, int] = {}
    urgency: dict[int, tuple[int, int, int]] = {}
    for position, paper in enumerate(news):
        depth[paper.topic] = depth.get(paper.topic, 0) + 1
        urgency[paper.paper_id] = (0 if paper.paper_id in first else 1, depth[paper.topic], position)
    by_urgency = sorted(news, key=lambda paper: urgency[paper.paper_id])
    kept = by_urgency if maximum is None else by_urgency[: max(maximum, 1)]
    forms = {paper.paper_id: Form.FULL for paper in kept}
    total = sum(size_of(paper) for paper in kept)
    for smaller in (Form.SHORT, Form.TITLE, Form.LEFT):
        for paper in reversed(kept):
            if total <= budget:
                break
            now = size_of(replace(paper, form=forms[paper.paper_id]))
            then = 0 if smaller is Form.LEFT else size_of(replace(paper, form=smaller))
            total += then - now
            forms[paper.paper_id] = smaller
    shown = tuple(
        replace(paper, form=forms[paper.paper_id])
        for paper in news
        if forms.get(paper.paper_id, Form.LEFT) is not Form.LEFT
    )
    left = tuple(
        replace(paper, form=Form.LEFT)
        for paper in by_urgency
        if forms.get(paper.paper_id, Form.LEFT) is Form.LEFT
    )
    return shown, left
