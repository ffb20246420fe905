"""The shipped topics on papers of days that no training touched, with our own labels.

These are floors a little below what was measured when the weights were made. `near` papers were drawn because
keywords, categories or an earlier model doubted them: they are harder than what a newsletter gets.
"""

from __future__ import annotations

import pytest

from newsletter.topics.definitions import load_topics
from newsletter.topics.evaluation import Evaluation, JudgedPaper, evaluate
from newsletter.topics.matcher import Matcher
from newsletter.topics.model import load_weights, matcher_of
from tests.shared_data import needs_shared
from tests.topics.archive import ArchivePaper, labels, papers
from tests.topics.test_quality import real

HELD_OUT_DRAWS = {"random", "kind", "near"}


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return matcher_of(load_topics(), load_weights())


def given(matcher: Matcher, paper: ArchivePaper, *, categories: bool) -> set[str]:
    known = paper.categories if categories else ()
    matches = matcher.match(paper.title, paper.abstract, known)
    return {match.topic for match in matches if match.strength == "strong"}


def figures(matcher: Matcher, *, categories: bool, borderline: bool) -> Evaluation:
    archive = papers()
    return evaluate(
        [
            JudgedPaper(
                given=given(matcher, archive[label.id], categories=categories),
                labels=label.topics,
                borderline=label.borderline,
            )
            for label in labels()
            if label.draw in HELD_OUT_DRAWS and (borderline or not label.borderline)
        ],
        matcher.slugs,
    )


def test_labels_name_known_topics_and_each_paper_once() -> None:
    rows = labels()
    assert len({row.id for row in rows}) == len(rows)
    assert frozenset().union(*(row.topics for row in rows)) == set(load_topics()) - {"everything"}
    assert sum(row.draw == "random" for row in rows) == 300
    assert {row.draw for row in rows} == {"train", "given", *HELD_OUT_DRAWS}


@needs_shared
def test_no_training_touches_the_held_out_papers() -> None:
    archive = papers()
    assert {row.draw for row in labels() if not archive[row.id].held_out} == {"train"}
    assert all(not archive[row.id].held_out for row in labels() if row.draw == "train")


@needs_shared
@pytest.mark.parametrize(
    ("categories", "borderline", "macro", "each"),
    [
        (False, True, 0.86, 0.75),
        (False, False, 0.93, 0.87),
        (True, True, 0.87, 0.75),
        (True, False, 0.94, 0.87),
    ],
)
def test_held_out_papers_stay_above_the_floor(
    matcher: Matcher, categories: bool, borderline: bool, macro: float, each: float
) -> None:
    found = figures(matcher, categories=categories, borderline=borderline)
    assert found.macro_f1 >= macro
    assert min(topic.f1 for topic in found.topics) >= each


@needs_shared
def test_categories_do_not_worsen_the_held_out_papers(matcher: Matcher) -> None:
    with_categories = figures(matcher, categories=True, borderline=True)
    without = figures(matcher, categories=False, borderline=True)
    assert with_categories.macro_f1 >= without.macro_f1


def _letters(title: str) -> str:
    return "".join(letter for letter in title.lower() if letter.isalnum())


@needs_shared
def test_held_out_daily_papers_raise_at_most_three_false_alarms_in_a_thousand(matcher: Matcher) -> None:
    read = {row.id: row for row in labels()}
    trained = {_letters(row["title"]) for name in ("listings", "dev", "background") for row in real(name)}
    daily = [
        paper
        for paper in papers().values()
        if paper.daily and paper.held_out and _letters(paper.title) not in trained
    ]
    assert len(daily) > 1_400
    alarms = []
    for paper in daily:
        topics = given(matcher, paper, categories=False)
        label = read.get(paper.id)
        if label is None or not label.borderline:
            alarms += [(paper.id, topic) for topic in topics - (label.topics if label else set())]
    assert len(alarms) <= 0.003 * len(daily), alarms
