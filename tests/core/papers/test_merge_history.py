"""Replayed merges and splits: which papers were one, and which inherit."""

from __future__ import annotations

from datetime import UTC, datetime

from newsletter.core.papers.merge_history import Heir, MergeDecision, MergedPeriod, replay


def at(hour: int) -> datetime:
    return datetime(2026, 4, 14, hour, tzinfo=UTC)


def merge(hour: int, kept: int, other: int) -> MergeDecision:
    return MergeDecision(at=at(hour), merges=True, kept=kept, other=other)


def split(hour: int, kept: int, other: int, *, news: bool = False) -> MergeDecision:
    return MergeDecision(at=at(hour), merges=False, kept=kept, other=other, news=news)


def test_papers_merged_in_turn_have_the_last_name() -> None:
    history = replay([merge(1, 2, 3), merge(2, 1, 2)])
    assert history.names == {3: [(at(1), 2), (at(2), 1)], 2: [(at(2), 1)]}
    assert [history.now(paper) for paper in (1, 2, 3, 4)] == [1, 1, 1, 4]


def test_a_paper_split_off_inherits_from_all_papers_merged_with_it() -> None:
    history = replay([merge(1, 2, 3), merge(2, 1, 2), split(5, 1, 3)])
    assert history.heirs == [Heir(paper=3, source=source, until=at(5)) for source in (2, 1)]
    assert history.now(3) == 3


def test_an_heir_passes_its_inheritance_on() -> None:
    history = replay([merge(1, 1, 2), split(2, 1, 2), merge(3, 2, 3), split(4, 2, 3)])
    assert history.heirs[1:] == [Heir(paper=3, source=2, until=at(4)), Heir(paper=3, source=1, until=at(2))]


def test_news_and_papers_that_never_were_one_inherit_nothing() -> None:
    assert replay([merge(1, 1, 2), split(2, 1, 2, news=True)]).heirs == []
    assert replay([merge(1, 1, 2), split(2, 3, 2), split(3, 3, 4)]).heirs == []


def test_papers_were_one_from_the_merge_that_joined_them_to_the_split() -> None:
    history = replay([merge(1, 2, 3), merge(2, 1, 2), split(5, 1, 3)])
    assert history.unions == [
        MergedPeriod(paper=2, other=3, since=at(1), until=at(5)),
        MergedPeriod(paper=1, other=3, since=at(2), until=at(5)),
    ]


def test_a_paper_that_is_news_after_its_split_was_one_with_the_others_until_then() -> None:
    history = replay([merge(1, 1, 2), split(5, 1, 2, news=True)])
    assert history.unions == [
        MergedPeriod(paper=1, other=2, since=at(1), until=at(5)),
        MergedPeriod(paper=2, other=1, since=at(1), until=at(5), news=True),
    ]
