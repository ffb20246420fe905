"""Which papers were one at which time, worked out again from every merge and split. Pure.

For the audit: composing reads what splits wrote down (`newsletter.papers.merging`), and the two can disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeDecision:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedPeriod:
    """For a time a paper counted as given with the other: what a digest passed over then stays so."""

    paper: int  # id
    other: int  # id that was split off
    since: datetime
    until: datetime


@dataclass(slots=True)
class MergeHistory:
    """What the decisions say."""

    names: dict[int, list[tuple[datetime, int]]] = field(
        default_factory=dict
    )  # id to what it was, since when
    heirs: list[Heir] = field(default_factory=list)
    unions: list[MergedPeriod] = field(default_factory=list)

    def as_of(self, paper: int, at: datetime) -> int:
        """The paper that this one was part of at an instant."""
        return next((kept for since, kept in reversed(self.names.get(paper, ())) if since <= at), paper)

    def now(self, paper: int) -> int:
        """The paper that this one is part of after all decisions."""
        return self.names[paper][-1][1] if paper in self.names else paper


def replay(decisions: Iterable[MergeDecision]) -> MergeHistory:
    """Go through all decisions. To keep apart what was never one changes nothing."""
    kin = MergeHistory()
    part_of: dict[int, int] = {}
    for decision in decisions:
        for paper in (decision.kept, decision.other):
            part_of.setdefault(paper, paper)
        if decision.merges:
            moved = [paper for paper, kept in part_of.items() if kept == part_of[decision.other]]
            for paper in moved:
                _rename(kin, part_of, paper, part_of[decision.kept], decision.at)
        elif part_of[decision.other] == decision.kept != decision.other:
            members = [p for p, kept in part_of.items() if kept == decision.kept and p != decision.other]
            kin.unions += [
                MergedPeriod(
                    paper=p, other=decision.other, since=_one_since(kin, p, decision.other), until=decision.at
                )
                for p in members
            ]
            _rename(kin, part_of, decision.other, decision.other, decision.at)
            if not decision.news:
                kin.heirs += _inherits(kin.heirs, decision.other, members, decision.at)
    return kin


def _rename(kin: MergeHistory, part_of: dict[int, int], paper: int, kept: int, at: datetime) -> None:
    part_of[paper] = kept
    kin.names.setdefault(paper, []).append((at, kept))


def _one_since(kin: MergeHistory, one: int, other: int) -> datetime:
    """Since when these two, which are one now, have been so without a break."""
    times = sorted({at for paper in (one, other) for at, _ in kin.names.get(paper, ())})
    since = times[-1]
    for at in reversed(times):
        if kin.as_of(one, at) != kin.as_of(other, at):
            break
        since = at
    return since


def _inherits(before: Sequence[Heir], paper: int, members: Sequence[int], at: datetime) -> list[Heir]:
    own = [Heir(paper=paper, source=member, until=at) for member in members]
    theirs = [
        Heir(paper=paper, source=heir.source, until=heir.until)
        for heir in before
        if heir.paper in members and heir.source != paper
    ]
    return own + theirs
