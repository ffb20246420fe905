"""Computes from all merges and splits which papers were one at which time.

The audit uses it, so it does not read the rows that a split stores (`newsletter.papers.merging`): composing
reads those, and the audit must be able to find an error in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeDecision:
    """One merge or split that an admin decided."""

    at: datetime
    merges: bool  # else it splits
    kept: int  # paper id
    other: int  # paper id that became part of the kept one, or left it
    news: bool = False  # the admin declared the split paper news


@dataclass(frozen=True, slots=True, kw_only=True)
class Heir:
    """A paper that counts as given by every digest composed until a split that shows its source."""

    paper: int  # id
    source: int  # id of the paper that the digest shows
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedPeriod:
    """A time in which two papers were one: a digest that omitted one as given meanwhile stays right."""

    paper: int  # id
    other: int  # id that was split off; or, where that one is news, the other way round
    since: datetime
    until: datetime
    news: bool = False  # `paper` is news since the split: a later digest must bring it


@dataclass(slots=True)
class MergeHistory:
    """The outcome of all decisions."""

    # by paper id: (since when, id of the paper that it was part of), oldest first
    names: dict[int, list[tuple[datetime, int]]] = field(default_factory=dict)
    heirs: list[Heir] = field(default_factory=list)
    unions: list[MergedPeriod] = field(default_factory=list)

    def as_of(self, paper: int, at: datetime) -> int:
        """The paper that this one was part of at an instant."""
        return next((kept for since, kept in reversed(self.names.get(paper, ())) if since <= at), paper)

    def now(self, paper: int) -> int:
        """The paper that this one is part of after all decisions."""
        return self.names[paper][-1][1] if paper in self.names else paper


def replay(decisions: Iterable[MergeDecision]) -> MergeHistory:
    """Replay all decisions, oldest first. A split of papers that were never merged changes nothing."""
    history = MergeHistory()
    kept_of: dict[int, int] = {}
    for decision in decisions:
        for paper in (decision.kept, decision.other):
            kept_of.setdefault(paper, paper)
        if decision.merges:
            moved = [paper for paper, kept in kept_of.items() if kept == kept_of[decision.other]]
            for paper in moved:
                _rename(history, kept_of, paper, kept_of[decision.kept], decision.at)
        elif kept_of[decision.other] == decision.kept != decision.other:
            members = [p for p, kept in kept_of.items() if kept == decision.kept and p != decision.other]
            history.unions += [
                MergedPeriod(
                    paper=p,
                    other=decision.other,
                    since=_one_since(history, p, decision.other),
                    until=decision.at,
                )
                for p in members
            ]
            _rename(history, kept_of, decision.other, decision.other, decision.at)
            if decision.news:
                history.unions += [
                    replace(union, paper=union.other, other=union.paper, news=True)
                    for union in history.unions[-len(members) :]
                ]
            else:
                history.heirs += _inherits(history.heirs, decision.other, members, decision.at)
    return history


def _rename(history: MergeHistory, kept_of: dict[int, int], paper: int, kept: int, at: datetime) -> None:
    kept_of[paper] = kept
    history.names.setdefault(paper, []).append((at, kept))


def _one_since(history: MergeHistory, one: int, other: int) -> datetime:
    """The start of the latest unbroken time in which these two papers, which are one now, were one."""
    times = sorted({at for paper in (one, other) for at, _ in history.names.get(paper, ())})
    since = times[-1]
    for at in reversed(times):
        if history.as_of(one, at) != history.as_of(other, at):
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
