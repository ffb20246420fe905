"""Compares the topics of the matcher with the labels of a careful reader: pairs of sets in, figures out.

It runs no matcher and reads no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPaper:
    """The matcher's topics of one paper, and the reader's."""

    given: AbstractSet[str]  # slugs of the strong matches
    labels: AbstractSet[str]
    borderline: bool = False  # the reader was in doubt: no answer counts as a false alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFigures:
    """How well the matcher gives one topic."""

    topic: str  # slug
    right: int  # papers given and labelled
    wrong: int  # given, not labelled
    missed: int  # labelled, not given

    @property
    def precision(self) -> float:
        """Share of the given papers that are right; 0 when none was given."""
        return self.right / (self.right + self.wrong) if self.right else 0.0

    @property
    def recall(self) -> float:
        """Share of the labelled papers that were given; 0 when none was."""
        return self.right / (self.right + self.missed) if self.right else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / (2 * self.right + self.wrong + self.missed) if self.right else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The figures of a set of papers."""

    papers: int
    topics: tuple[TopicFigures, ...]
    macro_f1: float  # mean F1 of the topics that occur in the labels
    false_alarms: int  # topics given that the labels lack; borderline papers do not count


def evaluate(papers: Iterable[JudgedPaper], topics: Sequence[str]) -> Evaluation:
    """The figures of `papers` for `topics`; labels of other topics do not count."""
    judged = list(papers)
    figures = tuple(
        TopicFigures(
            topic=topic,
            right=sum(topic in paper.given and topic in paper.labels for paper in judged),
            wrong=sum(topic in paper.given and topic not in paper.labels for paper in judged),
            missed=sum(topic in paper.labels and topic not in paper.given for paper in judged),
        )
        for topic in topics
    )
    labelled = [figure.f1 for figure in figures if figure.right + figure.missed]
    return Evaluation(
        papers=len(judged),
        topics=figures,
        macro_f1=sum(labelled) / len(labelled) if labelled else 0.0,
        false_alarms=sum(
            len((paper.given - paper.labels) & set(topics)) for paper in judged if not paper.borderline
        ),
    )
