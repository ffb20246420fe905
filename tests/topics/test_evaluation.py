"""The figures: precision, recall, F1, their mean, and false alarms."""

from __future__ import annotations

import pytest

from newsletter.topics.evaluation import Evaluation, JudgedPaper, TopicFigures, evaluate


def judged(given: str, labels: str, *, borderline: bool = False) -> JudgedPaper:
    return JudgedPaper(given=set(given), labels=set(labels), borderline=borderline)


def test_evaluate_counts_right_wrong_and_missed_per_topic() -> None:
    papers = [judged("a", "a"), judged("ab", "b"), judged("", "a"), judged("c", "", borderline=True)]
    assert evaluate(papers, ("a", "b", "c")) == Evaluation(
        papers=4,
        topics=(
            TopicFigures(topic="a", right=1, wrong=1, missed=1),
            TopicFigures(topic="b", right=1, wrong=0, missed=0),
            TopicFigures(topic="c", right=0, wrong=1, missed=0),
        ),
        macro_f1=0.75,
        false_alarms=1,
    )


def test_figures_of_a_topic() -> None:
    figures = TopicFigures(topic="a", right=3, wrong=1, missed=2)
    assert (figures.precision, figures.recall) == (0.75, 0.6)
    assert figures.f1 == pytest.approx(2 / 3)


def test_figures_of_nothing_are_zero() -> None:
    figures = TopicFigures(topic="a", right=0, wrong=0, missed=0)
    assert (figures.precision, figures.recall, figures.f1) == (0.0, 0.0, 0.0)
    assert evaluate([], ("a",)).macro_f1 == 0.0
