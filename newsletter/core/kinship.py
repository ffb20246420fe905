"""Which papers were one at which time, worked out again from every merge and split. Pure.

For the audit: composing reads what splits wrote down (`newsletter.papers.merging`), and the two can disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One merge or split; in the order in which they were taken."""

    at: datetime
    merges: bool  # else it splits
    kept: int  # paper id
    other: int  # paper id that became part of the kept one, or left it
    news: bool = False  # a split paper that was said to be news


@dataclass(frozen=True, slots=True, kw_only=True)
class Heir:
    """A paper that counts as given wherever another stood, in what was composed until a split."""

    paper: int  # id
    source: int  # id under which the other stood
    until: datetime


@dataclass(slots=True)
class Kinship:
    """What the decisions say."""

    names: dict[int, list[tuple[datetime, int]]] = field(
        default_factory=dict
    )  # id to what it was, since when
    heirs: list[Heir] = field(default_factory=list)

    def now(self, paper: int) -> int:
        """The paper that this one is part of after all decisions."""
        return self.names[paper][-1][1] if paper in self.names else paper


def replay(decisions: Iterable[Decision]) -> Kinship:
    """Go through all decisions. To keep apart what was never one changes nothing."""
    kin = Kinship()
    part_of: dict[int, int] = {}
    for decision in decisions:
        for paper in (decision.kept, decision.other):
            part_of.setdefault(paper, paper)
        if decision.merges:
            moved = [paper for paper, kept in part_of.items() if kept == part_of[decision.other]]
            for paper in moved:
                _rename(kin, part_of, paper, part_of[decision.kept], decision.at)
        elif part_of[decision.other] == decision.kept != decision.other:
            _rename(kin, part_of, decision.other, decision.other, decision.at)
            if not decision.news:
                members = [paper for paper, kept in part_of.items() if kept == decision.kept]
                kin.heirs += _inherits(kin.heirs, decision.other, members, decision.at)
    return kin


def _rename(kin: Kinship, part_of: dict[int, int], paper: int, kept: int, at: datetime) -> None:
    part_of[paper] = kept
    kin.names.setdefault(paper, []).append((at, kept))


def _inherits(before: Sequence[Heir], paper: int, members: Sequence[int], at: datetime) -> list[Heir]:
    own = [Heir(paper=paper, source=member, until=at) for member in members]
    theirs = [
        Heir(paper=paper, source=heir.source, until=heir.until)
        for heir in before
        if heir.paper in members and heir.source != paper
    ]
    return own + theirs
