"""The leads of real papers of months that no training touched, against what a model wrote about them."""

from __future__ import annotations

from statistics import mean

import pytest

from newsletter.leads import LONGEST_LEAD, lead_of
from tests.leads.archive import HELD_OUT_MONTHS, SummarizedPaper, common_subsequence, papers, rouge_l
from tests.leads.ship_weights import seen_papers
from tests.shared_data import needs_shared

LEAST_RATIO = 1.05  # of the lead's ROUGE-L to that of the first sentence with "we propose" or the like


def held_out() -> list[SummarizedPaper]:
    return [paper for paper in papers() if paper.held_out]


def lead_text(paper: SummarizedPaper) -> str:
    lead = lead_of(paper.title, paper.abstract)
    assert lead is not None
    return lead.text


@needs_shared
def test_no_training_touches_the_held_out_months() -> None:
    assert {paper.month for paper in held_out()} == HELD_OUT_MONTHS
    assert len(held_out()) >= 600
    assert HELD_OUT_MONTHS.isdisjoint(paper.month for paper in seen_papers())


@needs_shared
def test_leads_of_the_archive_are_verbatim_and_short() -> None:
    for paper in papers():
        lead = lead_of(paper.title, paper.abstract)
        assert lead is not None
        assert lead.text.removesuffix("…") == paper.abstract[lead.start : lead.end]
        assert len(lead.text) <= LONGEST_LEAD


@needs_shared
@pytest.mark.prove
def test_leads_say_more_of_the_summary_than_the_first_claim() -> None:
    found = held_out()
    figures = {
        "first sentence": mean(paper.rouge(paper.sentences()[0]) for paper in found),
        "first claim": mean(paper.rouge(paper.cue_sentence()) for paper in found),
        "lead": mean(paper.rouge(lead_text(paper)) for paper in found),
        "best sentence": mean(max(map(paper.rouge, paper.sentences())) for paper in found),
    }
    ratio = figures["lead"] / figures["first claim"]
    print(f"\n{len(found)} papers, ROUGE-L: {figures}; lead / first claim: {ratio:.3f}")  # noqa: T201
    assert ratio >= LEAST_RATIO


@pytest.mark.parametrize(
    ("one", "two", "length"),
    [
        ("", "", 0),
        ("a", "", 0),
        ("a b c", "a b c", 3),
        ("a b c d", "b x d", 2),
        ("a b a b", "b a b a", 3),
        ("x y", "a b", 0),
        ("a " * 70, "a " * 65, 65),
    ],
)
def test_common_subsequence_has_this_length(one: str, two: str, length: int) -> None:
    assert common_subsequence(one.split(), two.split()) == length
    assert common_subsequence(two.split(), one.split()) == length


def test_rouge_l_is_the_mean_of_precision_and_recall() -> None:
    assert rouge_l(["the", "lamp", "burns"], ["a", "lamp", "that", "burns", "well"]) == pytest.approx(
        2 * 2 / (3 + 5)
    )
    assert rouge_l([], ["lamp"]) == 0.0
